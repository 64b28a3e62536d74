/**
 * Stage: the container's cgroups and their limits, on v1, v2 and hybrid hosts (Documentation/admin-guide/cgroup-v1, cgroup-v2.rst).
 *
 * A limit that no hierarchy of the host can hold is an error that names controller and file, never silence. Pure.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { AT, CLONE, ERRNO, OPEN } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Integer64, LinuxResources } from "../spec/runtime-config.ts";
import type { Blueprint } from "./blueprint.ts";
import type { CgroupHierarchy, HostFacts } from "./host-facts.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";

/** One file to write. `from` is the config field. */
export interface Limit {
  readonly controller: string;
  readonly file: string;
  readonly value: string;
  readonly from: string;
}

const at = (name: string): string => `/linux/resources/${name}`;

/**
 * cpu.weight for cpu.shares: the formula of runc 1.3.2 and crun 1.23, which maps 2, 1024 and 262144 to 1, 100 and 10000
 * (opencontainers/cgroups PR 20).
 */
export function sharesToWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const l = Math.log2(shares);
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34));
}

function limitText(value: Integer64): string {
  return value < 0 ? "max" : String(value);
}

export function limitsV1(resources: LinuxResources, swapAccounting: boolean): Limit[] {
  const limits: Limit[] = [];
  const add = (controller: string, file: string, value: Integer64 | string | undefined, from: string): void => {
    if (value !== undefined) limits.push({ controller, file: `${controller}.${file}`, value: String(value), from: at(from) });
  };
  const { memory, cpu, pids } = resources;
  add("memory", "limit_in_bytes", memory?.limit, "memory/limit");
  add("memory", "soft_limit_in_bytes", memory?.reservation, "memory/reservation");
  if (memory?.swap !== undefined && swapAccounting) add("memory", "memsw.limit_in_bytes", memory.swap, "memory/swap");
  // Without swap accounting "no swap" can still be had: pages of this cgroup are never swapped out.
  if (memory?.swap !== undefined && !swapAccounting && memory.swap === memory.limit) add("memory", "swappiness", 0, "memory/swap");
  add("memory", "swappiness", memory?.swappiness, "memory/swappiness");
  add("cpu", "shares", cpu?.shares, "cpu/shares");
  add("cpu", "cfs_period_us", cpu?.period, "cpu/period");
  add("cpu", "cfs_quota_us", cpu?.quota, "cpu/quota");
  add("cpuset", "cpus", cpu?.cpus, "cpu/cpus");
  add("cpuset", "mems", cpu?.mems, "cpu/mems");
  if (pids?.limit !== undefined) add("pids", "max", limitText(pids.limit), "pids/limit");
  return limits;
}

export function limitsV2(resources: LinuxResources, swapAccounting: boolean): Limit[] {
  const limits: Limit[] = [];
  const add = (file: string, value: string | number | undefined, from: string): void => {
    if (value !== undefined) limits.push({ controller: file.split(".")[0] ?? "", file, value: String(value), from: at(from) });
  };
  const { memory, cpu, pids, unified } = resources;
  if (memory?.limit !== undefined) add("memory.max", limitText(memory.limit), "memory/limit");
  if (memory?.reservation !== undefined) add("memory.low", limitText(memory.reservation), "memory/reservation");
  // A kernel without swap swaps nothing out, which is the limit that was asked for.
  if (memory?.swap !== undefined && (swapAccounting || memory.swap !== memory.limit)) {
    // OCI counts memory and swap together; the kernel's file counts swap alone.
    const swap = memory.swap < 0 ? -1 : BigInt(memory.swap) - BigInt(memory.limit ?? 0);
    add("memory.swap.max", limitText(swap), "memory/swap");
  }
  if (cpu?.shares !== undefined && cpu.shares !== 0) add("cpu.weight", sharesToWeight(cpu.shares), "cpu/shares");
  if (cpu?.quota !== undefined) add("cpu.max", `${cpu.quota > 0 ? cpu.quota : "max"} ${cpu.period ?? 100000}`, "cpu/quota");
  add("cpuset.cpus", cpu?.cpus, "cpu/cpus");
  add("cpuset.mems", cpu?.mems, "cpu/mems");
  if (pids?.limit !== undefined) add("pids.max", limitText(pids.limit), "pids/limit");
  for (const [file, value] of Object.entries(unified ?? {})) add(file, value, `unified/${file}`);
  return limits;
}

/** What to do on this host: the hierarchies that take part, and the files to write in each. */
export interface CgroupPlacement {
  readonly hierarchy: CgroupHierarchy;
  readonly limits: readonly Limit[];
}

