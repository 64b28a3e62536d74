/** The options of a mount as fsconfig(2) takes them one by one, where mount(2) takes one text: superblock flags, data, label and source. Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { MOUNT_ATTR } from "../kernel/abi/mount.ts";
import type { MountOptions } from "../spec/mount-options.ts";
import type { Mount } from "../spec/runtime-config.ts";
import type { Parameter } from "./filesystem.ts";
import type { Compilation } from "./names.ts";

/** Filesystems of the kernel's own: one superblock may show in many places, so `ro` is for the mount alone. */
const KERNEL_TYPES = [
  "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "fusectl", "mqueue", "proc", "pstore", "securityfs", "sysfs", "tmpfs", "tracefs",
];
/** Types that take no context= of SELinux: the policy labels their files one by one. */
const UNLABELLED_TYPES = ["cgroup", "cgroup2", "mqueue", "proc", "sysfs"];

/** strndup_user in fs/fsopen.c. */
const LONGEST_VALUE = 255;

/** The parts of a data option, for one may hold several, as mount(2) would take them; commas in quotes or after a backslash belong to a value. */
function split(option: string): string[] {
  return option.includes(",") ? (option.match(/(?:\\.|"[^"]*"|[^,])+/gs) ?? []) : [option];
}

function parameter(option: string): Parameter {
  const at = option.indexOf("=");
  if (at < 0) return [option];
  const value = option.slice(at + 1);
  const quoted = value.length > 1 && value.startsWith('"') && value.endsWith('"');
  return [option.slice(0, at), quoted ? value.slice(1, -1) : value];
}

/** The layers of an overlay one by one, where the kernel takes them so (6.5): many together are longer than a value may be. */
function layers(c: Compilation, [key, value]: Parameter): Parameter[] {
  const [major, minor] = c.facts.kernel;
  if (value === undefined) return [[key]];
  if (key !== "lowerdir" || major < 6 || (major === 6 && minor < 5)) return [[key, value]];
  return (value.match(/(?:\\.|[^:])+/gs) ?? []).map((path): Parameter => ["lowerdir+", path.replace(/\\(.)/gs, "$1")]);
}

/** What fsconfig(2) is told about a mount of the config. Throws HOST_UNSUPPORTED for a value that is too long for it. */
export function dataParameters(c: Compilation, mount: Mount, options: MountOptions): Parameter[] {
  const type = mount.type ?? "none";
  const data = options.data.flatMap(split).map(parameter).flatMap((one) => (type === "overlay" ? layers(c, one) : [one]));
  const list: Parameter[] = [...options.superblock.map((name): Parameter => [name]), ...data];
  if ((options.attributes.set & MOUNT_ATTR.RDONLY) !== 0 && !KERNEL_TYPES.includes(type)) list.push(["ro"]);
  const label = c.blueprint.config.linux?.mountLabel;
  if (label !== undefined && !UNLABELLED_TYPES.includes(type) && !data.some(([key]) => key === "context")) list.push(["context", label]);
  if (mount.source !== undefined) list.push(["source", mount.source]);
  const long = list.find(([, value]) => value !== undefined && value.length > LONGEST_VALUE / 3 && new TextEncoder().encode(value).length > LONGEST_VALUE);
  if (long === undefined) return list;
  throw new PidboxError(
    "HOST_UNSUPPORTED", `Cannot mount ${quote(mount.destination, 120)}: ${quote(long[0], 40)} is longer than the ${LONGEST_VALUE} bytes that the kernel takes`, {
      hint: "Mount it on the host, and bind it into the container", context: { feature: "mount options" },
    },
  );
}
