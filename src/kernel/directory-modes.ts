/** One question about a whole directory, asked with two system calls an entry and nothing allocated: a start may ask it of /etc. */
import { AT } from "./abi/constants.ts";
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";
import { close, O, open } from "./file.ts";

const DT_LNK = 10;
const STATX_MODE = 2;
/** Offset of stx_mode in struct statx. */
const MODE_AT = 28;

/** Names in `directory` whose permission bits have none of `bits`; symbolic links are left out, as their bits mean nothing. -errno if it cannot be read. */
export function namesWithout(directory: string, bits: number): string[] | number {
  const fd = open(directory, O.RDONLY | O.DIRECTORY | O.NONBLOCK);
  if (fd < 0) return fd;
  const entries = new Uint8Array(32 * 1024);
  const status = new Uint8Array(256);
  const [from, to] = [address(entries), address(status)];
  const names: string[] = [];
  for (;;) {
    const end = syscall(SYSCALLS.getdents64, fd, from, entries.length);
    if (end <= 0) break;
    // struct linux_dirent64: u64 ino, s64 off, u16 reclen, u8 type, char name[] with a NUL
    for (let at = 0; at < end; ) {
      const length = (entries[at + 16] ?? 0) | ((entries[at + 17] ?? 0) << 8);
      const hidden = entries[at + 19] === 0x2e && (entries[at + 20] === 0 || (entries[at + 20] === 0x2e && entries[at + 21] === 0));
      if (!hidden && entries[at + 18] !== DT_LNK && syscall(SYSCALLS.statx, fd, from + at + 19, AT.SYMLINK_NOFOLLOW, STATX_MODE, to) === 0) {
        const mode = (status[MODE_AT] ?? 0) | ((status[MODE_AT + 1] ?? 0) << 8);
        if ((mode & bits) === 0) names.push(new TextDecoder().decode(entries.subarray(at + 19, entries.indexOf(0, at + 19))));
      }
      at += length;
    }
  }
  close(fd);
  return names;
}
