/**
 * What a container has changed of its root filesystem: its layer on disk against the directory below (overlayfs.rst, "whiteouts and opaque directories").
 *
 * An attacker controls: names, types, attributes and depth of what is in the layer, and nothing of it is followed. Somebody may change it meanwhile.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { FILE_TYPE } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { byName, rawEntries } from "../kernel/entries.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, cString, O, open, statAt } from "../kernel/file.ts";
import type { FileStatus } from "../kernel/file.ts";

export interface Change {
  /** Docker's letters: added, changed, deleted. */
  readonly kind: "A" | "C" | "D";
  /** From the container's root. */
  readonly path: string;
}

/** Each level keeps two descriptors open. */
const DEEPEST = 400;
const DIRECTORY = O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;
const [ENOENT, ENOTDIR, ELOOP] = [-2, -20, -40];
const decoder = new TextDecoder();

const isDirectory = ({ mode }: FileStatus): boolean => (mode & FILE_TYPE.MASK) === FILE_TYPE.DIRECTORY;

function isWhiteout({ mode, rdev }: FileStatus): boolean {
  return (mode & FILE_TYPE.MASK) === FILE_TYPE.CHARACTER && rdev.major === 0 && rdev.minor === 0;
}

/** A directory that hides the one below. */
function isOpaque(fd: number): boolean {
  const value = new Uint8Array(8);
  return syscall(SYSCALLS.fgetxattr, fd, address(cString("user.overlay.opaque")), address(value), value.length) === 1 && value[0] === 0x79;
}

function unreadable(path: string, result: number): PidboxError {
  return new PidboxError("IO", `Cannot read ${quote(path)} of the container: ${errnoName(result)}`, { context: { path, errno: errnoName(result) } });
}

/** Undefined: it is not there. Throws IO. */
function look(fd: number, name: Uint8Array, path: string): FileStatus | undefined {
  const status = statAt(fd, name);
  if (typeof status !== "number") return status;
  if (status === ENOENT || status === ENOTDIR) return undefined;
  throw unreadable(path, status);
}

function openDirectory(base: number, name: Uint8Array, path: string): number {
  const fd = syscall(SYSCALLS.openat, base, address(name), DIRECTORY);
  if (fd >= 0 || fd === ENOENT || fd === ENOTDIR || fd === ELOOP) return fd;
  throw unreadable(path, fd);
}

/** A directory that is compared. */
interface Level {
  readonly upper: number;
  readonly lower: number;
  readonly path: string;
  readonly depth: number;
  readonly hides: boolean;
}

class Comparison {
  readonly changes: Change[] = [];
  /** Paths that pidbox makes for mounts: there is nothing of the container's in them. */
  readonly #mounts: ReadonlySet<string>;

  constructor(mounts: ReadonlySet<string>) {
    this.#mounts = mounts;
  }

  /** What the lower directory has that an opaque one above does not. */
  #deleted(upper: number, lower: number, path: string): void {
    for (const { name } of [...rawEntries(lower)].sort(byName)) {
      const hidden = `${path}/${decoder.decode(name.subarray(0, -1))}`;
      if (look(upper, name, hidden) === undefined) this.changes.push({ kind: "D", path: hidden });
    }
  }

  /** `lower` is -1 where there is nothing below. `hidden`: it is below one that an opaque directory hides, and so is all that it has. */
  directory(upper: number, lower: number, path: string, depth: number, hidden = false): void {
    if (depth > DEEPEST) throw new PidboxError("HOST_UNSUPPORTED", `Cannot compare: more than ${DEEPEST} directories in each other`, { context: { path } });
    const hides = lower >= 0 && path !== "" && (hidden || isOpaque(upper));
    if (hides) this.#deleted(upper, lower, path);
    for (const { name } of [...rawEntries(upper)].sort(byName)) this.#entry({ upper, lower, path, depth, hides }, name);
  }

  #entry(parent: Level, name: Uint8Array): void {
    const { upper, lower } = parent;
    const path = `${parent.path}/${decoder.decode(name.subarray(0, -1))}`;
    const now = look(upper, name, path);
    if (now === undefined) return;
    const before = lower < 0 ? undefined : look(lower, name, path);
    if (isWhiteout(now)) {
      if (before !== undefined) this.changes.push({ kind: "D", path });
      return;
    }
    const at = this.changes.length;
    if (isDirectory(now)) this.#below(parent, name, path);
    const inside = this.changes.length > at;
    if (!inside && this.#isOwn(now, before, path)) return;
    this.changes.splice(at, 0, { kind: before === undefined ? "A" : "C", path });
  }

  /** A place for a mount, or a directory that was only passed through on the way to one. */
  #isOwn(now: FileStatus, before: FileStatus | undefined, path: string): boolean {
    if (this.#mounts.has(path)) return true;
    if (before === undefined || !isDirectory(now) || !isDirectory(before)) return false;
    const leads = [...this.#mounts].some((mount) => mount.startsWith(`${path}/`));
    return leads && now.mode === before.mode && now.uid === before.uid && now.gid === before.gid;
  }

  #below({ upper, lower, depth, hides }: Level, name: Uint8Array, path: string): void {
    const own = openDirectory(upper, name, path);
    // Gone meanwhile, or no directory any more.
    if (own < 0) return;
    const other = lower < 0 ? -1 : openDirectory(lower, name, path);
    try {
      this.directory(own, other, path, depth + 1, hides);
    } finally {
      close(own);
      if (other >= 0) close(other);
    }
  }
}

/** Changes of `upper` against `lower`, in the order of the tree. Throws IO, HOST_UNSUPPORTED. */
export function layerChanges(upper: string, lower: string, mounts: readonly string[]): Change[] {
  const [above, below] = [open(upper, DIRECTORY), open(lower, O.RDONLY | O.DIRECTORY)];
  try {
    for (const [fd, path] of [[above, upper], [below, lower]] as const) {
      if (fd < 0) throw new PidboxError("IO", `Cannot read ${quote(path)}: ${errnoName(fd)}`, { context: { path, errno: errnoName(fd) } });
    }
    const comparison = new Comparison(new Set(mounts));
    comparison.directory(above, below, "", 1);
    return comparison.changes;
  } finally {
    for (const fd of [above, below]) if (fd >= 0) close(fd);
  }
}
