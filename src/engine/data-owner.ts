/**
 * Whose data is in the data directory: the link ROOT/owners/ID names the boot in which it was made, and the container's directory in the store. It is there
 * before the data is, and until that is gone.
 *
 * Records are below /run and end with the boot; data does not. Several stores can have one data directory, such as those of a session and of cron, or that of
 * another mount namespace: that a record is not to be seen is no proof that there is none.
 */
import { AT } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { cString, readLink, readText, unlink } from "../kernel/file.ts";

const EEXIST = -17;
const BOOT = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const BOOT_SIZE = 36;

export interface DataOwner {
  readonly boot: string;
  /** The container's directory in the store. */
  readonly directory: string;
}

/** The name of this boot of the kernel, in every namespace; undefined where it is hidden. */
export function readBoot(): string | undefined {
  const text = readText("/proc/sys/kernel/random/boot_id", 64);
  const boot = typeof text === "string" ? text.trim() : "";
  return BOOT.test(boot) ? boot : undefined;
}

/** Undefined for what names no boot or no absolute path. Pure. */
export function parseOwner(text: string): DataOwner | undefined {
  const [boot, directory] = [text.slice(0, BOOT_SIZE), text.slice(BOOT_SIZE)];
  return BOOT.test(boot) && directory.startsWith("/") ? { boot, directory } : undefined;
}

/** Where owners are, below the data directory. */
export function ownersOf(root: string): string {
  return `${root}/owners`;
}

export function readOwner(root: string, id: string): DataOwner | undefined {
  const text = readLink(`${ownersOf(root)}/${id}`);
  return typeof text === "string" ? parseOwner(text) : undefined;
}

/** Notes the owner of data that is about to be made; the first one stays. Without the boot's name it is nobody's, for ever. Returns 0 or -errno. */
export function noteOwner(root: string, id: string, directory: string): number {
  const boot = readBoot();
  if (boot === undefined) return 0;
  const result = syscall(SYSCALLS.symlinkat, address(cString(boot + directory)), AT.FDCWD, address(cString(`${ownersOf(root)}/${id}`)));
  return result === EEXIST ? 0 : result;
}

/** Takes the note back once all of the data is gone. */
export function forgetOwner(root: string, id: string): void {
  unlink(`${ownersOf(root)}/${id}`);
}
