/**
 * Cgroup membership, mounts and counters for v1, v2 and hybrid hosts (cgroups(7)).
 *
 * Trusts: the kernel's formats. An attacker controls: names of cgroups below one that is delegated to them, and how many there are.
 */
import { PidboxError } from "../base/error.ts";
import { isDecimal, quote } from "../base/text.ts";
import { readText } from "./file.ts";
import type { Mount } from "./mountinfo.ts";

/** One line of /proc/PID/cgroup. */
export interface CgroupMembership {
  /** 0 for the unified (v2) hierarchy. */
  readonly hierarchy: number;
  /** v1 controllers, or `name=systemd` for a named hierarchy; empty for v2. */
  readonly controllers: readonly string[];
  /** From the root of the reader's cgroup namespace; begins with `/../` for a cgroup outside it. ` (deleted)` is removed. */
  readonly path: string;
  /** The cgroup was removed while the process (a zombie) was still in it. */
  readonly deleted: boolean;
}

const DELETED = " (deleted)";

/** Parses /proc/PID/cgroup; PARSE on other text. A path cannot hold a newline: the kernel refuses it in cgroup names. */
export function parseSelfCgroup(text: string): CgroupMembership[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const first = line.indexOf(":");
    const second = line.indexOf(":", first + 1);
    const [hierarchy, controllers, path] = [line.slice(0, first), line.slice(first + 1, second), line.slice(second + 1)];
    if (second < 0 || !isDecimal(hierarchy, 9) || !path.startsWith("/")) {
      throw new PidboxError("PARSE", `Cannot read cgroup membership: ${quote(line)} is not HIERARCHY:CONTROLLERS:PATH`);
    }
    const deleted = path.endsWith(DELETED);
    return {
      hierarchy: Number(hierarchy), controllers: controllers === "" ? [] : controllers.split(","),
      path: deleted ? path.slice(0, -DELETED.length) : path, deleted,
    };
  });
}

export interface CgroupMount {
  readonly mountPoint: string;
  /** The cgroup that the mount shows as its root, in the mounter's cgroup namespace: `/` unless bound or nested. */
  readonly root: string;
}

/** Where the hierarchies are mounted. `hybrid` is v1 controllers beside a v2 tree that holds only what is left. */
export interface CgroupLayout {
  readonly version: "v1" | "v2" | "hybrid" | "none";
  readonly unified?: CgroupMount;
  /** v1 controller or `name=X` to its mount. */
  readonly controllers: ReadonlyMap<string, CgroupMount>;
}

// Super options of a v1 mount that are not controllers (cgroup1_show_options, kernel/cgroup/cgroup-v1.c; LSM mount options).
const NOT_CONTROLLERS = ["rw", "ro", "none", "all", "noprefix", "xattr", "favordynmods", "cpuset_v2_mode", "clone_children", "seclabel"];

function isController(option: string): boolean {
  return !NOT_CONTROLLERS.includes(option) && !option.startsWith("release_agent=") && !option.startsWith("context=");
}

/** Finds the cgroup mounts in a mount table. The first mount of a hierarchy wins, as later ones are usually binds for containers. */
export function parseCgroupLayout(mounts: readonly Mount[]): CgroupLayout {
  const controllers = new Map<string, CgroupMount>();
  let unified: CgroupMount | undefined;
  for (const mount of mounts) {
    const place = { mountPoint: mount.mountPoint, root: mount.root };
    if (mount.type === "cgroup2") unified ??= place;
    if (mount.type !== "cgroup") continue;
    for (const option of mount.superOptions) {
      if (isController(option) && !controllers.has(option)) controllers.set(option, place);
    }
  }
  const version = controllers.size > 0 ? (unified === undefined ? "v1" : "hybrid") : unified === undefined ? "none" : "v2";
  return { version, ...(unified === undefined ? {} : { unified }), controllers };
}

/** The directory of cgroup `path` below `mount`, or undefined if the mount does not show it (outside the namespace or beside a bound root). */
export function cgroupDirectory(mount: CgroupMount, path: string): string | undefined {
  if (path.split("/").includes("..")) return undefined;
  const base = mount.mountPoint === "/" ? "" : mount.mountPoint;
  if (mount.root === "/") return path === "/" ? mount.mountPoint : base + path;
  if (path === mount.root) return mount.mountPoint;
  return path.startsWith(`${mount.root}/`) ? base + path.slice(mount.root.length) : undefined;
}

/** What a cgroup uses now; a counter is absent where its controller is not enabled, not mounted or not readable. */
export interface CgroupCounters {
  readonly pids?: number;
  readonly memoryBytes?: number;
  /** CPU time since the cgroup was made. */
  readonly cpuMicroseconds?: number;
}

function readNumber(directory: string, file: string): number | undefined {
  const text = readText(`${directory}/${file}`, 4096);
  return typeof text === "string" && /^[0-9]{1,18}\n?$/.test(text) ? Number(text) : undefined;
}

function directoryOf(layout: CgroupLayout, memberships: readonly CgroupMembership[], controller: string): { directory: string; v2: boolean } | undefined {
  const v1 = layout.controllers.get(controller);
  const membership = memberships.find((m) => (v1 === undefined ? m.hierarchy === 0 : m.controllers.includes(controller)));
  const mount = v1 ?? layout.unified;
  if (mount === undefined || membership === undefined) return undefined;
  const directory = cgroupDirectory(mount, membership.path);
  return directory === undefined ? undefined : { directory, v2: v1 === undefined };
}

function readCpu(layout: CgroupLayout, memberships: readonly CgroupMembership[]): number | undefined {
  const v1 = directoryOf(layout, memberships, "cpuacct");
  if (v1 === undefined) return undefined;
  if (!v1.v2) {
    const nanoseconds = readNumber(v1.directory, "cpuacct.usage");
    return nanoseconds === undefined ? undefined : Math.floor(nanoseconds / 1000);
  }
  const stat = readText(`${v1.directory}/cpu.stat`, 4096);
  const match = typeof stat === "string" ? /^usage_usec ([0-9]{1,16})$/m.exec(stat) : null;
  return match === null ? undefined : Number(match[1]);
}

/** Reads the counters of the cgroup that `memberships` name, on whichever hierarchy each controller lives. */
export function readCgroupCounters(layout: CgroupLayout, memberships: readonly CgroupMembership[]): CgroupCounters {
  const pidsAt = directoryOf(layout, memberships, "pids");
  const memoryAt = directoryOf(layout, memberships, "memory");
  const pids = pidsAt === undefined ? undefined : readNumber(pidsAt.directory, "pids.current");
  const memory = memoryAt === undefined ? undefined : readNumber(memoryAt.directory, memoryAt.v2 ? "memory.current" : "memory.usage_in_bytes");
  const cpu = readCpu(layout, memberships);
  return {
    ...(pids === undefined ? {} : { pids }), ...(memory === undefined ? {} : { memoryBytes: memory }), ...(cpu === undefined ? {} : { cpuMicroseconds: cpu }),
  };
}
