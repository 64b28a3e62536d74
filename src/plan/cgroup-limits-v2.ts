/** Resources as files of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst), in an order that the kernel takes in a new cgroup. Pure. */
import { PidboxError } from "../base/error.ts";
import type { BlockIo, CpuLimits, Integer64, LinuxResources, MemoryLimits } from "../spec/runtime-config.ts";
import { at, eachThrottle, given, hugepageLimits, limitText, rdmaLimits } from "./cgroup-limit.ts";
import type { Limit, LimitOptions } from "./cgroup-limit.ts";

type Add = (file: string, value: Integer64 | string | undefined, from: string, more?: Partial<Limit>) => void;

/** A limit that v2 has no file for, under the name that v1 has. */
const ABSENT = { absent: true } as const;

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

/** io.weight (1 to 10000, 100 by default) for a weight of blkio (10 to 1000), as runc and crun have it. */
export function blockToIoWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

/** The kernel's file counts swap alone, OCI memory and swap together. Undefined: nothing to write. Throws CONFIG_INVALID for what has no difference. */
function swapText({ limit, swap }: MemoryLimits): string | undefined {
  if (swap === -1 || (limit === -1 && !given(swap))) return "max";
  if (!given(swap)) return undefined;
  const wrong = !given(limit) || limit < 0 ? "swap counts memory and swap together, so a limit of memory is needed" : swap < limit ? `swap (${swap}) is below the limit (${limit})` : undefined;
  if (wrong !== undefined) throw new PidboxError("CONFIG_INVALID", `Cannot limit swap: ${wrong}`, { context: { from: at("memory/swap") } });
  return String(BigInt(swap) - BigInt(limit ?? 0));
}

function memoryLimits(add: Add, memory: MemoryLimits, { swapAccounting }: LimitOptions): void {
  const { limit, reservation, kernel, kernelTCP, swappiness, disableOOMKiller, useHierarchy } = memory;
  if (given(limit)) add("memory.max", limitText(limit), "memory/limit");
  if (given(reservation)) add("memory.low", limitText(reservation), "memory/reservation");
  const swap = swapText(memory);
  // A kernel without swap swaps nothing out and limits nothing, which is what was asked for then.
  if (swap !== undefined && (swapAccounting || (swap !== "0" && swap !== "max"))) add("memory.swap.max", swap, "memory/swap", swapAccounting ? {} : ABSENT);
  if (given(kernel) && kernel > 0) add("memory.kmem.limit_in_bytes", kernel, "memory/kernel", ABSENT);
  if (given(kernelTCP) && kernelTCP > 0) add("memory.kmem.tcp.limit_in_bytes", kernelTCP, "memory/kernelTCP", ABSENT);
  add("memory.swappiness", swappiness, "memory/swappiness", ABSENT);
  if (disableOOMKiller === true) add("memory.oom_control", 1, "memory/disableOOMKiller", ABSENT);
  if (useHierarchy === false) add("memory.use_hierarchy", 0, "memory/useHierarchy", ABSENT);
}

function cpuLimits(add: Add, cpu: CpuLimits): void {
  const { shares, quota, period, burst, realtimePeriod, realtimeRuntime, idle, cpus, mems } = cpu;
  // An idle cgroup takes no weight, so that is written while it is not.
  if (idle === 0) add("cpu.idle", idle, "cpu/idle");
  if (given(shares)) add("cpu.weight", sharesToWeight(shares), "cpu/shares");
  if (given(quota) || given(period)) {
    add("cpu.max", `${given(quota) && quota > 0 ? quota : "max"} ${given(period) ? period : 100000}`, given(quota) ? "cpu/quota" : "cpu/period");
  }
  add("cpu.max.burst", burst, "cpu/burst");
  if (idle === 1) add("cpu.idle", idle, "cpu/idle");
  if (given(realtimePeriod)) add("cpu.rt_period_us", realtimePeriod, "cpu/realtimePeriod", ABSENT);
  if (given(realtimeRuntime)) add("cpu.rt_runtime_us", realtimeRuntime, "cpu/realtimeRuntime", ABSENT);
  add("cpuset.cpus", cpus, "cpu/cpus");
  add("cpuset.mems", mems, "cpu/mems");
}

/** BFQ takes weights as they are; the file is there only where BFQ is, and io.weight only with io.cost. */
function addWeight(add: Add, device: string, weight: number, from: string): void {
  add("io.bfq.weight", `${device}${weight}`, from, { otherwise: { file: "io.weight", value: `${device}${blockToIoWeight(weight)}` } });
}

function blockLimits(add: Add, blockIO: BlockIo): void {
  const { weight, leafWeight, weightDevice = [] } = blockIO;
  if (given(weight)) addWeight(add, "", weight, "blockIO/weight");
  if (given(leafWeight)) add("io.leaf_weight", leafWeight, "blockIO/leafWeight", ABSENT);
  weightDevice.forEach((device, i) => {
    const from = `blockIO/weightDevice/${i}`;
    if (given(device.weight)) addWeight(add, `${device.major}:${device.minor} `, device.weight, from);
    if (given(device.leafWeight)) add("io.leaf_weight_device", device.leafWeight, from, ABSENT);
  });
  // v1 takes 0 for no limit, the kernel's v2 file does not.
  eachThrottle(blockIO, ({ major, minor, rate }, from, _v1, v2) => add("io.max", `${major}:${minor} ${v2}=${given(rate) ? rate : "max"}`, from));
}

/** The files to write. Throws CONFIG_INVALID. */
export function limitsV2(resources: LinuxResources, options: LimitOptions): Limit[] {
  const limits: Limit[] = [];
  const add: Add = (file, value, from, more = {}) => {
    if (value !== undefined) limits.push({ controller: file.split(".")[0] ?? "", file, value: String(value), from: at(from), ...more });
  };
  const { memory, cpu, pids, blockIO, network, unified } = resources;
  if (memory !== undefined) memoryLimits(add, memory, options);
  if (cpu !== undefined) cpuLimits(add, cpu);
  if (pids?.limit !== undefined) add("pids.max", limitText(pids.limit), "pids/limit");
  if (blockIO !== undefined) blockLimits(add, blockIO);
  limits.push(...hugepageLimits(resources, (size, kind) => `hugetlb.${size}.${kind}max`));
  if (given(network?.classID)) add("net_cls.classid", network.classID, "network/classID", ABSENT);
  network?.priorities?.forEach((_one, i) => add("net_prio.ifpriomap", "", `network/priorities/${i}`, ABSENT));
  limits.push(...rdmaLimits(resources.rdma));
  // The kernel takes one line at a time.
  for (const [file, value] of Object.entries(unified ?? {})) for (const line of value.trim().split("\n")) add(file, line, `unified/${file}`);
  return limits;
}
