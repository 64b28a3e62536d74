/** CPU time of a container's cgroups: cpuacct and cpu.stat of v1, cpu.stat of v2. */
import { parseColumns, parseFlatKeyed } from "../kernel/cgroup-values.ts";
import type { PressureStalls } from "../kernel/cgroup-values.ts";
import type { Integer64 } from "../spec/runtime-config.ts";
import { directoryWith, readCgroupNumber, readCgroupText } from "./cgroup-files.ts";

/** Nanoseconds. */
export interface CpuUsage {
  readonly total?: Integer64;
  readonly kernel: Integer64;
  readonly user: Integer64;
  /** v1, one for each CPU that the machine may have. */
  readonly percpu?: readonly Integer64[];
  readonly percpu_kernel?: readonly Integer64[];
  readonly percpu_user?: readonly Integer64[];
}

export interface CpuStats {
  readonly usage: CpuUsage;
  readonly throttling: { readonly periods?: Integer64; readonly throttledPeriods?: Integer64; readonly throttledTime?: Integer64 };
  readonly burst?: { readonly bursts_periods: Integer64; readonly burst_time: Integer64 };
  readonly psi?: PressureStalls;
}

function times(value: Integer64, factor: number): Integer64 {
  const product = Number(value) * factor;
  return Number.isSafeInteger(product) ? product : BigInt(value) * BigInt(factor);
}

/** USER_HZ, which is 100 in the kernel's interface on every architecture that pidbox runs on. */
const TICK = 10_000_000;

/** cpuacct.usage_all: a header, then `CPU USER SYSTEM` for each CPU. */
function parseModes(text: string): { user: Integer64[]; kernel: Integer64[] } {
  const rows = text.split("\n").slice(1).map(parseColumns).filter((row) => row.length === 3);
  return { user: rows.map((row) => row[1] ?? 0), kernel: rows.map((row) => row[2] ?? 0) };
}

function readLegacyUsage(directory: string): CpuUsage {
  const stat = parseFlatKeyed(readCgroupText(directory, "cpuacct.stat") ?? "");
  const total = readCgroupNumber(directory, "cpuacct.usage");
  const modes = parseModes(readCgroupText(directory, "cpuacct.usage_all") ?? "");
  return {
    ...(total === undefined ? {} : { total }), kernel: times(stat.get("system") ?? 0, TICK), user: times(stat.get("user") ?? 0, TICK),
    percpu: parseColumns(readCgroupText(directory, "cpuacct.usage_percpu") ?? ""), percpu_kernel: modes.kernel, percpu_user: modes.user,
  };
}

/** Time counters are nanoseconds under the name `X_time` on v1, microseconds under `X_usec` on v2. */
function nanoseconds(stat: ReadonlyMap<string, Integer64>, name: string): Integer64 | undefined {
  const [v1, v2] = [stat.get(`${name}_time`), stat.get(`${name}_usec`)];
  return v1 ?? (v2 === undefined ? undefined : times(v2, 1000));
}

export function readCpuStats(cgroups: readonly string[]): CpuStats {
  const accounting = directoryWith(cgroups, "cpuacct.usage");
  // On a hybrid host the v2 part has a cpu.stat, too, without the limits' counters.
  const limiting = directoryWith(cgroups, "cpu.shares") ?? directoryWith(cgroups, "cpu.stat");
  const stat = parseFlatKeyed(limiting === undefined ? "" : (readCgroupText(limiting, "cpu.stat") ?? ""));
  const of = (name: string): Integer64 | undefined => nanoseconds(stat, name);
  const total = of("usage");
  const [periods, throttledPeriods, throttledTime] = [stat.get("nr_periods"), stat.get("nr_throttled"), of("throttled")];
  const bursts = stat.get("nr_bursts");
  const unified = { ...(total === undefined ? {} : { total }), kernel: of("system") ?? 0, user: of("user") ?? 0 };
  return {
    usage: accounting === undefined ? unified : readLegacyUsage(accounting),
    throttling: {
      ...(periods === undefined ? {} : { periods }), ...(throttledPeriods === undefined ? {} : { throttledPeriods }),
      ...(throttledTime === undefined ? {} : { throttledTime }),
    },
    ...(bursts === undefined ? {} : { burst: { bursts_periods: bursts, burst_time: of("burst") ?? 0 } }),
  };
}
