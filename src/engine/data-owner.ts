/**
 * Whose data is in the data directory: the link ROOT/owners/ID names the machine and the boot in which it was made, and the container's directory in the store.
 * It is there before the data is, and until that is gone.
 *
 * Records are below /run and end with the boot; data does not. Several stores can have one data directory, such as those of a session and of cron, that of
 * another mount namespace, or of another machine with the same home directory: that a record is not to be seen is no proof that there is none.
 */
import { AT } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { cString, readLink, readText, unlink } from "../kernel/file.ts";

const EEXIST = -17;
const BOOT = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const OWNER = /^([0-9a-f-]{36}):([0-9a-f]*)(\/.*)$/s;

/** A boot of a machine. */
export interface Boot {
  /** /proc/sys/kernel/random/boot_id, the same in every namespace. */
  readonly boot: string;
  /** machine-id(5); empty if it has none. */
  readonly machine: string;
}

export interface DataOwner extends Boot {
  /** The container's directory in the store. */
  readonly directory: string;
}

/** This boot of this machine; undefined where that is hidden. */
export function readBoot(): Boot | undefined {
  const [boot, machine] = ["/proc/sys/kernel/random/boot_id", "/etc/machine-id"].map((path) => {
    const text = readText(path, 64);
    return typeof text === "string" ? text.trim() : "";
  });
  return boot !== undefined && BOOT.test(boot) ? { boot, machine: /^[0-9a-f]{32}$/.test(machine ?? "") ? (machine ?? "") : "" } : undefined;
}

/** Undefined for what names no boot or no absolute path. Pure. */
export function parseOwner(text: string): DataOwner | undefined {
  const [, boot = "", machine = "", directory = ""] = OWNER.exec(text) ?? [];
  return BOOT.test(boot) ? { boot, machine, directory } : undefined;
}

/** Where owners are, below the data directory. */
export function ownersOf(root: string): string {
  return `${root}/owners`;
}

export function readOwner(root: string, id: string): DataOwner | undefined {
  const text = readLink(`${ownersOf(root)}/${id}`);
  return typeof text === "string" ? parseOwner(text) : undefined;
}

/** Notes the owner of data that is about to be made; the first one stays. Where the boot is hidden it is nobody's, for ever. Returns 0 or -errno. */
export function noteOwner(root: string, id: string, directory: string): number {
  const now = readBoot();
  if (now === undefined) return 0;
  const result = syscall(SYSCALLS.symlinkat, address(cString(`${now.boot}:${now.machine}${directory}`)), AT.FDCWD, address(cString(`${ownersOf(root)}/${id}`)));
  return result === EEXIST ? 0 : result;
}

/** Takes the note back once all of the data is gone. */
export function forgetOwner(root: string, id: string): void {
  unlink(`${ownersOf(root)}/${id}`);
}
