/** What the process's descriptors 0 to 2 are, and complete writes to them. Bun's process.stdout loses output on process.exit and is slow to load. */
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";

const TCGETS = 0x5401;
const POLLOUT = 4;
const EINTR = -4;
const EAGAIN = -11;
const encoder = new TextEncoder();

/** Whether `fd` is a terminal: it answers TCGETS, as isatty(3) asks. */
export function isTerminal(fd: number): boolean {
  // struct termios of the kernel is 36 bytes on every architecture that we build for (asm-generic/termbits.h).
  return syscall(SYSCALLS.ioctl, fd, TCGETS, address(new Uint8Array(64))) === 0;
}

/** Blocks until `fd` takes bytes again (a pipe whose other end made it non-blocking), or is closed at the other end. */
function waitWritable(fd: number): void {
  const pollfd = new Int32Array([fd, POLLOUT]);
  syscall(SYSCALLS.ppoll, address(pollfd), 1, 0, 0, 0);
}

/** Writes all of `text` to `fd`, however slow its reader is. Returns 0, or -errno of the write that failed (-32 is EPIPE). */
export function writeAll(fd: number, text: string): number {
  return writeBytes(fd, encoder.encode(text));
}

/** As writeAll. */
export function writeBytes(fd: number, bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; ) {
    const n = syscall(SYSCALLS.write, fd, address(bytes) + at, bytes.length - at);
    if (n >= 0) at += n;
    else if (n === EAGAIN) waitWritable(fd);
    else if (n !== EINTR) return n;
  }
  return 0;
}
