/** What a container uses now: from its cgroups, and where it has none from its processes. */
import { readText } from "../kernel/file.ts";
import { readDetail } from "../kernel/process-list.ts";
import { TICKS_PER_SECOND } from "../kernel/process-status.ts";
import type { Integer64 } from "../spec/runtime-config.ts";
import { readPidsStats } from "./cgroup-stats.ts";
import { readCpuStats } from "./cgroup-stats-cpu.ts";
import { readBlockStats } from "./cgroup-stats-io.ts";
import type { BlockStats } from "./cgroup-stats-io.ts";
import { readMemoryStats } from "./cgroup-stats-memory.ts";
import type { MemoryStats } from "./cgroup-stats-memory.ts";

/** Bytes, and nanoseconds of CPU time. Absent is what nobody counts. */
export interface Usage {
  readonly cpu?: number;
  readonly memory?: number;
  /** How much memory it may use, if that is less than there is. */
  readonly limit?: number;
  readonly received: number;
  readonly sent: number;
  readonly read?: number;
  readonly written?: number;
  readonly pids?: number;
}

/** The rows of /proc/PID/net/dev; `lo` does not count. */
export function parseNetDev(text: string): { received: number; sent: number } {
  let [received, sent] = [0, 0];
  for (const line of text.split("\n").slice(2)) {
    const colon = line.lastIndexOf(":");
    if (colon < 0 || line.slice(0, colon).trim() === "lo") continue;
    const columns = line.slice(colon + 1).trim().split(/ +/).map(Number);
    received += columns[0] ?? 0;
    sent += columns[8] ?? 0;
  }
  return { received, sent };
}

/** What a process of the container sees of its network; the host's own is none of the container's. */
function readNetwork(pid: number, own: boolean): { received: number; sent: number } {
  const text = own && pid > 0 ? readText(`/proc/${pid}/net/dev`, 1 << 20) : "";
  return parseNetDev(typeof text === "string" ? text : "");
}

/** Memory without the part of the page cache that is first to go, as docker counts. */
function memoryOf({ usage, raw }: MemoryStats): number | undefined {
  if (usage?.usage === undefined) return undefined;
  return Math.max(0, Number(usage.usage) - Number(raw["total_inactive_file"] ?? raw["inactive_file"] ?? 0));
}

function blockOf({ ioServiceBytesRecursive: table }: BlockStats, op: string): number | undefined {
  return table?.filter((counter) => counter.op.toLowerCase() === op).reduce((sum, { value }) => sum + Number(value), 0);
}

type Amounts = Readonly<Record<"cpu" | "memory" | "limit" | "pids" | "read" | "written", Integer64 | undefined>>;

/** Those of the amounts that are known. */
function known(amounts: Partial<Amounts>): Partial<Record<keyof Amounts, number>> {
  return Object.fromEntries(Object.entries(amounts).filter(([, value]) => value !== undefined).map(([key, value]) => [key, Number(value)]));
}

/** Of processes alone: CPU time of those that have ended is not in it, and memory that several share is in it several times. */
function sumOf(pids: readonly number[]): Pick<Usage, "cpu" | "memory" | "pids"> {
  let [ticks, memory, threads] = [0, 0, 0];
  for (const pid of pids) {
    const detail = readDetail(pid);
    ticks += (detail?.stat.userTicks ?? 0) + (detail?.stat.systemTicks ?? 0);
    memory += detail?.status.residentBytes ?? 0;
    threads += detail?.status.threads ?? 0;
  }
  return { cpu: (ticks / TICKS_PER_SECOND) * 1e9, memory, pids: threads };
}

/** Whose usage is wanted. */
export interface Subject {
  readonly cgroups: readonly string[];
  /** Its first process. */
  readonly pid: number;
  /** Whether it has a network namespace of its own. */
  readonly network: boolean;
  /** Its processes, asked for when its cgroups do not count. */
  readonly processes: () => readonly number[];
}

export function readUsage({ cgroups, pid, network, processes }: Subject): Usage {
  const [memory, block] = [readMemoryStats(cgroups), readBlockStats(cgroups)];
  const limit = memory.usage?.limit;
  const [cpu, pids] = [readCpuStats(cgroups).usage.total, readPidsStats(cgroups).current];
  const counted = known({ cpu, memory: memoryOf(memory), pids, limit: limit === 0 ? undefined : limit });
  const whole = counted.cpu !== undefined && counted.memory !== undefined && counted.pids !== undefined;
  const summed = whole ? {} : sumOf(processes());
  return { ...summed, ...counted, ...readNetwork(pid, network), ...known({ read: blockOf(block, "read"), written: blockOf(block, "write") }) };
}

/** What the machine has. */
export function machineMemory(): number {
  const text = readText("/proc/meminfo", 1 << 16);
  const match = typeof text === "string" ? /^MemTotal:\s+(\d{1,15}) kB$/m.exec(text) : null;
  return match === null ? 0 : Number(match[1]) * 1024;
}
