/** What goes from a tree or an archive to another: entries in the order of a tree, directories before what is in them. */
import type { TarEntry } from "../spec/tar.ts";

/** The content of a file as it is on its way. */
export interface Content {
  /** Pieces in order; what is between them is zero. A piece is good until the next one is asked for. */
  readonly pieces: () => Generator<{ readonly at: number; readonly bytes: Uint8Array }>;
}

/** Takes entries. Ids are those that the container has for them. */
export interface Sink {
  readonly put: (entry: TarEntry, content?: Content) => void;
  /** All were given. */
  readonly end: () => void;
}

const SLASH = 0x2f;

/** `a/b`; an empty side is left out. */
export function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  const bytes = new Uint8Array(a.length + 1 + b.length);
  bytes.set(a);
  bytes[a.length] = SLASH;
  bytes.set(b, a.length + 1);
  return bytes;
}

/** Directory and last name of a path without slashes at its end. */
export function split(path: Uint8Array): { readonly directory: Uint8Array; readonly name: Uint8Array } {
  const slash = path.lastIndexOf(SLASH);
  return { directory: path.subarray(0, Math.max(slash, 0)), name: path.subarray(slash + 1) };
}

/** `path` with a NUL at its end, for the kernel; `.` for an empty one. */
export function terminated(path: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.max(path.length, 1) + 1);
  if (path.length === 0) bytes[0] = 0x2e;
  bytes.set(path);
  return bytes;
}
