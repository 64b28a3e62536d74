/**
 * Stage: how the kernel schedules the program and places its memory: sched_setattr(2), ioprio_set(2), set_mempolicy(2), personality(2). All four are
 * inherited by what the program starts. They come before the change of user, for most of them need capabilities. Pure.
 */
import { SYSCALLS } from "../kernel/abi/host.ts";
import { quote } from "../base/text.ts";
import { PidboxError } from "../base/error.ts";
import { rangesOf } from "../spec/number-list.ts";
import type { Integer64, IoPriority, LinuxMemoryPolicy, Process, Scheduler, SchedulerFlag } from "../spec/runtime-config.ts";
import type { Compilation } from "./names.ts";

/** linux/sched.h */
const POLICY: Readonly<Record<Scheduler["policy"], number>> = {
  SCHED_OTHER: 0, SCHED_FIFO: 1, SCHED_RR: 2, SCHED_BATCH: 3, SCHED_ISO: 4, SCHED_IDLE: 5, SCHED_DEADLINE: 6,
};
const SCHED_RESET_ON_FORK = 0x4000_0000;
const FLAGS: Readonly<Record<SchedulerFlag, number>> = {
  SCHED_FLAG_RESET_ON_FORK: 1, SCHED_FLAG_RECLAIM: 2, SCHED_FLAG_DL_OVERRUN: 4, SCHED_FLAG_KEEP_POLICY: 8, SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20, SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
};

/** linux/ioprio.h */
const IO_CLASS: Readonly<Record<IoPriority["class"], number>> = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 };
const IO_CLASS_SHIFT = 13;
const IOPRIO_WHO_PROCESS = 1;

/** linux/mempolicy.h */
const MEMORY_MODE: Readonly<Record<LinuxMemoryPolicy["mode"], number>> = {
  MPOL_DEFAULT: 0, MPOL_PREFERRED: 1, MPOL_BIND: 2, MPOL_INTERLEAVE: 3, MPOL_LOCAL: 4, MPOL_PREFERRED_MANY: 5, MPOL_WEIGHTED_INTERLEAVE: 6,
};
const MEMORY_FLAG = { MPOL_F_NUMA_BALANCING: 1 << 13, MPOL_F_RELATIVE_NODES: 1 << 14, MPOL_F_STATIC_NODES: 1 << 15 } as const;
/** MAX_NUMNODES of the largest kernels: CONFIG_NODES_SHIFT is at most 10. */
const MAX_NODES = 1024;
/** CONFIG_NR_CPUS of the largest kernels. */
const MAX_CPUS = 8192;

/** linux/personality.h */
const PERSONALITY = { LINUX: 0, LINUX32: 8 } as const;
const ASK_PERSONALITY = 0xffff_ffff;

const low = (n: Integer64): number => Number(BigInt.asIntN(32, BigInt(n)));
const high = (n: Integer64): number => Number(BigInt.asIntN(32, BigInt(n) >> 32n));

/** struct sched_attr without the members for utilization clamps, which the specification has no words for (48 bytes, SCHED_ATTR_SIZE_VER0). */
function schedulerWords(scheduler: Scheduler): number[] {
  const flags = (scheduler.flags ?? []).reduce((bits, flag) => bits | FLAGS[flag], 0);
  const { runtime = 0, deadline = 0, period = 0 } = scheduler;
  return [
    48, POLICY[scheduler.policy], flags, 0, scheduler.nice ?? 0, scheduler.priority ?? 0,
    ...[runtime, deadline, period].flatMap((value) => [low(value), high(value)]),
  ];
}

function setScheduler(c: Compilation, scheduler: Scheduler): void {
  const { writer: w } = c;
  w.from("/process/scheduler").call(SYSCALLS.sched_setattr, 0, w.words(...schedulerWords(scheduler)), 0);
  const kept = scheduler.flags?.includes("SCHED_FLAG_KEEP_POLICY") ?? false;
  if (kept) return;
  const policy = w.register();
  const reset = scheduler.flags?.includes("SCHED_FLAG_RESET_ON_FORK") === true ? SCHED_RESET_ON_FORK : 0;
  w.call(SYSCALLS.sched_getscheduler).into(policy).expect(policy, POLICY[scheduler.policy] + reset).release(policy);
}

