/**
 * What a container's cgroups have counted, on v1 and v2.
 *
 * The fields are those of runc's `events --stats` (types/events.go) under the names that it writes, so that its JSON is this data; absent is what the
 * kernel does not count here. Numbers are exact, and 2^64 - 1 is no limit.
 */
import { parseFlatKeyed, parseNestedKeyed, parseNumberList, parsePressure } from "../kernel/cgroup-values.ts";
import type { PressureStalls } from "../kernel/cgroup-values.ts";
import { listDirectory } from "../kernel/file.ts";
import type { Integer64 } from "../spec/runtime-config.ts";
import { directoryWith, readCgroupNumber, readCgroupText } from "./cgroup-files.ts";
import { readCpuStats } from "./cgroup-stats-cpu.ts";
import type { CpuStats } from "./cgroup-stats-cpu.ts";
import { readBlockStats } from "./cgroup-stats-io.ts";
import type { BlockStats } from "./cgroup-stats-io.ts";
import { readMemoryStats } from "./cgroup-stats-memory.ts";
import type { MemoryStats } from "./cgroup-stats-memory.ts";

export interface PidsStats {
  readonly current?: Integer64;
  /** Absent: no limit. */
  readonly limit?: Integer64;
}

export interface CpusetStats {
  readonly cpus?: readonly number[];
  readonly mems?: readonly number[];
  /** v1 flags and levels by their names, such as cpu_exclusive. */
  readonly [flag: string]: Integer64 | readonly number[] | undefined;
}

export interface HugetlbStats {
  readonly usage?: Integer64;
  readonly max?: Integer64;
  readonly failcnt: Integer64;
}

export interface RdmaUse {
  readonly device: string;
  readonly hca_handles: Integer64;
  readonly hca_objects: Integer64;
}

export interface CgroupStats {
  readonly cpu: CpuStats;
  readonly cpuset: CpusetStats;
  readonly memory: MemoryStats;
  readonly pids: PidsStats;
  readonly blkio: BlockStats;
  /** By page size, such as 2MB. */
  readonly hugetlb: Readonly<Record<string, HugetlbStats>>;
  readonly rdma?: { readonly limit: readonly RdmaUse[]; readonly current: readonly RdmaUse[] };
  /** By resource (cgroup-v2.rst, "Misc"). */
  readonly misc?: Readonly<Record<string, { readonly usage: Integer64; readonly events: Integer64 }>>;
}

const NO_LIMIT_TEXT = "max\n";

export function readPidsStats(cgroups: readonly string[]): PidsStats {
  const directory = directoryWith(cgroups, "pids.current");
  if (directory === undefined) return {};
  const current = readCgroupNumber(directory, "pids.current");
  const limit = readCgroupText(directory, "pids.max") === NO_LIMIT_TEXT ? undefined : readCgroupNumber(directory, "pids.max");
  return { ...(current === undefined ? {} : { current }), ...(limit === undefined ? {} : { limit }) };
}

const CPUSET_FLAGS = [
  "cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab", "memory_pressure", "sched_load_balance",
] as const;

function readCpuset(cgroups: readonly string[]): CpusetStats {
  const directory = directoryWith(cgroups, "cpuset.cpus");
  if (directory === undefined) return {};
  const list = (file: string): number[] => parseNumberList(readCgroupText(directory, file) ?? "");
  // An empty v2 cpuset takes what its parent has, which is in the effective file.
  const unified = readCgroupText(directory, "cpuset.cpus.effective") !== undefined;
  const stats: Record<string, Integer64 | readonly number[]> = {
    cpus: list(unified ? "cpuset.cpus.effective" : "cpuset.cpus"), mems: list(unified ? "cpuset.mems.effective" : "cpuset.mems"),
  };
  if (unified) return stats;
  for (const flag of CPUSET_FLAGS) {
    const value = readCgroupNumber(directory, `cpuset.${flag}`);
    if (value !== undefined) stats[flag] = value;
  }
  const level = Number(readCgroupText(directory, "cpuset.sched_relax_domain_level"));
  return Number.isInteger(level) ? { ...stats, sched_relax_domain_level: level } : stats;
}

