/**
 * The built-in seccomp profiles, as OCI profiles: `default` for `run`, `strict` for `do`, and those of the built-in init and of the relay of published ports.
 *
 * i386 and x32 are refused by all of them: `architectures` names the native ABI only. Docker covers i386, but there socketcall(2) hides the address
 * family from every filter (so AF_ALG could not be denied without breaking 32-bit programs' sockets), and the compat entry points are attack surface
 * that few images use. An image of 32-bit programs needs a profile of its own.
 */
import type { LinuxSeccomp, SeccompArg, SeccompSyscall } from "../spec/runtime-config.ts";
import { ERRNO } from "../kernel/abi/errno-table.ts";
import { CAPABILITY_GROUPS, COMMON_GROUPS, DEFAULT_GROUPS, INIT_GROUP, RELAY_GROUP } from "./seccomp-groups.ts";

/** The capabilities of `run`'s containers, inside their user namespace; `builtinFilter("default")` is compiled for these. */
export const DEFAULT_CAPABILITIES = [
  "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
] as const;

const AF = { UNIX: 1, INET: 2, INET6: 10, NETLINK: 16, ALG: 38, VSOCK: 40 } as const;
const NETLINK_ROUTE = 0;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET of linux/sched.h. */
const CLONE_NAMESPACES = 0x7e02_0000;
/** In clone's flags this bit is part of the exit signal; unshare takes it as CLONE_NEWTIME. */
const CLONE_NEWTIME = 0x80;

/** ioctls that put input into a terminal or its selection: a way out through a terminal that is shared with the host (CVE-2017-5226, CVE-2023-28100). */
const TERMINAL_INJECTION = { TIOCSTI: 0x5412, TIOCLINUX: 0x541c } as const;

const PER_LINUX32 = 8;
const UNAME26 = 0x2_0000;
const QUERY_PERSONALITY = 0xffff_ffff;

// Kernel parameters of type int: only the low 32 bits of the register count, whatever the caller puts above (CVE-2019-10063).
const int = (index: number, value: number): SeccompArg => ({ index, op: "SCMP_CMP_MASKED_EQ", value: 0xffff_ffff, valueTwo: value });
const noneOf = (index: number, mask: number): SeccompArg => ({ index, op: "SCMP_CMP_MASKED_EQ", value: mask, valueTwo: 0 });
const allow = (names: readonly string[], ...args: readonly SeccompArg[]): SeccompSyscall => ({
  names,
  action: "SCMP_ACT_ALLOW",
  ...(args.length > 0 ? { args } : {}),
});
const refuse = (names: readonly string[], errnoRet: number, ...args: readonly SeccompArg[]): SeccompSyscall => ({
  names,
  action: "SCMP_ACT_ERRNO",
  errnoRet,
  args,
});

// Both profiles: no new namespaces by clone and unshare (clone3 hides its flags and answers ENOSYS by the compiler's own rule), no terminal injection.
const NO_NAMESPACES: readonly SeccompSyscall[] = [
  allow(["clone"], noneOf(0, CLONE_NAMESPACES)), allow(["unshare"], noneOf(0, CLONE_NAMESPACES | CLONE_NEWTIME)),
];
const TERMINALS: readonly SeccompSyscall[] = [
  allow(["ioctl"]), refuse(["ioctl"], ERRNO.EPERM, int(1, TERMINAL_INJECTION.TIOCSTI)), refuse(["ioctl"], ERRNO.EPERM, int(1, TERMINAL_INJECTION.TIOCLINUX)),
];

const common: readonly SeccompSyscall[] = COMMON_GROUPS.map((group) => allow(group.names));

function personalities(values: readonly number[]): SeccompSyscall[] {
  return values.map((value) => allow(["personality"], { index: 0, op: "SCMP_CMP_EQ", value }));
}

function profile(syscalls: readonly SeccompSyscall[]): LinuxSeccomp {
  return { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: ERRNO.EPERM, syscalls };
}

/**
 * The profile of `run`: what Docker's default allows for the same capabilities, without AF_ALG (CVE-2026-31431) and AF_VSOCK (reaches the hypervisor),
 * terminal injection, i386 and x32. Capability names as the kernel spells them; unknown ones add nothing.
 */
export function defaultProfile(capabilities: readonly string[]): LinuxSeccomp {
  const granted = capabilities.flatMap((name) => (Object.hasOwn(CAPABILITY_GROUPS, name) ? (CAPABILITY_GROUPS[name] ?? []) : []));
  return profile([
    ...common,
    ...DEFAULT_GROUPS.map((group) => allow(group.names)),
    ...TERMINALS,
    ...NO_NAMESPACES,
    allow(["socket", "socketpair"]),
    refuse(["socket", "socketpair"], ERRNO.EAFNOSUPPORT, int(0, AF.ALG)),
    refuse(["socket", "socketpair"], ERRNO.EAFNOSUPPORT, int(0, AF.VSOCK)),
    ...personalities([0, PER_LINUX32, UNAME26, UNAME26 | PER_LINUX32, QUERY_PERSONALITY]),
    ...(granted.length > 0 ? [allow([...new Set(granted)].toSorted())] : []),
  ]);
}

/**
 * The profile of `do`, for programs that are not trusted: the common groups, sockets of the unix and internet families, routing netlink (what
 * getifaddrs(3) asks), and a personality that changes nothing. No ptrace, no process_vm_*, no asynchronous I/O, no call that is obsolete.
 */
export function strictProfile(): LinuxSeccomp {
  return profile([
    ...common,
    ...TERMINALS,
    ...NO_NAMESPACES,
    ...[AF.UNIX, AF.INET, AF.INET6].map((family) => allow(["socket"], int(0, family))),
    allow(["socket"], int(0, AF.NETLINK), int(2, NETLINK_ROUTE)),
    allow(["socketpair"], int(0, AF.UNIX)),
    ...personalities([0, PER_LINUX32, QUERY_PERSONALITY]),
    // Programs that know these fall back on ENOSYS only (libmount, glibc).
    { names: ["listmount", "statmount"], action: "SCMP_ACT_ERRNO", errnoRet: ERRNO.ENOSYS },
  ]);
}

/** A profile of nothing but these calls: any other is a sign that the process was taken over, and its end. */
function closed(...syscalls: readonly SeccompSyscall[]): LinuxSeccomp {
  // Names the newest call, so that no call counts as newer than the profile and gets ENOSYS.
  return { defaultAction: "SCMP_ACT_KILL_PROCESS", syscalls: [...syscalls, { names: ["rseq_slice_yield"], action: "SCMP_ACT_KILL_PROCESS" }] };
}

/** The profile of PID 1 itself once it is in its loop. */
export function initProfile(): LinuxSeccomp {
  return closed(allow(INIT_GROUP.names));
}

/** The profile of the relay of published ports. Its sockets are of TCP: SOCK_STREAM, SOCK_NONBLOCK and SOCK_CLOEXEC together. */
export function relayProfile(): LinuxSeccomp {
  return closed(allow(RELAY_GROUP.names), ...[AF.INET, AF.INET6].map((family) => allow(["socket"], int(0, family), int(1, 0o2004001))));
}
