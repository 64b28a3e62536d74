/**
 * Command lines of `do` and `run` that were given before. The first time leaves a sign, the second time is recorded as questions and answers, and from then on
 * launcher/front.c asks the same, and starts the launcher without Bun where every answer is the same (launcher/known.h).
 *
 * Who can write here can run anything as the caller: the directory is the owner's alone, and below /run, where no container is let in without --unsafe=mount.
 */
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, listDirectory, O, open, replaceFile } from "../kernel/file.ts";
import { makeDirectory } from "./own-directory.ts";

const FOLDER = "starts";
const PLACES = 64;
const ENOENT = -2;
const SIGN = 0x6e676973;
/** The first word of plan/known-start.ts's file, whose tenth counts misses. */
const KNOWN = 0x326e776b;

/** Which file a command line has; the last one to fall on it stays. start_known() of known.h has the same sum. */
export function placeOf(words: readonly string[], directory: string): number {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode([...words, directory, ""].join("\0"))) hash = Math.imul(hash ^ byte, 16777619);
  return (hash >>> 0) % PLACES;
}

/** The path of that file. */
export function signPath(root: string, words: readonly string[], directory: string): string {
  return `${root}/${FOLDER}/${String(placeOf(words, directory)).padStart(2, "0")}`;
}

/** The sign of a command line that was given once: SIGN, how often what was known of it was of no use, and a 64-bit hash of its words. */
function signOf(words: readonly string[], directory: string, misses: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, SIGN, true);
  view.setUint32(4, misses, true);
  view.setBigUint64(8, BigInt(Bun.hash([...words, directory].join("\0"))), true);
  return bytes;
}

/**
 * How often what was known of this command line was of no use: undefined if it is seen for the first time. `known`: launcher/front.c did not use what is there,
 * for this process was started.
 */
export function readSign(root: string, words: readonly string[], directory: string): { readonly misses: number; readonly known: boolean } | undefined {
  const fd = open(signPath(root, words, directory), O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
  if (fd < 0) return undefined;
  const head = new Uint32Array(10);
  const size = syscall(SYSCALLS.read, fd, address(head), head.byteLength);
  close(fd);
  if (size === head.byteLength && head[0] === KNOWN) return { misses: (head[9] ?? 0) + 1, known: true };
  const misses = head[1] ?? 0;
  const sign = new Uint32Array(signOf(words, directory, misses).buffer);
  return size === sign.byteLength && sign.every((word, i) => head[i] === word) ? { misses, known: false } : undefined;
}

/** Puts a file in its place at once, or leaves it: a start does not fail for want of room here. */
export function replaceSign(root: string, path: string, bytes: Uint8Array, id: string): void {
  const fresh = `${root}/${FOLDER}/.${id}`;
  if (replaceFile(path, bytes, 0o600, fresh) === ENOENT && makeDirectory(`${root}/${FOLDER}`, 0o700) === 0) replaceFile(path, bytes, 0o600, fresh);
}

/** Leaves the sign. */
export function sign(root: string, words: readonly string[], directory: string, misses: number, id: string): void {
  replaceSign(root, signPath(root, words, directory), signOf(words, directory, misses), id);
}

/** Paths of what is kept below the state root. */
export function keptStarts(root: string): string[] {
  const entries = listDirectory(`${root}/${FOLDER}`, 2 * PLACES);
  return typeof entries === "number" ? [] : entries.map(({ name }) => `${root}/${FOLDER}/${name}`);
}
