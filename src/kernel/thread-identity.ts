/** Who this thread is for files that it makes: another user without the loss of any capability (setfsuid(2), capset(2)). */
import { CAPABILITY_VERSION_3 } from "./abi/constants.ts";
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";

/** Becomes `uid` and `gid` for files. Returns 0 or -errno. */
export function actAs(uid: number, gid: number): number {
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  // struct __user_cap_data_struct [2]: effective, permitted, inheritable
  const data = new Uint32Array(6);
  const read = syscall(SYSCALLS.capget, address(header), address(data));
  if (read < 0) return read;
  syscall(SYSCALLS.setfsgid, gid);
  syscall(SYSCALLS.setfsuid, uid);
  // It answers with the one before, never with an error.
  if (syscall(SYSCALLS.setfsuid, -1) !== uid || syscall(SYSCALLS.setfsgid, -1) !== gid) return -1;
  return syscall(SYSCALLS.capset, address(header), address(data));
}
