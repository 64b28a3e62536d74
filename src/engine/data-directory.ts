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
import { AT_FDCWD, cString } from "../kernel/file.ts";
import { noteOwner, ownersOf } from "./data-owner.ts";
import { closeToOthers, DATA, makeDirectory, makeTree } from "./own-directory.ts";

function failed(action: string, path: string, result: number): PidboxError {
  const errno = errnoName(result);
  return new PidboxError("IO", `Cannot ${action} ${quote(path)}: ${errno}`, { hint: "Set XDG_DATA_HOME to a directory that you may write", context: { path, errno } });
}

/** Where layers and logs are: /var/lib/pidbox for root, else in XDG_DATA_HOME (XDG Base Directory Specification); undefined if nothing says where. */
export function findDataRoot(uid: number, environment: Readonly<Record<string, string | undefined>>): string | undefined {
  if (uid === 0) return "/var/lib/pidbox";
  const [data, home] = [environment["XDG_DATA_HOME"], environment["HOME"]];
  if (data !== undefined && data.startsWith("/")) return `${data}/pidbox`;
  return home !== undefined && home.startsWith("/") && home !== "/" ? `${home}/.local/share/pidbox` : undefined;
}

/** The same for those who need one. Throws HOST_UNSUPPORTED. */
export function dataRoot(uid: number, environment: Readonly<Record<string, string | undefined>>): string {
  const root = findDataRoot(uid, environment);
  if (root !== undefined) return root;
  throw new PidboxError("HOST_UNSUPPORTED", "Cannot tell where to keep what containers change and write: neither XDG_DATA_HOME nor HOME is set", {
    hint: "Set XDG_DATA_HOME, or start with --rm and without -d", context: { feature: "data directory" },
  });
}

/** The container that data is made for, and who makes it. */
export interface DataSubject {
  readonly id: string;
  /** Its directory in the store. */
  readonly directory: string;
  readonly uid: number;
}

const DATA_PATH = /^(.*)\/(?:layers|logs)\/[0-9a-f]{64}$/;

/** The data directory that a layer or log is in. */
export function dataRootOf(path: string | undefined): string | undefined {
  return DATA_PATH.exec(path ?? "")?.[1];
}

/** Makes ROOT/FOLDER/ID, which must be new, for its owner only. Throws POSSIBLE_ATTACK for a root that others could write, IO. */
export function makeDataDirectory(root: string, folder: "layers" | "logs", { id, directory, uid }: DataSubject): string {
  for (const path of [`${root}/${folder}`, ownersOf(root)]) makeTree(path, 0o700, (made, result) => failed("make the directory", made, result));
  closeToOthers(root, uid, DATA);
  const noted = noteOwner(root, id, directory);
  if (noted < 0) throw failed("note the owner in", ownersOf(root), noted);
  const path = `${root}/${folder}/${id}`;
  const result = makeDirectory(path, 0o700);
  if (result < 0) throw failed("make the directory", path, result);
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
export function makeLayer(root: string, subject: DataSubject): string {
  const path = makeDataDirectory(root, "layers", subject);
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
