/* Raw system calls, without libc. A result in [-4095, -1] is -errno, as the kernel returns it. */
#ifndef PIDBOX_SYSCALL_H
#define PIDBOX_SYSCALL_H

typedef long word;

static inline word system_call(word nr, word a, word b, word c, word d, word e, word f)
{
#if defined(__x86_64__)
	word result;
	register word r10 __asm__("r10") = d;
	register word r8 __asm__("r8") = e;
	register word r9 __asm__("r9") = f;
	/* SAFETY: the x86-64 ABI: rcx and r11 are clobbered; memory, because the kernel may write through any pointer. */
	__asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register word x8 __asm__("x8") = nr;
	register word x0 __asm__("x0") = a;
	register word x1 __asm__("x1") = b;
	register word x2 __asm__("x2") = c;
	register word x3 __asm__("x3") = d;
	register word x4 __asm__("x4") = e;
	register word x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#else
#error "no system call sequence for this architecture"
#endif
}

#endif
