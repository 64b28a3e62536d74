/** Waiting on the one thread that pidbox has: for a moment, or for an event of a descriptor. */
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";

function timespec(milliseconds: number): BigInt64Array {
  return new BigInt64Array([BigInt(Math.floor(milliseconds / 1000)), BigInt(Math.floor((milliseconds % 1000) * 1e6))]);
}

export function pause(milliseconds: number): void {
  const time = timespec(milliseconds);
  syscall(SYSCALLS.nanosleep, address(time));
}

/** poll(2) of one descriptor. Returns what happened, 0 after `milliseconds`, or -errno. */
export function pollOne(fd: number, events: number, milliseconds: number): number {
  const set = new Int32Array([fd, events]);
  const time = timespec(Math.max(0, milliseconds));
  const result = syscall(SYSCALLS.ppoll, address(set), 1, address(time), 0, 0);
  return result > 0 ? (set[1] ?? 0) >> 16 : result;
}

/** poll(2) of several descriptors, until one has what is asked of it or the time is over. Returns what happened to each, or -errno. */
export function pollAll(wanted: readonly { readonly fd: number; readonly events: number }[], milliseconds: number): number[] | number {
  const set = new Int32Array(wanted.flatMap(({ fd, events }) => [fd, events]));
  const time = timespec(Math.max(0, milliseconds));
  const result = syscall(SYSCALLS.ppoll, address(set), wanted.length, address(time), 0, 0);
  return result < 0 ? result : wanted.map((_, i) => (set[2 * i + 1] ?? 0) >> 16);
}
