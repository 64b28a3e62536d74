/**
 * The only door to the kernel: raw system calls through libc's `syscall`.
 *
 * Trusts: libc. An attacker controls: nothing here, but bytes that calls return.
 * This file alone imports `bun:ffi`; it is on the path of every start, so it binds two symbols and allocates nothing per call.
 */
import { dlopen, FFIType, ptr, read, toArrayBuffer } from "bun:ffi";
import type { Pointer } from "bun:ffi";

// SAFETY: both symbols are in every glibc; the declared types are those of syscall(2) on LP64 and of
// int *__errno_location(void). Arguments are passed as 64-bit integers; pointers come from `address` only.
const WORD = FFIType.i64;
const libc = dlopen("libc.so.6", {
  syscall: { args: [WORD, WORD, WORD, WORD, WORD, WORD, WORD], returns: FFIType.i64_fast },
  __errno_location: { args: [], returns: FFIType.ptr },
} as const).symbols;
const raw = libc.syscall as (nr: number, a: number, b: number, c: number, d: number, e: number, f: number) => number;
// errno of the one thread that runs JavaScript: the address does not change.
const errnoAddress = libc.__errno_location() as Pointer;

/** Sees every system call of ours, to ask the same again at another start (kernel/recorder.ts). */
export interface Observer {
  called(nr: number, args: readonly number[], result: number): void;
  /** An answer was used that is not compared. */
  spoil(): void;
}

let observer: Observer | undefined;

/** Lets `one` see all calls from now on, or nobody. */
export function observe(one: Observer | undefined): void {
  observer = one;
}

export function currentObserver(): Observer | undefined {
  return observer;
}

/**
 * Calls system call `nr`. Returns its result, or `-errno` (so -2 is ENOENT), as the kernel itself does.
 * Buffers go in as `address(buffer)` and must stay referenced until the call returns.
 */
export function syscall(nr: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): number {
  const result = raw(nr, a, b, c, d, e, f);
  // SAFETY: errno is read on the thread that made the call, before any other foreign call of ours.
  const answer = result === -1 ? -read.i32(errnoAddress, 0) : result;
  if (observer !== undefined) observer.called(nr, [a, b, c, d, e, f], answer);
  return answer;
}

/** The address of a buffer's first byte. The caller keeps the buffer alive while the kernel may use it. */
export function address(buffer: NodeJS.TypedArray): number {
  // SAFETY: ptr() pins nothing; a buffer of the JavaScript heap does not move while it is referenced.
  return ptr(buffer);
}

/** A copy of `length` bytes at an address that a call was just given. */
export function bytesAt(at: number, length: number): Uint8Array<ArrayBuffer> {
  if (length === 0) return new Uint8Array(0);
  // SAFETY: only an observer asks, about arguments of the call that it is told of, whose buffers are referenced.
  return new Uint8Array(toArrayBuffer(at, 0, length)).slice();
}

/** The bytes of the text at such an address, without its NUL. */
export function textAt(at: number): Uint8Array<ArrayBuffer> {
  let length = 0;
  // SAFETY: as above; texts for the kernel end with NUL.
  while (read.u8(at, length) !== 0) length++;
  return bytesAt(at, length);
}
