/**
 * Makes files from entries, below one directory.
 *
 * An attacker controls: the entries, of an archive or of a container's tree; and in a container what is there already, while it runs. Parents are opened for
 * each entry by openat2(2), confined to the container's root or, on the host, without any symbolic link. Existing files are replaced and not written through.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { AT, FILE_TYPE, RESOLVE } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { AT_FDCWD, close, O, statAt } from "../kernel/file.ts";
import { openResolved } from "../kernel/inroot.ts";
import type { TarEntry } from "../spec/tar.ts";
import { joined, split, terminated } from "./copy-entry.ts";
import type { Content, Sink } from "./copy-entry.ts";

const [ENOENT, EEXIST, EISDIR, EBUSY, EPERM] = [-2, -17, -21, -16, -1];
const UTIME_OMIT = 0x3ffffffen;
/** An empty name: the open file. */
const ITSELF = new Uint8Array(1);
const decoder = new TextDecoder();

/** A directory that entries go to: `prefix` below the open directory `fd`. */
export interface Place {
  readonly fd: number;
  readonly prefix: Uint8Array;
  /** Bits of RESOLVE for all that is opened. */
  readonly resolve: number;
}

/** A container's own links count, within its root. */
export const IN_CONTAINER = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;
/** On the host nothing leads out of the directory. */
export const ON_HOST = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS;

export interface ExtractOptions {
  /** Owner as this process numbers users, or undefined: whoever makes it. */
  readonly owner: (entry: TarEntry) => { readonly uid: number; readonly gid: number } | undefined;
  /** Mode bits that may be set. */
  readonly modes: number;
  /** Told of what is left out. */
  readonly note: (line: string) => void;
}

interface Late {
  readonly path: Uint8Array;
  readonly mode: number;
  readonly modified: number;
}

function failed(action: string, path: Uint8Array, result: number): PidboxError {
  const [text, errno] = [decoder.decode(path), errnoName(result)];
  return new PidboxError("IO", `Cannot ${action} ${quote(text, 120)}: ${errno}`, { context: { path: text, errno } });
}

function timesOf(modified: number): BigInt64Array {
  const seconds = Math.floor(modified / 1000);
  return new BigInt64Array([0n, UTIME_OMIT, BigInt(seconds), BigInt(Math.round((modified - seconds * 1000) * 1e6))]);
}

export class Extraction implements Sink {
  readonly #place: Place;
  readonly #options: ExtractOptions;
  /** Modes and times of directories, which change as files are made in them. */
  readonly #late: Late[] = [];
  #parent: { readonly path: string; readonly fd: number } | undefined;

  constructor(place: Place, options: ExtractOptions) {
    [this.#place, this.#options] = [place, options];
  }

  #open(path: Uint8Array, flags: number): number {
    const { fd, prefix, resolve } = this.#place;
    return openResolved(fd, terminated(joined(prefix, path)), flags, resolve);
  }

  /** The directory that an entry is in, made if an archive has not named it. It stays open for the next entry. */
  #parentOf(directory: Uint8Array): number {
    const key = directory.toHex();
    if (this.#parent?.path === key) return this.#parent.fd;
    let fd = this.#open(directory, O.PATH | O.DIRECTORY);
    if (fd === ENOENT && directory.length > 0) {
      const { directory: above, name } = split(directory);
      syscall(SYSCALLS.mkdirat, this.#parentOf(above), address(terminated(name)), 0o755);
      fd = this.#open(directory, O.PATH | O.DIRECTORY);
    }
    if (fd < 0) throw failed("open the directory", directory, fd);
    if (this.#parent !== undefined) close(this.#parent.fd);
    this.#parent = { path: key, fd };
    return fd;
  }

  put = (entry: TarEntry, content?: Content): void => {
    // The directory that all goes to is there.
    if (entry.path.length === 0) return;
    const { directory, name } = split(entry.path);
    const parent = this.#parentOf(directory);
    const last = terminated(name);
    if (entry.type === "directory") this.#directory(parent, last, entry);
    else if (entry.type === "character" || entry.type === "block") this.#options.note(`${quote(decoder.decode(entry.path), 120)} is a device: it is left out`);
    else if (entry.type === "file") this.#file(parent, last, entry, content);
    else this.#node(parent, last, entry);
  };

  #directory(parent: number, name: Uint8Array, entry: TarEntry): void {
    const result = syscall(SYSCALLS.mkdirat, parent, address(name), 0o700);
    if (result < 0 && result !== EEXIST) throw failed("make the directory", entry.path, result);
    const status = statAt(parent, name);
    // In a container it may be a link to one, which is followed inside.
    const kind = typeof status === "number" ? 0 : status.mode & FILE_TYPE.MASK;
    if (kind !== FILE_TYPE.DIRECTORY && kind !== 0o120000) throw failed("replace by a directory what is none:", entry.path, EEXIST);
    if (result === 0) this.#own(parent, name, entry);
    if (kind === FILE_TYPE.DIRECTORY) this.#late.push({ path: entry.path, mode: entry.mode & this.#options.modes, modified: entry.modified });
  }

  /** Takes away what has the name. A place of a mount stays: then false. */
  #clear(parent: number, name: Uint8Array, path: Uint8Array): boolean {
    const result = syscall(SYSCALLS.unlinkat, parent, address(name), 0);
    if (result === 0 || result === ENOENT) return true;
    if (result === EBUSY) return false;
    throw failed(result === EISDIR || result === EPERM ? "replace a directory by a file:" : "replace", path, result);
  }

