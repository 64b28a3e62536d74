/**
 * The harmless calls behind the feature probes: each one either fails by construction or makes a descriptor that is closed at once.
 *
 * Nothing is left: no process, mount, namespace, filter, module or file. Order and arguments follow the kernel's own order of checks, so that
 * the errno tells "there is no such call" from "there is, and it refused these arguments".
 */
import { SYSCALLS } from "./abi/host.ts";
import type { ProbeCall } from "./feature-facts.ts";
import { E } from "./feature-facts.ts";
import { address, syscall } from "./ffi.ts";
import { AT_FDCWD, O, close, cString } from "./file.ts";
import { readLandlockAbi } from "./host-features.ts";

const CLONE = { VM: 0x100n, NEWUSER: 0x10000000n, INTO_CGROUP: 0x200000000n } as const;
const CLONE_ARGS_WORDS = 11; // struct clone_args as of 5.7 (CLONE_ARGS_SIZE_VER2): 88 bytes
const MAX_PID_NS_LEVEL = 32;
const FSCONFIG_SET_STRING = 1;
const FSOPEN_CLOEXEC = 1;
const MFD = { CLOEXEC: 1, ALLOW_SEALING: 2, EXEC: 0x10 } as const;
const F_ADD_SEALS = 1033;
const F_SEAL_EXEC = 0x20;
const PIDFD_GET_INFO = 0xc040ff0b; // _IOWR(0xFF, 11, 64 bytes), linux/pidfd.h
const PIDFD_INFO_PID = 1n;
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_GET_NOTIF_SIZES = 3;
const SECCOMP_WAIT_KILLABLE = (1 << 3) | (1 << 5); // only together with NEW_LISTENER
const PR_SCHED_CORE = 62;

/** Closes what a call opened; the result stays as the answer. */
function closing(result: number): number {
  if (result >= 0) close(result);
  return result < 0 ? result : 0;
}

/**
 * clone3 for a child in a new user namespace, made to fail at the last step but one: it asks for PID 2147483647, above every pid_max, so alloc_pid()
 * refuses with EINVAL after copy_creds() has made the namespace (and asked sysctls, limits and the LSM) and before any task exists.
 * So EINVAL means "allowed". CLONE_VM only saves copying the page tables. Kernels before 5.5 refuse the longer struct with E2BIG.
 */
function cloneNewUser(): number {
  const ids = new Int32Array(MAX_PID_NS_LEVEL).fill(0x7fffffff);
  const args = new BigUint64Array(CLONE_ARGS_WORDS);
  args[0] = CLONE.NEWUSER | CLONE.VM;
  args[8] = BigInt(address(ids));
  args[9] = BigInt(ids.length);
  const result = syscall(SYSCALLS.clone3, address(args), args.byteLength);
  // The read keeps `ids` referenced over the call.
  return ids.length === MAX_PID_NS_LEVEL ? result : E.INVAL;
}

/** clone3 with a cgroup descriptor no int can hold: EINVAL where CLONE_INTO_CGROUP is known (5.7), E2BIG where the field is not. Never a child. */
function cloneIntoCgroup(): number {
  const args = new BigUint64Array(CLONE_ARGS_WORDS);
  args[0] = CLONE.INTO_CGROUP;
  args[4] = 1n << 40n; // no such exit signal: refused even if the rest were not
  args[10] = 1n << 40n;
  return syscall(SYSCALLS.clone3, address(args), args.byteLength);
}

function openat2(): number {
  const how = new BigUint64Array([BigInt(O.PATH | O.CLOEXEC), 0n, 0n]);
  return closing(syscall(SYSCALLS.openat2, AT_FDCWD, address(cString(".")), address(how), how.byteLength));
}

/** fsopen makes a context and no superblock; fsconfig only parses the option. Returns fsopen's error where that fails. */
function filesystemOption(type: string, key: string, value: string): number {
  const fd = syscall(SYSCALLS.fsopen, address(cString(type)), FSOPEN_CLOEXEC);
  if (fd < 0) return fd;
  const result = syscall(SYSCALLS.fsconfig, fd, FSCONFIG_SET_STRING, address(cString(key)), address(cString(value)), 0);
  close(fd);
  return result;
}

