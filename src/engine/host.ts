/** Reads the facts that a plan is compiled from. On the path of every start: a dozen small reads. */
import { SYSCALLS } from "../kernel/abi/host.ts";
import { AT, CAPABILITY_VERSION_3 } from "../kernel/abi/constants.ts";
import { cgroupDirectory, parseCgroupLayout, parseSelfCgroup } from "../kernel/cgroup.ts";
import type { CgroupLayout, CgroupMembership } from "../kernel/cgroup.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { cString, readText, stat } from "../kernel/file.ts";
import { readHostFeatures } from "../kernel/host-features.ts";
import { parseMountinfo } from "../kernel/mountinfo.ts";
import type { Mount } from "../kernel/mountinfo.ts";
import { isSysVisible, procVisibility } from "../kernel/proc-visibility.ts";
import type { CgroupHierarchy, HostFacts } from "../plan/host-facts.ts";
import { unifiedHierarchy } from "./unified-cgroup.ts";

const CAP_SYS_ADMIN = 21;

/** Effective capabilities of this process as one number (capget(2)). */
export function effectiveCapabilities(): number {
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  const data = new Uint32Array(6);
  syscall(SYSCALLS.capget, address(header), address(data));
  return (data[0] ?? 0) + (data[3] ?? 0) * 2 ** 32;
}

function has(mask: number, bit: number): boolean {
  return mask % 2 ** (bit + 1) >= 2 ** bit;
}

/** The id map of the initial user namespace, as the kernel writes it (uid_m_show, kernel/user_namespace.c). */
const INITIAL_MAP = "         0          0 4294967295\n";

/** Whether this process is root of the initial user namespace: id ranges, idmapped mounts and device nodes are only for that one. */
export function isPrivileged(uid: number): boolean {
  const map = readText("/proc/self/uid_map", 4096);
  return uid === 0 && map === INITIAL_MAP && has(effectiveCapabilities(), CAP_SYS_ADMIN);
}

const W_OK = 2;

function isWritable(path: string): boolean {
  return syscall(SYSCALLS.faccessat, AT.FDCWD, address(cString(path)), W_OK) === 0;
}

/** What a container needs to know of the host's cgroups besides those of `do` and `run`. */
export interface HostQuery {
  /** Every hierarchy: named ones of v1, and the v2 part of a hybrid host; and which files of a v2 cgroup can be handed to an owner. */
  readonly everyCgroup?: boolean;
  /** `linux.cgroupsPath`. */
  readonly cgroupsPath?: string;
}

function legacyHierarchies(layout: CgroupLayout, memberships: readonly CgroupMembership[], privileged: boolean, query: HostQuery): CgroupHierarchy[] {
  const hierarchies = new Map<string, CgroupHierarchy>();
  for (const { controllers, path } of memberships) {
    const mount = layout.controllers.get(controllers[0] ?? "");
    if (mount === undefined || (query.everyCgroup !== true && (controllers[0] ?? "").startsWith("name="))) continue;
    const directory = cgroupDirectory(mount, path);
    if (directory === undefined) continue;
    if (!privileged && !isWritable(directory)) continue;
    const { mountPoint } = mount;
    hierarchies.set(directory, { version: 1, controllers, mountPoint, directory, name: mountPoint.slice(mountPoint.lastIndexOf("/") + 1) });
  }
  return [...hierarchies.values()];
}

function readCgroups(mounts: readonly Mount[], privileged: boolean, query: HostQuery): CgroupHierarchy[] {
  const text = readText("/proc/self/cgroup", 1 << 16);
  if (typeof text === "number") return [];
  const memberships = parseSelfCgroup(text);
  // Inside containers the tree is there but read-only.
  const layout = parseCgroupLayout(mounts.filter((mount) => !mount.options.includes("ro")));
  const own = memberships.find((m) => m.hierarchy === 0);
  const unified = (bare: boolean): CgroupHierarchy | undefined => {
    if (layout.unified === undefined || own === undefined) return undefined;
    return unifiedHierarchy(layout.unified, own.path, privileged, { bare, ...(query.cgroupsPath === undefined ? {} : { path: query.cgroupsPath }) });
  };
  // On a hybrid host the v2 tree has only what v1 left over; the limits of `do` and `run` live in v1 there.
  const legacy = layout.version === "v2" ? [] : legacyHierarchies(layout, memberships, privileged, query);
  const more = layout.version === "v2" ? unified(false) : query.everyCgroup === true ? unified(true) : undefined;
  return more === undefined ? legacy : [...legacy, more];
}

function accountsSwap(cgroups: readonly CgroupHierarchy[]): boolean {
  const memory = cgroups.find((h) => h.controllers.includes("memory"));
  if (memory === undefined) return false;
  return typeof stat(memory.version === 2 ? "/proc/swaps" : `${memory.directory}/memory.memsw.limit_in_bytes`) !== "number";
}

/** The facts, and those lines of the mount table that matter to a plan. */
export interface Host {
  readonly facts: HostFacts;
  readonly mounts: readonly Mount[];
}

const RELEVANT_TYPES = ["cgroup", "cgroup2", "proc", "sysfs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "squashfs", "xfs"];

/**
 * Whether a line of the mount table matters: cgroups, procfs, sysfs and what lies over it, and filesystems with data. The rest says nothing to a plan, and
 * hosts of containers have thousands.
 */
function isRelevant(line: string): boolean {
  const type = line.indexOf(" - ") + 3;
  return RELEVANT_TYPES.includes(line.slice(type, line.indexOf(" ", type))) || line.includes(" /proc/") || line.includes(" /sys/");
}

function readDelegatedFiles(): string[] {
  const text = readText("/sys/kernel/cgroup/delegate", 1 << 16);
  return typeof text === "string" ? text.split("\n").filter((line) => line !== "") : ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];
}

/** Reads the host. Throws PARSE if the kernel's tables are not what their manual says. */
export function readHost(query: HostQuery = {}): Host {
  const uid = syscall(SYSCALLS.geteuid);
  const mountText = readText("/proc/self/mountinfo", 16 << 20);
  const mounts = typeof mountText === "number" ? [] : parseMountinfo(mountText.split("\n").filter(isRelevant).join("\n"));
  const last = readText("/proc/sys/kernel/cap_last_cap", 16);
  const privileged = isPrivileged(uid);
  const cgroups = readCgroups(mounts, privileged, query);
  const proc = procVisibility(mounts);
  return {
    mounts,
    facts: {
      ...readHostFeatures(), privileged, uid, gid: syscall(SYSCALLS.getegid), cgroups,
      lastCapability: typeof last === "string" ? Number(last) : 40,
      procMasked: !proc.visible || proc.readOnly, sysMasked: !isSysVisible(mounts),
      swapAccounting: accountsSwap(cgroups), ...(query.everyCgroup === true ? { delegatedFiles: readDelegatedFiles() } : {}),
    },
  };
}
