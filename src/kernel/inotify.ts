/** Changes of files and directories as they happen (inotify(7)). */
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";
import { cString } from "./file.ts";

export const IN = { MODIFY: 2, ATTRIB: 4, MOVED_TO: 0x80, CREATE: 0x100, DELETE: 0x200, DELETE_SELF: 0x400 } as const;

const IN_CLOEXEC = 0o2000000;
const IN_NONBLOCK = 0o4000;

export interface FileChange {
  readonly watch: number;
  readonly mask: number;
  /** Of the entry of a watched directory. */
  readonly name: string;
}

/** A descriptor for watches, which the caller closes; or -errno. */
export function openInotify(): number {
  return syscall(SYSCALLS.inotify_init1, IN_CLOEXEC | IN_NONBLOCK);
}

/** Watches `path`; returns the watch or -errno. */
export function watchPath(fd: number, path: string, mask: number): number {
  return syscall(SYSCALLS.inotify_add_watch, fd, address(cString(path)), mask);
}

/** What has happened since the last call, without waiting. */
export function readChanges(fd: number): FileChange[] {
  const buffer = new Uint8Array(32 * 1024);
  const view = new DataView(buffer.buffer);
  const changes: FileChange[] = [];
  for (;;) {
    const n = syscall(SYSCALLS.read, fd, address(buffer), buffer.length);
    if (n <= 0) return changes;
    // struct inotify_event: i32 wd, u32 mask, u32 cookie, u32 len, char name[len] (padded with NULs)
    for (let at = 0; at + 16 <= n; ) {
      const length = view.getUint32(at + 12, true);
      const name = buffer.subarray(at + 16, at + 16 + length);
      const end = name.indexOf(0);
      const text = new TextDecoder().decode(end < 0 ? name : name.subarray(0, end));
      changes.push({ watch: view.getInt32(at, true), mask: view.getUint32(at + 4, true), name: text });
      at += 16 + length;
    }
  }
}
