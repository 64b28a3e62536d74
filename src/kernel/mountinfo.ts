/**
 * Mount tables, as /proc/PID/mountinfo gives them (proc_pid_mountinfo(5)).
 *
 * Trusts: the kernel's line format. An attacker controls: paths, sources and the number of mounts, so strings need `printable` before they are shown.
 */
import { PidboxError } from "../base/error.ts";
import { isDecimal, quote } from "../base/text.ts";
import { readText } from "./file.ts";

export interface Mount {
  readonly id: number;
  readonly parent: number;
  /** st_dev of the filesystem. */
  readonly device: { readonly major: number; readonly minor: number };
  /** The directory of the filesystem that is the root of this mount; `/docker/ID` for a bind or a cgroup namespace. */
  readonly root: string;
  /** Relative to the reading process's root directory. */
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** Peer group of a shared mount. */
  readonly shared?: number;
  /** Peer group that this mount receives events from. */
  readonly master?: number;
  /** Nearest dominant peer group under the process's root. */
  readonly propagateFrom?: number;
  readonly unbindable: boolean;
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** A mount table is refused beyond this many bytes: sysctl fs.mount-max is 100,000 mounts by default. */
const LIMIT = 32 << 20;

// The kernel escapes space, tab, newline, backslash and, in sources, `#` as three octal digits (show_mountinfo, fs/proc_namespace.c).
function unescape(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function bad(line: string): PidboxError {
  return new PidboxError("PARSE", `Cannot read mountinfo: ${quote(line)} is not a mount line`);
}

function number(text: string | undefined, line: string): number {
  if (!isDecimal(text, 15)) throw bad(line);
  return Number(text);
}

// Unknown optional fields are skipped, as proc_pid_mountinfo(5) asks of parsers.
function propagation(fields: readonly string[], line: string): Pick<Mount, "shared" | "master" | "propagateFrom" | "unbindable"> {
  const found: { shared?: number; master?: number; propagateFrom?: number; unbindable: boolean } = { unbindable: false };
  for (const field of fields) {
    const [tag, value] = field.split(":", 2);
    if (tag === "shared") found.shared = number(value, line);
    else if (tag === "master") found.master = number(value, line);
    else if (tag === "propagate_from") found.propagateFrom = number(value, line);
    else if (tag === "unbindable") found.unbindable = true;
  }
  return found;
}

function parseMount(line: string): Mount {
  const fields = line.split(" ");
  const dash = fields.indexOf("-", 6);
  const [id, parent, device, root, mountPoint, options] = fields;
  const [type, source, superOptions] = fields.slice(dash + 1);
  if (dash < 0 || root === undefined || mountPoint === undefined || options === undefined) throw bad(line);
  if (type === undefined || source === undefined) throw bad(line);
  const [major, minor] = (device ?? "").split(":");
  return {
    id: number(id, line), parent: number(parent, line),
    device: { major: number(major, line), minor: number(minor, line) },
    root: unescape(root), mountPoint: unescape(mountPoint), options: options.split(","),
    ...propagation(fields.slice(6, dash), line),
    type: unescape(type), source: unescape(source), superOptions: unescape(superOptions ?? "").split(",").filter((option) => option !== ""),
  };
}

/** The mounts of a mountinfo text in the kernel's order (a mount that covers another comes later); PARSE on any other text. */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").filter((line) => line !== "").map(parseMount);
}

/** The mount table of a process (`self` for the caller), or -errno. With `dirfd`, an open /proc/PID, `pid` is not used. */
export function readMountinfo(pid: number | "self", dirfd?: number): Mount[] | number {
  const text = dirfd === undefined ? readText(`/proc/${pid}/mountinfo`, LIMIT) : readText("mountinfo", LIMIT, dirfd);
  return typeof text === "number" ? text : parseMountinfo(text);
}

/** The mount that `path` itself is the mount point of: the last one, for later mounts cover earlier ones. */
export function mountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  return mounts.findLast((mount) => mount.mountPoint === path);
}