/** Controllers whose v1 cgroup a container gets even without a limit, so that it can be counted, frozen and found. */
const ALWAYS_V1 = ["pids", "memory", "cpu"];
const ALWAYS_V2 = ["pids", "memory"];

/** Pairs limits with the host's hierarchies; HOST_UNSUPPORTED for a limit that none of them can hold, unless `cgroups` is degraded by name. */
export function placeLimits(resources: LinuxResources, facts: HostFacts, degraded: boolean): CgroupPlacement[] {
  const placements: CgroupPlacement[] = [];
  const homeless: Limit[] = [];
  const v1 = facts.cgroups.filter((h) => h.version === 1);
  const v2 = facts.cgroups.find((h) => h.version === 2);
  const legacy = v1.length > 0;
  const all = legacy ? limitsV1(resources, facts.swapAccounting) : limitsV2(resources, facts.swapAccounting);
  const holds = (h: CgroupHierarchy, l: Limit): boolean => h.controllers.includes(l.controller) || (h.version === 2 && l.controller === "cgroup");
  for (const hierarchy of legacy ? v1 : v2 === undefined ? [] : [v2]) {
    const limits = all.filter((l) => holds(hierarchy, l));
    const wanted = limits.length > 0 || hierarchy.version === 2 || hierarchy.controllers.some((name) => ALWAYS_V1.includes(name));
    if (wanted) placements.push({ hierarchy, limits });
  }
  for (const limit of all) if (!placements.some((p) => p.limits.includes(limit))) homeless.push(limit);
  const first = homeless[0];
  if (first !== undefined && !degraded) {
    throw new PidboxError(
      "HOST_UNSUPPORTED",
      `Cannot limit ${homeless.map((l) => l.controller).filter((n, i, a) => a.indexOf(n) === i).join(", ")}: no cgroup of this host that the caller may write has the file ${first.file}`,
      {
        hint: facts.privileged
          ? "Mount the controller, or start without this limit: --allow-degraded=cgroups"
          : "Run under `systemd-run --user --scope -p Delegate=yes`, or accept a container without limits: --allow-degraded=cgroups",
        context: { feature: "cgroups", from: first.from },
      },
    );
  }
  return placements;
}

/** Directory names below a hierarchy: `cgroupsPath` relative to it, or `pidbox/ID`. Throws CONFIG_INVALID for a path that is not below it. */
export function cgroupPath(blueprint: Blueprint): string {
  const path = blueprint.config.linux?.cgroupsPath ?? `pidbox/${blueprint.id}`;
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length > 0 && !parts.includes("..") && !parts.includes(".")) return parts.join("/");
  throw new PidboxError("CONFIG_INVALID", `Cannot make a cgroup at ${quote(path)}: it is not a path below the hierarchies`, { context: { from: "/linux/cgroupsPath" } });
}

/** What the container's own ops need to enter its cgroups, and what the clean-up removes. */
export interface CgroupHandles {
  /** Registers of `tasks` files to join (v1). */
  readonly join: readonly number[];
  /** Register of the cgroup directory for CLONE_INTO_CGROUP (v2). */
  readonly into: number | undefined;
  readonly directories: readonly string[];
  readonly placements: readonly CgroupPlacement[];
}

function writeText(c: Compilation, dir: number, file: string, value: string): void {
  const { writer: w } = c;
  const fd = w.register();
  w.call(SYSCALLS.openat, dir, w.text(file), OPEN.WRONLY | OPEN.CLOEXEC).into(fd);
  w.call(SYSCALLS.write, fd, w.text(value), new TextEncoder().encode(value).length).flags(FLAG.FULL);
  w.close(fd);
}

/** The supervisor leaves a delegated cgroup for a leaf of it, because one with processes cannot hand controllers down (v2, "no internal processes"). */
function moveToLeaf(c: Compilation, leaf: string): void {
  const { writer: w } = c;
  w.from("cgroup.subtree_control");
  w.call(SYSCALLS.mkdirat, AT.FDCWD, w.text(leaf), 0o755).tolerate(ERRNO.EEXIST);
  const dir = openDirectory(c, leaf);
  writeText(c, dir, "cgroup.procs", "0");
  w.close(dir);
}

/** Hands down what the directory at `path` does not hand down yet. A write that changes nothing would still wait for every dying cgroup below. */
function enableControllers(c: Compilation, path: string, wanted: readonly string[], handedDown: readonly string[]): void {
  const { writer: w } = c;
  const missing = wanted.filter((name) => !handedDown.includes(name));
  if (missing.length === 0) return;
  w.from("cgroup.subtree_control");
  const dir = openDirectory(c, path);
  writeText(c, dir, "cgroup.subtree_control", missing.map((name) => `+${name}`).join(" "));
  w.close(dir);
}