/** The four answers of one anonymous file: may it be made executable (vm.memfd_noexec), sealed, sealed against chmod, and does tmpfs keep user.* attributes. */
function memfd(): Pick<Record<ProbeCall, number>, "memfd" | "memfd-seal" | "memfd-seal-exec" | "memfd-user-xattr"> {
  const name = cString("pidbox-probe");
  let fd = syscall(SYSCALLS.memfd_create, address(name), MFD.CLOEXEC | MFD.ALLOW_SEALING | MFD.EXEC);
  if (fd === E.INVAL) fd = syscall(SYSCALLS.memfd_create, address(name), MFD.CLOEXEC | MFD.ALLOW_SEALING);
  if (fd < 0) return { memfd: fd, "memfd-seal": fd, "memfd-seal-exec": fd, "memfd-user-xattr": fd };
  const value = new Uint8Array([1]);
  const xattr = syscall(SYSCALLS.fsetxattr, fd, address(cString("user.pidbox")), address(value), value.length, 0);
  const sealExec = syscall(SYSCALLS.fcntl, fd, F_ADD_SEALS, F_SEAL_EXEC);
  const seal = syscall(SYSCALLS.fcntl, fd, F_ADD_SEALS, 0xf); // SEAL, SHRINK, GROW, WRITE
  close(fd);
  return { memfd: 0, "memfd-seal": seal, "memfd-seal-exec": sealExec, "memfd-user-xattr": xattr };
}

function pidfd(): Pick<Record<ProbeCall, number>, "pidfd_open" | "pidfd-get-info"> {
  const fd = syscall(SYSCALLS.pidfd_open, process.pid, 0);
  if (fd < 0) return { pidfd_open: fd, "pidfd-get-info": fd };
  const info = new BigUint64Array(8);
  info[0] = PIDFD_INFO_PID;
  const result = syscall(SYSCALLS.ioctl, fd, PIDFD_GET_INFO, address(info));
  close(fd);
  return { pidfd_open: 0, "pidfd-get-info": result };
}

/** Makes every call once; about a millisecond. */
export function readProbeCalls(): Record<ProbeCall, number> {
  const empty = cString("");
  const word = new BigUint64Array(1);
  const sizes = new Uint16Array(3);
  return {
    openat2: openat2(),
    // A size below the first version of struct mount_attr is refused before anything is looked up.
    mount_setattr: syscall(SYSCALLS.mount_setattr, -1, address(empty), 0, 0, 0),
    open_tree: syscall(SYSCALLS.open_tree, -1, address(empty), 0x7fffffff),
    fsopen: closing(syscall(SYSCALLS.fsopen, address(cString("tmpfs")), FSOPEN_CLOEXEC)),
    // Needs no capability, so it tells the new mount API apart from a caller who may not mount.
    fsconfig: syscall(SYSCALLS.fsconfig, -1, 0, 0, 0, 0),
    close_range: syscall(SYSCALLS.close_range, 1, 0, 0),
    clone3: syscall(SYSCALLS.clone3, 0, 0),
    "clone3-into-cgroup": cloneIntoCgroup(),
    "clone3-new-user": cloneNewUser(),
    ...pidfd(),
    // Null pointers and unknown flags: what is left to find out is whether a filter answers before the kernel does.
    mount: syscall(SYSCALLS.mount, 0, 0, 0, 0, 0),
    umount2: syscall(SYSCALLS.umount2, address(empty), 0x7fff0000),
    unshare: syscall(SYSCALLS.unshare, 0),
    setns: syscall(SYSCALLS.setns, -1, 0),
    landlock: readLandlockAbi(),
    ...memfd(),
    "proc-subset": filesystemOption("proc", "subset", "pid"),
    "proc-hidepid": filesystemOption("proc", "hidepid", "ptraceable"),
    "proc-pidns": filesystemOption("proc", "pidns", "/proc/self/ns/pid"),
    // With known flags the kernel goes on to read the program from address 0: EFAULT, and no filter is installed.
    "seccomp-filter": syscall(SYSCALLS.seccomp, SECCOMP_SET_MODE_FILTER, 0, 0),
    "seccomp-notify": syscall(SYSCALLS.seccomp, SECCOMP_GET_NOTIF_SIZES, 0, address(sizes)),
    "seccomp-wait-killable": syscall(SYSCALLS.seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_WAIT_KILLABLE, 0),
    "core-scheduling": syscall(SYSCALLS.prctl, PR_SCHED_CORE, 0, 0, 0, address(word)),
  };
}
