/** Block I/O of a container's cgroups (cgroup-v1/blkio-controller.rst; cgroup-v2.rst, "IO Interface Files"). */
import { parseDeviceCounters, parseInteger, parseNestedKeyed } from "../kernel/cgroup-values.ts";
import type { DeviceCounter, PressureStalls } from "../kernel/cgroup-values.ts";
import { directoryWith, readCgroupText } from "./cgroup-files.ts";

type Table =
  | "ioServiceBytesRecursive" | "ioServicedRecursive" | "ioQueueRecursive" | "ioServiceTimeRecursive" | "ioWaitTimeRecursive" | "ioMergedRecursive"
  | "ioTimeRecursive" | "sectorsRecursive";

export type BlockStats = Readonly<Partial<Record<Table, readonly DeviceCounter[]>>> & { readonly psi?: PressureStalls };

/** Which file counts depends on the scheduler: BFQ (with its debug files or not), CFQ before 5.0, or none at all, where throttling counts. */
const LEGACY: readonly (readonly [prefix: string, suffix: string])[] = [
  ["blkio.bfq.", "_recursive"], ["blkio.", "_recursive"], ["blkio.throttle.", "_recursive"], ["blkio.throttle.", ""],
];
const FILES: Readonly<Record<Table, string>> = {
  ioServiceBytesRecursive: "io_service_bytes", ioServicedRecursive: "io_serviced", ioQueueRecursive: "io_queued", ioServiceTimeRecursive: "io_service_time",
  ioWaitTimeRecursive: "io_wait_time", ioMergedRecursive: "io_merged", ioTimeRecursive: "time", sectorsRecursive: "sectors",
};

function readLegacy(directory: string): BlockStats {
  for (const [prefix, suffix] of LEGACY) {
    const tables: Partial<Record<Table, DeviceCounter[]>> = {};
    for (const [table, file] of Object.entries(FILES)) {
      const counters = parseDeviceCounters(readCgroupText(directory, `${prefix}${file}${suffix}`) ?? "");
      if (counters.length > 0) tables[table as Table] = counters;
    }
    // A scheduler that no device uses has files with a total of 0 only.
    if (tables.ioServicedRecursive !== undefined) return tables;
  }
  return {};
}

/** Keys of io.stat that v1 has words for. */
const UNIFIED: ReadonlyMap<string, readonly [Table, string]> = new Map([
  ["rbytes", ["ioServiceBytesRecursive", "Read"]], ["wbytes", ["ioServiceBytesRecursive", "Write"]], ["dbytes", ["ioServiceBytesRecursive", "Discard"]],
  ["rios", ["ioServicedRecursive", "Read"]], ["wios", ["ioServicedRecursive", "Write"]], ["dios", ["ioServicedRecursive", "Discard"]],
]);

/** io.stat, under v1's names. */
export function parseIoStat(text: string): BlockStats {
  const tables: Partial<Record<Table, DeviceCounter[]>> = {};
  for (const [device, entry] of parseNestedKeyed(text)) {
    const number = /^(\d{1,10}):(\d{1,10})$/.exec(device);
    if (number === null) continue;
    for (const [key, word] of entry) {
      const target = UNIFIED.get(key);
      const value = parseInteger(word);
      if (target === undefined || value === undefined) continue;
      const [table, op] = target;
      (tables[table] ??= []).push({ major: Number(number[1]), minor: Number(number[2]), op, value });
    }
  }
  return tables;
}

export function readBlockStats(cgroups: readonly string[]): BlockStats {
  const legacy = directoryWith(cgroups, "blkio.throttle.io_serviced");
  if (legacy !== undefined) return readLegacy(legacy);
  const unified = directoryWith(cgroups, "io.stat");
  return unified === undefined ? {} : parseIoStat(readCgroupText(unified, "io.stat") ?? "");
}
