/**
 * Reads the journal of events while it is written: from the oldest line on, and over the moments at which a full file becomes the older one. Both files stay
 * open, for a writer may have opened one just before it was moved.
 */
import { PidboxError } from "../base/error.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, O, open, stat } from "../kernel/file.ts";
import { LONGEST_EVENT, parseEntry } from "../spec/event.ts";
import type { JournalEntry } from "../spec/event.ts";
import { journalFiles } from "./journal.ts";

const CHUNK = 64 * 1024;
const NEWLINE = 0x0a;
const ENOENT = -2;

/** A file that is being read. */
interface Tail {
  readonly fd: number;
  readonly inode: number;
  /** The beginning of a line whose end was not there yet. */
  rest: Uint8Array;
}

/** Opens a file of the journal; undefined if it is not there. Throws IO. */
function openTail(path: string): Tail | undefined {
  const fd = open(path, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
  if (fd === ENOENT) return undefined;
  const status = fd < 0 ? fd : stat("", { dirfd: fd });
  if (typeof status !== "number") return { fd, inode: status.inode, rest: new Uint8Array(0) };
  throw new PidboxError("IO", `Cannot read the journal of events: ${errnoName(status)}`, { context: { path, errno: errnoName(status) } });
}

export class JournalReader {
  readonly #root: string;
  readonly #buffer = new Uint8Array(CHUNK);
  readonly #decoder = new TextDecoder();
  /** Oldest first. */
  #tails: Tail[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  /** Opens files that are new; returns whether there are any. Those that have no name any more are `gone`: nobody finds them to write to. */
  #refresh(): { readonly fresh: boolean; readonly gone: readonly Tail[] } {
    // The newest first: one that is moved between the two is found twice then, and not never.
    const found = journalFiles(this.#root).map(openTail).filter((tail) => tail !== undefined).toReversed();
    const names = new Set(found.map(({ inode }) => inode));
    const gone = this.#tails.filter(({ inode }) => !names.has(inode));
    const kept = this.#tails.filter(({ inode }) => names.has(inode));
    const fresh: Tail[] = [];
    for (const tail of found) {
      if ([...kept, ...fresh].some(({ inode }) => inode === tail.inode)) close(tail.fd);
      else fresh.push(tail);
    }
    this.#tails = [...kept, ...fresh];
    return { fresh: fresh.length > 0, gone };
  }

  /** What is there now and was not read yet. Lines that are none are passed over. Throws IO. */
  *read(): Generator<JournalEntry> {
    for (let more = true; more; ) {
      for (const tail of this.#tails) yield* this.#drain(tail);
      const { fresh, gone } = this.#refresh();
      for (const tail of gone) {
        yield* this.#drain(tail);
        close(tail.fd);
      }
      more = fresh;
    }
  }

  *#drain(tail: Tail): Generator<JournalEntry> {
    for (;;) {
      const n = syscall(SYSCALLS.read, tail.fd, address(this.#buffer), CHUNK);
      if (n <= 0) return;
      const bytes = new Uint8Array(tail.rest.length + n);
      bytes.set(tail.rest);
      bytes.set(this.#buffer.subarray(0, n), tail.rest.length);
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        const entry = parseEntry(this.#decoder.decode(bytes.subarray(start, end)));
        start = end + 1;
        if (entry !== undefined) yield entry;
      }
      tail.rest = bytes.slice(Math.max(start, bytes.length - LONGEST_EVENT));
    }
  }

  close(): void {
    for (const { fd } of this.#tails) close(fd);
    this.#tails = [];
  }
}
