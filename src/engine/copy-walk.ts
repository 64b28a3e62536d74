/**
 * Reads a tree that a container wrote, or one of the host, entry by entry.
 *
 * An attacker controls: names, kinds, sizes, depth, and that all of it changes while it is read. Each entry is opened itself, never what it may lead to, and
 * looked at before it is read; nothing blocks.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { FILE_TYPE } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { byName, rawEntries } from "../kernel/entries.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, O, open, stat } from "../kernel/file.ts";
import type { FileStatus } from "../kernel/file.ts";
import type { TarEntry, TarType } from "../spec/tar.ts";
import { joined } from "./copy-entry.ts";
import type { Content, Sink } from "./copy-entry.ts";

/** Each level keeps two descriptors open. */
const DEEPEST = 400;
const PIECE = 256 * 1024;
const [SEEK_DATA, SEEK_HOLE] = [3, 4];
const [ENOENT, ENXIO, ENODATA] = [-2, -6, -61];
const TYPES: ReadonlyMap<number, TarType> = new Map([
  [FILE_TYPE.REGULAR, "file"], [FILE_TYPE.DIRECTORY, "directory"], [0o120000, "symlink"],
  [FILE_TYPE.CHARACTER, "character"], [FILE_TYPE.BLOCK, "block"], [FILE_TYPE.FIFO, "fifo"],
]);
/** statfs(2) types of views of the kernel: proc, sysfs, cgroup, cgroup2, devpts, mqueue, securityfs, debugfs, tracefs, bpf, nsfs. */
const VIEWS = new Set([0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202, 0x73636673, 0x64626720, 0x74726163, 0xcafe4a11, 0x6e736673]);

const decoder = new TextDecoder();

function failed(action: string, path: string, result: number): PidboxError {
  return new PidboxError("IO", `Cannot ${action} ${quote(path, 120)}: ${errnoName(result)}`, { context: { path, errno: errnoName(result) } });
}

/** Whether an open file is the kernel's answer and not data. */
function isView(fd: number): boolean {
  const buffer = new Uint8Array(120);
  return syscall(SYSCALLS.fstatfs, fd, address(buffer)) === 0 && VIEWS.has(new DataView(buffer.buffer).getUint32(0, true));
}

function readTarget(fd: number, path: string): Uint8Array {
  const buffer = new Uint8Array(4096);
  const n = syscall(SYSCALLS.readlinkat, fd, address(new Uint8Array(1)), address(buffer), buffer.length);
  if (n < 0) throw failed("read the link", path, n);
  return buffer.slice(0, n);
}

/** The data of a file, with the holes that the file system tells of left out. */
function contentOf(fd: number, size: number, path: string): Content {
  return {
    *pieces() {
      const buffer = new Uint8Array(Math.min(PIECE, Math.max(size, 1)));
      for (let at = 0; at < size; ) {
        const data = syscall(SYSCALLS.lseek, fd, at, SEEK_DATA);
        if (data === ENXIO || data === ENODATA) return;
        const start = data < 0 ? at : data;
        const hole = data < 0 ? size : syscall(SYSCALLS.lseek, fd, start, SEEK_HOLE);
        const end = Math.min(hole <= start ? size : hole, size);
        for (at = start; at < end; ) {
          const n = syscall(SYSCALLS.pread64, fd, address(buffer), Math.min(buffer.length, end - at), at);
          if (n < 0) throw failed("read", path, n);
          // It has become shorter meanwhile.
          if (n === 0) return;
          yield { at, bytes: buffer.subarray(0, n) };
          at += n;
        }
      }
    },
  };
}

/** How the ids of what is read are for the container. */
export type IdView = (kind: "uid" | "gid", id: number) => number;

/** Gives what it finds to a sink. */
export class TreeWalk {
  readonly #sink: Sink;
  readonly #view: IdView;
  /** Path of what is copied, for messages, and how long its name is in the copy. */
  readonly #source: string;
  #top = 0;
  /** First names of files that have several. */
  readonly #links = new Map<string, Uint8Array>();

