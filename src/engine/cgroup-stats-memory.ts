/** Memory of a container's cgroups (cgroup-v1/memory.rst; cgroup-v2.rst, "Memory Interface Files"). */
import { NO_LIMIT, parseFlatKeyed } from "../kernel/cgroup-values.ts";
import type { PressureStalls } from "../kernel/cgroup-values.ts";
import type { Integer64 } from "../spec/runtime-config.ts";
import { directoryWith, readCgroupNumber, readCgroupText } from "./cgroup-files.ts";

/** Bytes. */
export interface MemoryEntry {
  readonly limit: Integer64;
  readonly usage?: Integer64;
  /** The most that was used. */
  readonly max?: Integer64;
  /** How often the limit was met. */
  readonly failcnt: Integer64;
}

export interface MemoryStats {
  readonly cache?: Integer64;
  readonly usage?: MemoryEntry;
  /** Memory and swap together, on both versions. */
  readonly swap?: MemoryEntry;
  readonly kernel?: MemoryEntry;
  readonly kernelTCP?: MemoryEntry;
  /** memory.stat. */
  readonly raw: Readonly<Record<string, Integer64>>;
  /** memory.events of v2: low, high, max, oom, oom_kill, oom_group_kill; v1 counts oom_kill only. */
  readonly event_count?: Readonly<Record<string, Integer64>>;
  readonly psi?: PressureStalls;
}

type Read = Integer64 | undefined;

function entry(limit: Read, usage: Read, max: Read, failcnt: Read): MemoryEntry | undefined {
  if (usage === undefined) return undefined;
  return { limit: limit ?? 0, usage, ...(max === undefined ? {} : { max }), failcnt: failcnt ?? 0 };
}

function legacyEntry(directory: string, name: string): MemoryEntry | undefined {
  const of = (file: string): Read => readCgroupNumber(directory, `${name}.${file}`);
  return entry(of("limit_in_bytes"), of("usage_in_bytes"), of("max_usage_in_bytes"), of("failcnt"));
}

function sum(a: Integer64, b: Integer64): Integer64 {
  const total = BigInt(a) + BigInt(b);
  return total <= Number.MAX_SAFE_INTEGER ? Number(total) : total;
}

/** v2 counts swap alone; what runc reports is both, without a peak, for the peaks of two things are not the peak of both. */
function both(memory: MemoryEntry, directory: string): MemoryEntry | undefined {
  const [usage, limit] = [readCgroupNumber(directory, "memory.swap.current"), readCgroupNumber(directory, "memory.swap.max")];
  if (usage === undefined || limit === undefined) return undefined;
  const unlimited = limit === NO_LIMIT || memory.limit === NO_LIMIT;
  return { limit: unlimited ? NO_LIMIT : sum(limit, memory.limit), usage: sum(usage, memory.usage ?? 0), failcnt: 0 };
}

function readUnified(directory: string, raw: ReadonlyMap<string, Integer64>): Omit<MemoryStats, "raw"> {
  const of = (file: string): Read => readCgroupNumber(directory, `memory.${file}`);
  const events = parseFlatKeyed(readCgroupText(directory, "memory.events") ?? "");
  const usage = entry(of("max"), of("current"), of("peak"), 0);
  const swap = usage === undefined ? undefined : both(usage, directory);
  const cache = raw.get("file");
  return {
    ...(cache === undefined ? {} : { cache }), ...(usage === undefined ? {} : { usage }), ...(swap === undefined ? {} : { swap }),
    ...(events.size === 0 ? {} : { event_count: Object.fromEntries(events) }),
  };
}

function readLegacy(directory: string, raw: ReadonlyMap<string, Integer64>): Omit<MemoryStats, "raw"> {
  const [usage, swap, kernel, kernelTCP] = ["memory", "memory.memsw", "memory.kmem", "memory.kmem.tcp"].map((name) => legacyEntry(directory, name));
  const killed = parseFlatKeyed(readCgroupText(directory, "memory.oom_control") ?? "").get("oom_kill");
  const cache = raw.get("cache");
  return {
    ...(cache === undefined ? {} : { cache }), ...(usage === undefined ? {} : { usage }), ...(swap === undefined ? {} : { swap }),
    ...(kernel === undefined ? {} : { kernel }), ...(kernelTCP === undefined ? {} : { kernelTCP }),
    ...(killed === undefined ? {} : { event_count: { oom_kill: killed } }),
  };
}

export function readMemoryStats(cgroups: readonly string[]): MemoryStats {
  const legacy = directoryWith(cgroups, "memory.usage_in_bytes");
  const directory = legacy ?? directoryWith(cgroups, "memory.current");
  if (directory === undefined) return { raw: {} };
  const raw = parseFlatKeyed(readCgroupText(directory, "memory.stat") ?? "");
  return { ...(legacy === undefined ? readUnified(directory, raw) : readLegacy(directory, raw)), raw: Object.fromEntries(raw) };
}
