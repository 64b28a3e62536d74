/** Names in directories that somebody else wrote: bytes as the kernel gives them, which need not be text. */
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";

const BUFFER = 32 * 1024;

/** A name, its NUL included, and its d_type (getdents64(2)); 0 is unknown. */
export interface RawEntry {
  readonly name: Uint8Array;
  readonly type: number;
}

/** Entries of an open directory, without `.` and `..`. Ends early on an error. */
export function* rawEntries(fd: number): Generator<RawEntry> {
  const buffer = new Uint8Array(BUFFER);
  const view = new DataView(buffer.buffer);
  for (;;) {
    const n = syscall(SYSCALLS.getdents64, fd, address(buffer), BUFFER);
    if (n <= 0) return;
    const found: RawEntry[] = [];
    // struct linux_dirent64: u64 ino, s64 off, u16 reclen, u8 type, name
    for (let at = 0; at < n; at += view.getUint16(at + 16, true)) {
      const name = buffer.slice(at + 19, buffer.indexOf(0, at + 19) + 1);
      if (!(name[0] === 0x2e && (name.length === 2 || (name.length === 3 && name[1] === 0x2e)))) found.push({ name, type: view.getUint8(at + 18) });
    }
    yield* found;
  }
}

/** By bytes, for an order that does not depend on the file system. */
export function byName(a: RawEntry, b: RawEntry): number {
  const length = Math.min(a.name.length, b.name.length);
  for (let i = 0; i < length; i++) {
    const difference = (a.name[i] ?? 0) - (b.name[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.name.length - b.name.length;
}
