/**
 * Puts files in place so that whoever reads or runs them meanwhile has the old ones or the new ones, whole.
 *
 * An engine that root runs executes what is installed here: a directory that somebody else may change is refused.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { FILE_TYPE } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { AT_FDCWD, close, cString, O, open, rename, replaceFile, stat, unlink } from "../kernel/file.ts";
import { makeTree } from "./own-directory.ts";

const STICKY = 0o1000;
/** What sendfile(2) moves at once at most. */
const CHUNK = 0x7ffff000;

function failed(action: string, path: string, result: number): PidboxError {
  const errno = errnoName(result);
  return new PidboxError(result === -1 || result === -13 ? "PERMISSION" : "IO", `Cannot ${action} ${quote(path)}: ${errno}`, { context: { path, errno } });
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** Makes a directory and those above it. Throws IO, PERMISSION. */
export function makeDirectories(path: string): void {
  makeTree(path, 0o755, (made, result) => failed("make the directory", made, result));
}

/** Refuses, for root, a directory that another user may change, or one below such; a link on the way may lead below one. Throws POSSIBLE_ATTACK, IO. */
export function checkOwned(directory: string, uid: number): void {
  if (uid !== 0) return;
  for (let path = directory; ; path = parentOf(path)) {
    const status = stat(path, { noFollow: true });
    if (typeof status === "number") throw failed("look at", path, status);
    if ((status.mode & FILE_TYPE.MASK) === FILE_TYPE.LINK) {
      throw new PidboxError("POSSIBLE_ATTACK", `${quote(path)} is a symbolic link: not only root may be able to change what is behind it`, {
        hint: "Choose a --prefix without links on its way: realpath(1)", context: { path },
      });
    }
    // In a sticky directory nobody can rename what is root's.
    const open = (status.mode & 0o022) !== 0 && (status.mode & STICKY) === 0;
    if ((status.mode & FILE_TYPE.MASK) !== FILE_TYPE.DIRECTORY || status.uid !== 0 || open) {
      throw new PidboxError("POSSIBLE_ATTACK", `${quote(path)} is not a directory that only root can change: who can becomes root with the next container of an engine`, {
        hint: "Choose another --prefix, or give the directory to root: chown root:root and chmod go-w", context: { path },
      });
    }
    if (path === "/") return;
  }
}

/** Whatever happens in `fill`, no temporary file stays. */
function replace(path: string, fill: (temporary: string) => void): void {
  const temporary = `${parentOf(path)}/.${path.slice(path.lastIndexOf("/") + 1)}.new`;
  unlink(temporary);
  try {
    fill(temporary);
    const result = rename(temporary, path);
    if (result < 0) throw failed("put in place", path, result);
  } catch (error) {
    unlink(temporary);
    throw error;
  }
}

/** Writes a text file of mode 0644. Throws IO, PERMISSION. */
export function installText(path: string, text: string): void {
  makeDirectories(parentOf(path));
  const result = replaceFile(path, text, 0o644);
  if (result < 0) throw failed("write", path, result);
}

function copy(source: number, target: number, path: string): void {
  for (;;) {
    const n = syscall(SYSCALLS.sendfile, target, source, 0, CHUNK);
    if (n < 0) throw failed("write", path, n);
    if (n === 0) return;
  }
}

/** Copies the file that this process runs to `path`, with mode 0755, owned by the caller. Throws IO, PERMISSION. */
export function installExecutable(path: string): void {
  makeDirectories(parentOf(path));
  replace(path, (temporary) => {
    const source = open("/proc/self/exe", O.RDONLY);
    if (source < 0) throw failed("open", "/proc/self/exe", source);
    const target = open(temporary, O.WRONLY | O.CREAT | O.EXCL, 0o755);
    try {
      if (target < 0) throw failed("make", temporary, target);
      copy(source, target, temporary);
      const mode = syscall(SYSCALLS.fchmod, target, 0o755);
      const synced = mode < 0 ? mode : syscall(SYSCALLS.fsync, target);
      if (synced < 0) throw failed("write", temporary, synced);
    } finally {
      close(source);
      if (target >= 0) close(target);
    }
  });
}

/** Makes `path` another name of the file `existing`. Throws IO, PERMISSION. */
export function installLink(path: string, existing: string): void {
  replace(path, (temporary) => {
    const result = syscall(SYSCALLS.linkat, AT_FDCWD, address(cString(existing)), AT_FDCWD, address(cString(temporary)), 0);
    if (result < 0) throw failed("link", path, result);
  });
}
