/** Entries to an archive, and from one. */
import { PidboxError } from "../base/error.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { encodeHeader, padding, TAR_END, TarReader } from "../spec/tar.ts";
import type { TarEntry } from "../spec/tar.ts";
import type { Content, Sink } from "./copy-entry.ts";

const PIECE = 256 * 1024;
const EINTR = -4;

/** Writes an archive. */
export class TarSink implements Sink {
  readonly #write: (bytes: Uint8Array) => void;

  /** `write` writes all or throws. */
  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  #zeros(count: number): void {
    for (let left = count; left > 0; left -= PIECE) this.#write(new Uint8Array(Math.min(left, PIECE)));
  }

  put = (entry: TarEntry, content?: Content): void => {
    // The directory itself has no name in it.
    if (entry.path.length === 0) return;
    this.#write(encodeHeader(entry));
    let done = 0;
    for (const { at, bytes } of content?.pieces() ?? []) {
      // The header has said how long it is, whatever becomes of the file.
      const part = bytes.subarray(0, Math.max(0, entry.size - at));
      this.#zeros(at - done);
      this.#write(part);
      done = at + part.length;
    }
    this.#zeros(entry.size - done + padding(entry.size));
  };

  end = (): void => {
    this.#zeros(TAR_END);
  };
}

/** Fills `buffer` from a descriptor; less only at its end. Throws IO. */
function fillFrom(fd: number, buffer: Uint8Array): number {
  let done = 0;
  while (done < buffer.length) {
    const n = syscall(SYSCALLS.read, fd, address(buffer.subarray(done)), buffer.length - done);
    if (n === EINTR) continue;
    if (n < 0) throw new PidboxError("IO", `Cannot read the archive: ${errnoName(n)}`, { context: { errno: errnoName(n) } });
    if (n === 0) break;
    done += n;
  }
  return done;
}

function contentOf(reader: TarReader): Content {
  return {
    *pieces() {
      const buffer = new Uint8Array(PIECE);
      for (let at = 0; ; ) {
        const n = reader.content(buffer);
        if (n === 0) return;
        yield { at, bytes: buffer.subarray(0, n) };
        at += n;
      }
    },
  };
}

/** Gives the members of the archive at `fd` to a sink, which it ends. Throws PARSE, IO. */
export function untar(fd: number, sink: Sink): void {
  const reader = new TarReader({ read: (buffer) => fillFrom(fd, buffer) });
  for (let entry = reader.next(); entry !== undefined; entry = reader.next()) sink.put(entry, entry.type === "file" ? contentOf(reader) : undefined);
  // Whoever writes the archive may not like to be left before its end.
  const rest = new Uint8Array(PIECE);
  while (fillFrom(fd, rest) === rest.length);
  sink.end();
}