function readHugetlb(cgroups: readonly string[]): Record<string, HugetlbStats> {
  const found: Record<string, HugetlbStats> = {};
  for (const directory of cgroups) {
    const entries = listDirectory(directory, 4096);
    for (const { name } of typeof entries === "number" ? [] : entries) {
      const match = /^hugetlb\.(\d{1,10}[KMGT]B)\.(current|usage_in_bytes)$/.exec(name);
      if (match === null) continue;
      const [, size = "", file = ""] = match;
      const usage = readCgroupNumber(directory, name);
      const max = file === "current" ? undefined : readCgroupNumber(directory, `hugetlb.${size}.max_usage_in_bytes`);
      const failures = file === "current"
        ? parseFlatKeyed(readCgroupText(directory, `hugetlb.${size}.events`) ?? "").get("max")
        : readCgroupNumber(directory, `hugetlb.${size}.failcnt`);
      found[size] = { ...(usage === undefined ? {} : { usage }), ...(max === undefined ? {} : { max }), failcnt: failures ?? 0 };
    }
  }
  return found;
}

/** `DEVICE hca_handle=N hca_object=max` lines. */
function parseRdma(text: string): RdmaUse[] {
  // The kernel's own `max` is 2^31 - 1 (S32_MAX), runc's 2^32 - 1.
  const value = (word: string | undefined): number => (word === "max" ? 4294967295 : /^\d{1,10}$/.test(word ?? "") ? Number(word) : 0);
  return [...parseNestedKeyed(text)].map(([device, entry]) => {
    return { device, hca_handles: value(entry.get("hca_handle")), hca_objects: value(entry.get("hca_object")) };
  });
}

function readRdma(cgroups: readonly string[]): CgroupStats["rdma"] {
  const directory = directoryWith(cgroups, "rdma.current");
  if (directory === undefined) return undefined;
  return { limit: parseRdma(readCgroupText(directory, "rdma.max") ?? ""), current: parseRdma(readCgroupText(directory, "rdma.current") ?? "") };
}

function readMisc(cgroups: readonly string[]): CgroupStats["misc"] {
  const directory = directoryWith(cgroups, "misc.current");
  if (directory === undefined) return undefined;
  const events = parseFlatKeyed(readCgroupText(directory, "misc.events") ?? "");
  const current = parseFlatKeyed(readCgroupText(directory, "misc.current") ?? "");
  return Object.fromEntries([...current].map(([name, usage]) => [name, { usage, events: events.get(`${name}.max`) ?? 0 }]));
}

/** Stall times of a resource: `cpu.pressure` and its like, on v2 and in the v2 part of a hybrid host. */
function readPressure(cgroups: readonly string[], file: string): { psi?: PressureStalls } {
  const directory = directoryWith(cgroups, file);
  const psi = directory === undefined ? {} : parsePressure(readCgroupText(directory, file) ?? "");
  return psi.some === undefined && psi.full === undefined ? {} : { psi };
}

/** Reads the counters of a container. Nothing throws: a cgroup that is gone has counted nothing. */
export function readCgroupStats(cgroups: readonly string[]): CgroupStats {
  const [rdma, misc] = [readRdma(cgroups), readMisc(cgroups)];
  return {
    cpu: { ...readCpuStats(cgroups), ...readPressure(cgroups, "cpu.pressure") }, cpuset: readCpuset(cgroups),
    memory: { ...readMemoryStats(cgroups), ...readPressure(cgroups, "memory.pressure") }, pids: readPidsStats(cgroups),
    blkio: { ...readBlockStats(cgroups), ...readPressure(cgroups, "io.pressure") }, hugetlb: readHugetlb(cgroups),
    ...(rdma === undefined ? {} : { rdma }), ...(misc === undefined ? {} : { misc }),
  };
}