/** Only what limits need and what counts memory and tasks: a controller that is switched on is on for the siblings too. */
function wantedControllers({ hierarchy, limits }: CgroupPlacement): string[] {
  const wanted = [...ALWAYS_V2, ...limits.map((limit) => limit.controller)];
  return hierarchy.controllers.filter((name) => wanted.includes(name));
}

function openDirectory(c: Compilation, path: string): number {
  const dir = c.writer.register();
  c.writer.call(SYSCALLS.openat, AT.FDCWD, c.writer.text(path), OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).into(dir);
  return dir;
}

/** A v1 cpuset begins empty, and takes neither processes nor values that its parent lacks (cgroup-v1/cpusets.rst). */
function inheritCpuset(c: Compilation, path: string): void {
  const { writer: w } = c;
  const [dir, fd, length] = [openDirectory(c, path), w.register(), w.register()];
  const value = w.room(4096);
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    w.call(SYSCALLS.openat, dir, w.text(`../${file}`), OPEN.RDONLY | OPEN.CLOEXEC).into(fd);
    w.call(SYSCALLS.read, fd, value, 4096).into(length).call(SYSCALLS.close, fd);
    w.call(SYSCALLS.openat, dir, w.text(file), OPEN.WRONLY | OPEN.CLOEXEC).into(fd);
    w.call(SYSCALLS.write, fd, value, length).call(SYSCALLS.close, fd);
  }
  w.close(dir).release(fd, length);
}

/** Supervisor's ops: make the directories, write the limits, open what the container joins by. */
export function makeCgroups(c: Compilation): CgroupHandles {
  const { writer: w, blueprint } = c;
  const placements = placeLimits(blueprint.config.linux?.resources ?? {}, c.facts, blueprint.degraded.includes("cgroups"));
  const parts = cgroupPath(blueprint).split("/").filter((part) => part !== "");
  const join: number[] = [];
  const directories: string[] = [];
  let into: number | undefined;
  for (const placement of placements) {
    const { hierarchy, limits } = placement;
    if (hierarchy.leaf !== undefined) moveToLeaf(c, hierarchy.leaf);
    const wanted = hierarchy.version === 2 ? wantedControllers(placement) : [];
    let path = hierarchy.directory;
    parts.forEach((part, i) => {
      enableControllers(c, path, wanted, hierarchy.handedDown?.[path] ?? []);
      path = `${path}/${part}`;
      w.from(`cgroup ${hierarchy.name}`);
      w.call(SYSCALLS.mkdirat, AT.FDCWD, w.text(path), 0o755);
      if (i < parts.length - 1) w.tolerate(ERRNO.EEXIST);
      if (hierarchy.version === 1 && hierarchy.controllers.includes("cpuset")) inheritCpuset(c, path);
    });
    directories.push(path);
    const dir = openDirectory(c, path);
    for (const limit of limits) {
      w.from(limit.from);
      writeText(c, dir, limit.file, limit.value);
    }
    w.from(`cgroup ${hierarchy.name}`);
    if (hierarchy.version === 2) {
      into = dir;
    } else {
      // The container's process has one thread, so `tasks` is the same as cgroup.procs to it; but a thread that moves itself there does not take the lock
      // against all forks of the system, whose first writer waits for an RCU grace period (9a3284fad42f "cgroup: Optimize single thread migration"): 8 ms here.
      const procs = w.register();
      w.call(SYSCALLS.openat, dir, w.text("tasks"), OPEN.WRONLY | OPEN.CLOEXEC).into(procs);
      w.close(dir);
      join.push(procs);
    }
  }
  return { join, into, directories, placements };
}

/** Container's ops: enter the v1 cgroups (v2 happened at clone), then make that place the root of a new cgroup namespace. */
export function enterCgroups(c: Compilation, handles: CgroupHandles, namespace: boolean): void {
  const { writer: w } = c;
  w.from("cgroup");
  const zero = w.text("0");
  for (const fd of handles.join) {
    w.call(SYSCALLS.write, fd, zero, 1).flags(FLAG.FULL);
    w.close(fd);
  }
  if (namespace) w.from("/linux/namespaces/cgroup").call(SYSCALLS.unshare, CLONE.NEWCGROUP);
}

/** Supervisor's ops at the end: the directories go, whatever else failed. */
export function removeCgroups(c: Compilation, handles: CgroupHandles): void {
  const { writer: w } = c;
  w.from("cgroup");
  for (const directory of handles.directories) {
    w.call(SYSCALLS.unlinkat, AT.FDCWD, w.text(directory), AT.REMOVEDIR).flags(FLAG.BUSY | FLAG.IGNORE);
  }
}