  constructor(source: string, sink: Sink, view: IdView) {
    [this.#source, this.#sink, this.#view] = [source, sink, view];
  }

  #shown(path: Uint8Array): string {
    const rest = decoder.decode(path.subarray(this.#top));
    return rest === "" ? this.#source : `${this.#source.replace(/\/+$/, "")}/${rest.replace(/^\//, "")}`;
  }

  /** All of what is open (O_PATH) as `fd`, under the name `path`; empty: only what is in that directory. Throws IO, HOST_UNSUPPORTED. */
  walk(fd: number, path: Uint8Array): void {
    this.#top = path.length;
    if (isView(fd)) throw new PidboxError("HOST_UNSUPPORTED", `Cannot copy ${quote(this.#shown(path), 120)}: it is no file but the kernel's answer`, { hint: "pidbox exec CONTAINER cat reads it" });
    const status = stat("", { dirfd: fd });
    if (typeof status === "number") throw failed("look at", this.#shown(path), status);
    this.#entry(fd, status, path, 1);
  }

  #entry(fd: number, status: FileStatus, path: Uint8Array, depth: number): void {
    const type = TYPES.get(status.mode & FILE_TYPE.MASK);
    // A socket is nothing without its listener.
    if (type === undefined) return;
    const entry = {
      path, mode: status.mode & 0o7777, uid: this.#view("uid", status.uid), gid: this.#view("gid", status.gid),
      size: type === "file" ? status.size : 0, modified: status.modified,
    };
    const first = type === "directory" ? undefined : this.#firstName(status, path);
    if (first !== undefined) this.#sink.put({ ...entry, type: "hardlink", size: 0, target: first });
    else if (type === "symlink") this.#sink.put({ ...entry, type, target: readTarget(fd, this.#shown(path)) });
    else if (type === "file") this.#file(fd, { ...entry, type });
    else if (type === "directory") this.#directory(fd, { ...entry, type }, status, depth);
    else this.#sink.put({ ...entry, type, device: status.rdev });
  }

  #firstName({ links, device, inode }: FileStatus, path: Uint8Array): Uint8Array | undefined {
    if (links < 2) return undefined;
    const key = `${device.major}:${device.minor}:${inode}`;
    const first = this.#links.get(key);
    if (first === undefined) this.#links.set(key, path);
    return first;
  }

  #reopen(fd: number, flags: number, path: Uint8Array): number {
    const opened = open(`/proc/self/fd/${fd}`, flags);
    if (opened < 0) throw failed("open", this.#shown(path), opened);
    return opened;
  }

  #file(fd: number, entry: TarEntry): void {
    const opened = this.#reopen(fd, O.RDONLY | O.NONBLOCK, entry.path);
    try {
      this.#sink.put(entry, contentOf(opened, entry.size, this.#shown(entry.path)));
    } finally {
      close(opened);
    }
  }

  #directory(fd: number, entry: TarEntry, status: FileStatus, depth: number): void {
    if (depth > DEEPEST) throw new PidboxError("HOST_UNSUPPORTED", `Cannot copy: more than ${DEEPEST} directories in each other`);
    this.#sink.put(entry);
    const opened = this.#reopen(fd, O.RDONLY | O.DIRECTORY, entry.path);
    try {
      for (const { name } of [...rawEntries(opened)].sort(byName)) this.#inside(opened, name, entry.path, status, depth);
    } finally {
      close(opened);
    }
  }

  #inside(directory: number, name: Uint8Array, parent: Uint8Array, above: FileStatus, depth: number): void {
    const path = joined(parent, name.subarray(0, -1));
    const fd = syscall(SYSCALLS.openat, directory, address(name), O.PATH | O.NOFOLLOW | O.CLOEXEC);
    if (fd === ENOENT) return;
    if (fd < 0) throw failed("open", this.#shown(path), fd);
    try {
      const status = stat("", { dirfd: fd });
      if (typeof status === "number") throw failed("look at", this.#shown(path), status);
      const other = status.device.major !== above.device.major || status.device.minor !== above.device.minor;
      // Of what the kernel shows in directories of its own, the directory alone is copied.
      if (!other || !isView(fd)) this.#entry(fd, status, path, depth + 1);
    } finally {
      close(fd);
    }
  }
}
