/** Resources as files of cgroup v1 (Documentation/admin-guide/cgroup-v1), in an order that the kernel takes in a new cgroup. Pure. */
import { PidboxError } from "../base/error.ts";
import type { BlockIo, CpuLimits, Integer64, LinuxResources, MemoryLimits } from "../spec/runtime-config.ts";
import { at, eachThrottle, given, hugepageLimits, limitText, rdmaLimits } from "./cgroup-limit.ts";
import type { Limit, LimitOptions } from "./cgroup-limit.ts";

type Add = (file: string, value: Integer64 | string | undefined, from: string, more?: Partial<Limit>) => void;

function memoryLimits(add: Add, memory: MemoryLimits, { swapAccounting, update = false }: LimitOptions): void {
  const { limit, reservation, swap, kernel, kernelTCP, swappiness, disableOOMKiller, useHierarchy } = memory;
  // Without a limit of memory there is none of memory and swap, as runc has it.
  const both = limit === -1 && !given(swap) && swapAccounting ? -1 : swap;
  if (given(limit)) add("memory.limit_in_bytes", limit, "memory/limit");
  if (given(reservation)) add("memory.soft_limit_in_bytes", reservation, "memory/reservation");
  if (given(both) && (swapAccounting || (both !== limit && both > 0))) {
    add("memory.memsw.limit_in_bytes", both, "memory/swap", swapAccounting ? {} : { absent: true });
  }
  // Without swap accounting "no swap" can still be had: pages of this cgroup are never swapped out.
  if (given(both) && both > 0 && both === limit && !swapAccounting) add("memory.swappiness", 0, "memory/swap");
  // Kernels from 5.16 on have the file and refuse it (58056f77502f "memcg, kmem: further deprecate kmem.limit_in_bytes").
  if (given(kernel)) add("memory.kmem.limit_in_bytes", kernel, "memory/kernel");
  if (given(kernelTCP)) add("memory.kmem.tcp.limit_in_bytes", kernelTCP, "memory/kernelTCP");
  add("memory.swappiness", swappiness, "memory/swappiness");
  if (disableOOMKiller !== undefined && (disableOOMKiller || update)) add("memory.oom_control", disableOOMKiller ? 1 : 0, "memory/disableOOMKiller");
  if (useHierarchy !== undefined) add("memory.use_hierarchy", useHierarchy ? 1 : 0, "memory/useHierarchy");
}

/** What the kernel would silently make of other shares (MIN_SHARES, MAX_SHARES; kernel/sched/sched.h). */
const SHARES = { min: 2, max: 262144 } as const;

function checkShares(shares: number): void {
  const bound = shares < SHARES.min ? "minimum" : shares > SHARES.max ? "maximum" : undefined;
  if (bound === undefined) return;
  throw new PidboxError("CONFIG_INVALID", `the ${bound} allowed cpu-shares is ${bound === "minimum" ? SHARES.min : SHARES.max}`, { context: { from: at("cpu/shares") } });
}

function cpuLimits(add: Add, cpu: CpuLimits): void {
  const { shares, quota, period, burst, realtimePeriod, realtimeRuntime, idle, cpus, mems } = cpu;
  if (given(shares)) checkShares(shares);
  // An idle cgroup takes no shares, so those are written while it is not.
  if (idle === 0) add("cpu.idle", idle, "cpu/idle");
  if (given(shares)) add("cpu.shares", shares, "cpu/shares");
  if (given(period)) add("cpu.cfs_period_us", period, "cpu/period");
  if (given(quota)) add("cpu.cfs_quota_us", quota, "cpu/quota");
  add("cpu.cfs_burst_us", burst, "cpu/burst");
  if (given(realtimePeriod)) add("cpu.rt_period_us", realtimePeriod, "cpu/realtimePeriod");
  if (given(realtimeRuntime)) add("cpu.rt_runtime_us", realtimeRuntime, "cpu/realtimeRuntime");
  if (idle === 1) add("cpu.idle", idle, "cpu/idle");
  add("cpuset.cpus", cpus, "cpu/cpus");
  add("cpuset.mems", mems, "cpu/mems");
}

/** CFQ's names first, which BFQ has under its own since CFQ is gone (5.0). */
function blockLimits(add: Add, blockIO: BlockIo): void {
  const { weight, leafWeight, weightDevice = [] } = blockIO;
  if (given(weight)) add("blkio.weight", weight, "blockIO/weight", { otherwise: { file: "blkio.bfq.weight", value: String(weight) } });
  if (given(leafWeight)) add("blkio.leaf_weight", leafWeight, "blockIO/leafWeight");
  weightDevice.forEach((device, i) => {
    const value = `${device.major}:${device.minor} ${device.weight}`;
    if (given(device.weight)) add("blkio.weight_device", value, `blockIO/weightDevice/${i}`, { otherwise: { file: "blkio.bfq.weight_device", value } });
    if (given(device.leafWeight)) add("blkio.leaf_weight_device", `${device.major}:${device.minor} ${device.leafWeight}`, `blockIO/weightDevice/${i}`);
  });
  eachThrottle(blockIO, ({ major, minor, rate }, from, v1) => add(`blkio.throttle.${v1}`, `${major}:${minor} ${rate}`, from));
}

/** The files to write. Throws CONFIG_INVALID for what the kernel would change silently. */
export function limitsV1(resources: LinuxResources, options: LimitOptions): Limit[] {
  const limits: Limit[] = [];
  const add: Add = (file, value, from, more = {}) => {
    if (value !== undefined) limits.push({ controller: file.slice(0, file.indexOf(".")), file, value: String(value), from: at(from), ...more });
  };
  const { memory, cpu, pids, blockIO, network, unified } = resources;
  if (memory !== undefined) memoryLimits(add, memory, options);
  if (cpu !== undefined) cpuLimits(add, cpu);
  if (pids?.limit !== undefined) add("pids.max", limitText(pids.limit), "pids/limit");
  if (blockIO !== undefined) blockLimits(add, blockIO);
  limits.push(...hugepageLimits(resources, (size, kind) => `hugetlb.${size}.${kind}limit_in_bytes`));
  if (given(network?.classID)) add("net_cls.classid", network.classID, "network/classID");
  network?.priorities?.forEach(({ name, priority }, i) => add("net_prio.ifpriomap", `${name} ${priority}`, `network/priorities/${i}`));
  limits.push(...rdmaLimits(resources.rdma));
  for (const file of Object.keys(unified ?? {})) add(file, unified?.[file], `unified/${file}`, { absent: true });
  return limits;
}