  #file(parent: number, name: Uint8Array, entry: TarEntry, content: Content | undefined): void {
    const fresh = this.#clear(parent, name, entry.path);
    const flags = O.WRONLY | O.NOFOLLOW | O.CLOEXEC | O.NONBLOCK | (fresh ? O.CREAT | O.EXCL : O.TRUNC);
    const fd = syscall(SYSCALLS.openat, parent, address(name), flags, 0o600);
    if (fd < 0) throw failed("make", entry.path, fd);
    try {
      for (const { at, bytes } of content?.pieces() ?? []) this.#write(fd, at, bytes, entry.path);
      const whole = syscall(SYSCALLS.ftruncate, fd, entry.size);
      if (whole < 0) throw failed("write", entry.path, whole);
      if (!fresh) return;
      this.#own(fd, ITSELF, entry);
      syscall(SYSCALLS.fchmod, fd, entry.mode & this.#options.modes);
      const times = timesOf(entry.modified);
      syscall(SYSCALLS.utimensat, fd, 0, address(times), 0);
    } finally {
      close(fd);
    }
  }

  #write(fd: number, at: number, bytes: Uint8Array, path: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const n = syscall(SYSCALLS.pwrite64, fd, address(bytes.subarray(done)), bytes.length - done, at + done);
      if (n <= 0) throw failed("write", path, n);
      done += n;
    }
  }

  /** `name` empty: the open file itself. */
  #own(fd: number, name: Uint8Array, entry: TarEntry): void {
    const owner = this.#options.owner(entry);
    if (owner === undefined) return;
    const result = syscall(SYSCALLS.fchownat, fd, address(name), owner.uid, owner.gid, AT.EMPTY_PATH | AT.SYMLINK_NOFOLLOW);
    if (result < 0) throw failed(`give to user ${entry.uid} and group ${entry.gid}:`, entry.path, result);
  }

  #node(parent: number, name: Uint8Array, entry: TarEntry): void {
    if (!this.#clear(parent, name, entry.path)) throw failed("replace", entry.path, EBUSY);
    const result = entry.type === "symlink" ? syscall(SYSCALLS.symlinkat, address(terminated(entry.target ?? new Uint8Array(0))), parent, address(name))
      : entry.type === "fifo" ? syscall(SYSCALLS.mknodat, parent, address(name), FILE_TYPE.FIFO | (entry.mode & this.#options.modes & 0o777), 0)
      : this.#link(parent, name, entry.target ?? new Uint8Array(0));
    if (result < 0) throw failed("make", entry.path, result);
    if (entry.type === "hardlink") return;
    this.#own(parent, name, entry);
    const times = timesOf(entry.modified);
    syscall(SYSCALLS.utimensat, parent, address(name), address(times), AT.SYMLINK_NOFOLLOW);
  }

  #link(parent: number, name: Uint8Array, target: Uint8Array): number {
    const { directory, name: last } = split(target);
    const other = this.#open(directory, O.PATH | O.DIRECTORY);
    if (other < 0) return other;
    const result = syscall(SYSCALLS.linkat, other, address(terminated(last)), parent, address(name), 0);
    close(other);
    return result;
  }

  end = (): void => {
    if (this.#parent !== undefined) close(this.#parent.fd);
    this.#parent = undefined;
    for (const { path, mode, modified } of this.#late.splice(0).reverse()) {
      const fd = this.#open(path, O.PATH | O.DIRECTORY | O.NOFOLLOW);
      if (fd < 0) continue;
      const itself = new TextEncoder().encode(`/proc/self/fd/${fd}\0`);
      syscall(SYSCALLS.fchmodat, AT_FDCWD, address(itself), mode);
      const times = timesOf(modified);
      syscall(SYSCALLS.utimensat, AT_FDCWD, address(itself), address(times), 0);
      close(fd);
    }
  };
}