function setIoPriority(c: Compilation, priority: IoPriority): void {
  const { writer: w } = c;
  // The idle class has no levels (ioprio_set(2)).
  const level = priority.class === "IOPRIO_CLASS_IDLE" ? 0 : (priority.priority ?? 0);
  const value = (IO_CLASS[priority.class] << IO_CLASS_SHIFT) | level;
  const found = w.register();
  w.from("/process/ioPriority").call(SYSCALLS.ioprio_set, IOPRIO_WHO_PROCESS, 0, value);
  w.call(SYSCALLS.ioprio_get, IOPRIO_WHO_PROCESS, 0).into(found).expect(found, value).release(found);
}

/** The numbers of a list such as `0-3,7`, all below `limit`, as the words of a bit mask. Throws CONFIG_INVALID for all else. */
export function listMask(list: string, limit: number, from: string): number[] {
  const words: number[] = [];
  for (const [first, last] of rangesOf(list, from)) {
    if (last >= limit) {
      throw new PidboxError("CONFIG_INVALID", `Cannot use ${quote(list, 60)}: the numbers end at ${limit - 1}`, { context: { from } });
    }
    for (let n = first; n <= last; n++) {
      while (words.length <= n >> 5) words.push(0);
      words[n >> 5] = (words[n >> 5] ?? 0) | (1 << (n & 31));
    }
  }
  // Longs of the kernel.
  return words.length % 2 === 0 ? words : [...words, 0];
}

function setMemoryPolicy(c: Compilation, policy: LinuxMemoryPolicy): void {
  const { writer: w } = c;
  const flags = (policy.flags ?? []).reduce((bits, flag) => bits | MEMORY_FLAG[flag], 0);
  const mask = policy.nodes === undefined ? [] : listMask(policy.nodes, MAX_NODES, "/linux/memoryPolicy/nodes");
  // The kernel reads one bit less than it is told (get_nodes, mm/mempolicy.c).
  w.from("/linux/memoryPolicy");
  w.call(SYSCALLS.set_mempolicy, MEMORY_MODE[policy.mode] | flags, mask.length === 0 ? 0 : w.words(...mask), mask.length === 0 ? 0 : mask.length * 32 + 1);
}

/**
 * Ops of `exec`: the CPUs of this process and of what it starts, before it is in the container's cgroup (`initial`) or after (`final`). Nothing is said for
 * a container's first process (config.md, "execCPUAffinity").
 */
export function setAffinity(c: Compilation, process: Process | undefined, when: "initial" | "final"): void {
  const { writer: w } = c;
  const list = process?.execCPUAffinity?.[when];
  if (list === undefined) return;
  const from = `/process/execCPUAffinity/${when}`;
  const mask = listMask(list, MAX_CPUS, from);
  w.from(from).call(SYSCALLS.sched_setaffinity, 0, mask.length * 4, w.words(...mask));
}

/** Ops of the container's first process or of an exec'd one, with all its rights: CPU and I/O priorities of `process`. */
export function setPriorities(c: Compilation, process: Pick<Process, "scheduler" | "ioPriority"> | undefined): void {
  if (process?.scheduler !== undefined) setScheduler(c, process.scheduler);
  if (process?.ioPriority !== undefined) setIoPriority(c, process.ioPriority);
}

/** Ops of the same process: what `linux` says of its memory and of the kernel's manners towards it. */
export function setExecutionDomain(c: Compilation): void {
  const { writer: w, blueprint: { config } } = c;
  const { memoryPolicy, personality } = config.linux ?? {};
  if (memoryPolicy !== undefined) setMemoryPolicy(c, memoryPolicy);
  if (personality === undefined) return;
  const found = w.register();
  w.from("/linux/personality").call(SYSCALLS.personality, PERSONALITY[personality.domain]);
  w.call(SYSCALLS.personality, ASK_PERSONALITY).into(found).expect(found, PERSONALITY[personality.domain]).release(found);
}
