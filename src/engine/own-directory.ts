/**
 * Directories whose content is believed, so that they must be the caller's alone.
 *
 * Another user may have prepared one in a place that all can write, such as /tmp. Once it is the caller's, the sticky bit keeps it so. Not verified: who owns
 * the directories above.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { FILE_TYPE } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { AT_FDCWD, cString, stat } from "../kernel/file.ts";
import type { FileStatus } from "../kernel/file.ts";

const [ENOENT, EEXIST] = [-2, -17];

/** What a directory is for, and the variable that names another place for it. */
export interface Purpose {
  readonly what: string;
  readonly variable: string;
}

export const STATE: Purpose = { what: "state directory", variable: "XDG_RUNTIME_DIR" };
export const DATA: Purpose = { what: "data directory", variable: "XDG_DATA_HOME" };

/** Makes a directory. Returns 0 or -errno. */
export function makeDirectory(path: string, mode: number): number {
  return syscall(SYSCALLS.mkdirat, AT_FDCWD, address(cString(path)), mode);
}

/** Makes `path`, which is absolute, and those above it; those that are new have `mode`. Throws what `failed` makes of the one that cannot be made. */
export function makeTree(path: string, mode: number, failed: (path: string, result: number) => PidboxError, retried = false): void {
  const result = makeDirectory(path, mode);
  if (result === 0 || result === EEXIST) return;
  // procfs and its like, and what is below a link that leads nowhere, answer ENOENT where the parent is there.
  if (result !== ENOENT || retried) throw failed(path, result);
  makeTree(path.slice(0, path.lastIndexOf("/")) || "/", mode, failed);
  makeTree(path, mode, failed, true);
}

function failed(action: string, { what }: Purpose, path: string, result: number): PidboxError {
  return new PidboxError("IO", `Cannot ${action} the ${what} ${quote(path)}: ${errnoName(result)}`, { context: { path, errno: errnoName(result) } });
}

/** Refuses what is no directory, is not of `uid`, or can be written by others. Undefined: there is none. Throws POSSIBLE_ATTACK, IO. */
export function requireOwn(path: string, uid: number, purpose: Purpose): FileStatus | undefined {
  const status = stat(path, { noFollow: true });
  if (status === ENOENT) return undefined;
  if (typeof status === "number") throw failed("use", purpose, path, status);
  if ((status.mode & FILE_TYPE.MASK) === FILE_TYPE.DIRECTORY && status.uid === uid && (status.mode & 0o022) === 0) return status;
  throw new PidboxError("POSSIBLE_ATTACK", `The ${purpose.what} ${quote(path)} is not a directory that only you can write`, {
    hint: `Remove it, or set ${purpose.variable}`, context: { path },
  });
}

/**
 * The same for one that is there, and keeps others out of it: one that the user made, or tmpfiles.d(5), may be for more eyes than its owner's. Throws
 * POSSIBLE_ATTACK, IO.
 */
export function closeToOthers(path: string, uid: number, purpose: Purpose): void {
  const status = requireOwn(path, uid, purpose);
  const result = status === undefined ? ENOENT : (status.mode & 0o077) === 0 ? 0 : syscall(SYSCALLS.fchmodat, AT_FDCWD, address(cString(path)), 0o700);
  if (result < 0) throw failed("keep others out of", purpose, path, result);
}
