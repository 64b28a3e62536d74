/**
 * What a container keeps on disk beyond its state: its changes to the root filesystem, with the ids that they have inside, and its log.
 *
 * On disk are files of uid 0 with the set-user-ID bit and whatever else a container's root can make: so the directory is its owner's alone.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { AT_FDCWD, cString, stat } from "../kernel/file.ts";

const EEXIST = -17;
const ENOENT = -2;

function failed(action: string, path: string, result: number): PidboxError {
  const errno = errnoName(result);
  return new PidboxError("IO", `Cannot ${action} ${quote(path)}: ${errno}`, { hint: "Set XDG_DATA_HOME to a directory that you may write", context: { path, errno } });
}

/** Where layers and logs are: /var/lib/pidbox for root, else in XDG_DATA_HOME (XDG Base Directory Specification). */
export function dataRoot(uid: number, environment: Readonly<Record<string, string | undefined>>): string {
  if (uid === 0) return "/var/lib/pidbox";
  const [data, home] = [environment["XDG_DATA_HOME"], environment["HOME"]];
  if (data !== undefined && data.startsWith("/")) return `${data}/pidbox`;
  if (home !== undefined && home.startsWith("/") && home !== "/") return `${home}/.local/share/pidbox`;
  throw new PidboxError("HOST_UNSUPPORTED", "Cannot tell where to keep what containers change and write: neither XDG_DATA_HOME nor HOME is set", {
    hint: "Set XDG_DATA_HOME, or start with --rm and without -d", context: { feature: "data directory" },
  });
}

function makeDirectory(path: string, mode: number): number {
  return syscall(SYSCALLS.mkdirat, AT_FDCWD, address(cString(path)), mode);
}

/** Makes `path` and its parents. Those that are new are for their owner only. */
function makeTree(path: string): void {
  const result = makeDirectory(path, 0o700);
  if (result === 0 || result === EEXIST) return;
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (result !== ENOENT || parent === "") throw failed("make the directory", path, result);
  makeTree(parent);
  makeTree(path);
}

/** Makes ROOT/FOLDER/ID, which must be new. Throws POSSIBLE_ATTACK for a root that others could write, IO. */
export function makeDataDirectory(root: string, folder: "layers" | "logs", id: string, uid: number): string {
  const path = `${root}/${folder}/${id}`;
  let result = makeDirectory(path, 0o700);
  if (result === ENOENT) {
    makeTree(`${root}/${folder}`);
    result = makeDirectory(path, 0o700);
  }
  if (result < 0) throw failed("make the directory", path, result);
  const status = stat(root, { noFollow: true });
  if (typeof status === "number" || (status.mode & 0o170000) !== 0o040000 || status.uid !== uid || (status.mode & 0o022) !== 0) {
    syscall(SYSCALLS.unlinkat, AT_FDCWD, address(cString(path)), 0x200);
    throw new PidboxError("POSSIBLE_ATTACK", `The directory ${quote(root)} is not one that only you can write`, { hint: "Remove it, or set XDG_DATA_HOME", context: { path: root } });
  }
  if ((status.mode & 0o077) !== 0) syscall(SYSCALLS.fchmodat, AT_FDCWD, address(cString(root)), 0o700);
  return path;
}

/** overlayfs.rst: "upper" needs whiteouts and extended attributes. statfs(2) types of those that are known to lack them. */
const NO_UPPER: Readonly<Record<number, string>> = {
  0x794c7630: "overlay", 0x6969: "nfs", 0x4d44: "vfat", 0x01021997: "9p", 0x65735546: "fuse", 0xf15f: "ecryptfs", 0x2011bab0: "exfat", 0xff534d42: "cifs",
};

/** Name of the filesystem of `path` if overlay cannot write to it. */
export function unfitForLayer(path: string): string | undefined {
  const buffer = new Uint8Array(120);
  // struct statfs begins with its type
  if (syscall(SYSCALLS.statfs, address(cString(path)), address(buffer)) < 0) return undefined;
  return NO_UPPER[new DataView(buffer.buffer).getUint32(0, true)];
}

/** Makes the directories of a container's layer. Throws HOST_UNSUPPORTED, IO. */
export function makeLayer(root: string, id: string, uid: number): string {
  const path = makeDataDirectory(root, "layers", id, uid);
  const unfit = unfitForLayer(path);
  if (unfit === undefined) {
    for (const name of ["upper", "work"]) {
      // The upper layer's own mode is that of "/" inside, whatever the caller's umask.
      const made = makeDirectory(`${path}/${name}`, 0o755);
      const result = made < 0 ? made : syscall(SYSCALLS.fchmodat, AT_FDCWD, address(cString(`${path}/${name}`)), 0o755);
      if (result < 0) throw failed("make the directory", `${path}/${name}`, result);
    }
    return path;
  }
  syscall(SYSCALLS.unlinkat, AT_FDCWD, address(cString(path)), 0x200);
  throw new PidboxError("HOST_UNSUPPORTED", `Cannot keep the container's changes in ${quote(root)}: overlay cannot write to ${unfit}`, {
    hint: "Start with --rm, or keep changes in memory, where they are gone at the end: --allow-degraded=layer", context: { feature: "layer", path },
  });
}
