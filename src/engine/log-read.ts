/**
 * The log of a container, read from its files: the newest is the one that the supervisor writes; when that is full it becomes the next older one, and so on.
 * A reader keeps hold of the file that it is in, whatever that is called by now.
 */
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, O, open, stat } from "../kernel/file.ts";
import { parseCriEntry, parseJsonEntry } from "../spec/log-entry.ts";
import type { LogEntry } from "../spec/log-entry.ts";

const CHUNK = 64 * 1024;
/** A line of 16 KiB in which every byte is escaped. */
const LONGEST_LINE = 256 * 1024;
const NEWLINE = 0x0a;
/** How often the files may be moved under the reader's hands in one go. */
const MOVES = 100;
const SEEK_SET = 0;
const SEEK_CUR = 1;
const SEEK_END = 2;

export interface LogPlace {
  readonly directory: string;
  /** Names of the files, newest first. */
  readonly names: readonly string[];
  readonly format: "json-file" | "k8s-file";
}

function inodeOf(path: string): number | undefined {
  const status = stat(path, { noFollow: true });
  return typeof status === "number" ? undefined : status.inode;
}

/** A file to go on with, and what it was when it was found. */
interface Step {
  readonly index: number;
  readonly inode: number;
}

/** Where to begin in one file so that `wanted` lines are left, and how many of them it lacks. */
function lastLines(fd: number, wanted: number): { readonly offset: number; readonly missing: number } {
  const size = syscall(SYSCALLS.lseek, fd, 0, SEEK_END);
  const buffer = new Uint8Array(CHUNK);
  let missing = wanted;
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - CHUNK);
    const n = syscall(SYSCALLS.pread64, fd, address(buffer), end - begin, begin);
    if (n <= 0) break;
    for (let i = n - 1; i >= 0; i--) {
      // The last byte of the file ends the last line and begins none.
      if (buffer[i] !== NEWLINE || begin + i === size - 1) continue;
      missing -= 1;
      if (missing === 0) return { offset: begin + i + 1, missing: 0 };
    }
    end = begin;
  }
  return { offset: 0, missing: size > 0 ? missing - 1 : missing };
}

/** Reads whole lines of a log from one place on, file after file. */
export class LogReader {
  readonly #place: LogPlace;
  #fd = -1;
  #rest = new Uint8Array(0);

  /** Begins so that the last `tail` lines are read, all if it is undefined. The caller closes it. */
  constructor(place: LogPlace, tail: number | undefined) {
    this.#place = place;
    if (tail === 0) {
      this.#fd = this.#open(0);
      if (this.#fd >= 0) syscall(SYSCALLS.lseek, this.#fd, 0, SEEK_END);
      return;
    }
    let missing = tail ?? Number.POSITIVE_INFINITY;
    // From the newest backwards, as far as needed.
    for (let i = 0; i < place.names.length && missing > 0; i++) {
      const fd = this.#open(i);
      // The newest is not there yet when the one before it is full.
      if (fd < 0 && i > 0) return;
      if (fd < 0) continue;
      const found = Number.isFinite(missing) ? lastLines(fd, missing) : { offset: 0, missing };
      missing = found.missing;
      this.close();
      this.#fd = fd;
      syscall(SYSCALLS.lseek, fd, found.offset, SEEK_SET);
    }
  }

  #open(index: number): number {
    return open(`${this.#place.directory}/${this.#place.names[index] ?? ""}`, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
  }

  /** Enters a file from its beginning on. Of one that was moved away a moment ago the answer is false, and the reader stays where it is. */
  #enter({ index, inode }: Step): boolean {
    const fd = this.#open(index);
    const found = fd < 0 ? undefined : stat("", { dirfd: fd });
    if (found === undefined || typeof found === "number" || found.inode !== inode) {
      if (fd >= 0) close(fd);
      return false;
    }
    this.close();
    this.#fd = fd;
    this.#rest = new Uint8Array(0);
    return true;
  }

  close(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }

  /** After the end of the file that it is in: where to go on, if there is anything newer. */
  #next(): Step | undefined {
    const { directory, names } = this.#place;
    // In the order in which a file moves, so that none is missed on its way.
    const inodes = names.map((name) => inodeOf(`${directory}/${name}`));
    const step = (index: number): Step | undefined => (inodes[index] === undefined ? undefined : { index, inode: inodes[index] });
    const oldest = step(inodes.findLastIndex((inode) => inode !== undefined));
    const own = this.#fd < 0 ? undefined : stat("", { dirfd: this.#fd });
    if (own === undefined || typeof own === "number") return oldest;
    const at = inodes.indexOf(own.inode);
    if (at > 0) return step(at - 1);
    // It was overwritten: what is left begins with the oldest.
    if (at < 0) return oldest;
    // A single file begins anew when it is full.
    return own.size < syscall(SYSCALLS.lseek, this.#fd, 0, SEEK_CUR) ? step(0) : undefined;
  }

  #parse(line: Uint8Array): LogEntry | undefined {
    return this.#place.format === "json-file" ? parseJsonEntry(line) : parseCriEntry(line);
  }

  /** What is there now and was not read yet. Lines that are none of this format are passed over. */
  *read(): Generator<LogEntry> {
    const buffer = new Uint8Array(CHUNK);
    let tries = 0;
    const more = (): number => (this.#fd < 0 ? 0 : syscall(SYSCALLS.read, this.#fd, address(buffer), CHUNK));
    for (;;) {
      let n = more();
      if (n <= 0) {
        const next = this.#next();
        // The supervisor may have written to it once more before it left it.
        n = next === undefined ? 0 : more();
        if (n <= 0) {
          if (next === undefined || (!this.#enter(next) && ++tries > MOVES)) return;
          continue;
        }
      }
      yield* this.#lines(buffer.subarray(0, n));
    }
  }

  *#lines(chunk: Uint8Array): Generator<LogEntry> {
    const bytes = new Uint8Array(this.#rest.length + chunk.length);
    bytes.set(this.#rest);
    bytes.set(chunk, this.#rest.length);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      const entry = this.#parse(bytes.subarray(start, end));
      start = end + 1;
      if (entry !== undefined) yield entry;
    }
    const rest = bytes.slice(start);
    this.#rest = rest.length > LONGEST_LINE ? new Uint8Array(0) : rest;
  }
}
