/** Flags of limits -> OCI resources and rlimits. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { LOW_CPU_SHARES, PIDS_LIMIT, SOFT_OPEN_FILES } from "../plan/defaults.ts";
import type { CpuLimits, LinuxResources, MemoryLimits, Rlimit } from "../spec/runtime-config.ts";
import { parseSize } from "../spec/size.ts";
import type { Arguments } from "./verb.ts";

/** The two faces of the same engine: strict for code over the host's files, default for images. */
export type Kind = "do" | "run";

function bad(flag: string, value: string, why: string): PidboxError {
  return new PidboxError("USAGE", `Cannot use ${quote(value, 60)} for ${flag}: ${why}`, { context: { from: flag } });
}

/** A whole number in [low, high] from a flag, or undefined if it was not given. Throws USAGE. */
export function wholeNumber(args: Arguments, name: string, low: number, high: number): number | undefined {
  const value = args.value(name);
  if (value === undefined) return undefined;
  const number = /^-?\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= low && number <= high)) throw bad(`--${name}`, value, `it is not a whole number from ${low} to ${high}`);
  return number;
}

/** Half of the bytes of memory that the host has (sysinfo(2)). */
function halfOfMemory(): number {
  const info = new BigUint64Array(16);
  syscall(SYSCALLS.sysinfo, address(info));
  // struct sysinfo: uptime, loads[3], totalram, ...; mem_unit is the 32-bit word after two more longs and counters, 1 on 64-bit machines.
  return Number((info[4] ?? 0n) / 2n);
}

/** Limits of memory that the flags give. Throws USAGE. */
export function memoryLimits(args: Arguments, kind: Kind): MemoryLimits | undefined {
  const given = args.value("memory");
  const swap = args.value("memory-swap");
  const limit = given === undefined ? (kind === "do" ? halfOfMemory() : undefined) : parseSize(given, "--memory");
  if (limit === undefined || limit === 0) {
    if (swap === undefined) return undefined;
    if (swap !== "-1") throw bad("--memory-swap", swap, "it counts memory and swap together, so --memory is needed too");
    return { swap: -1 };
  }
  if (limit < 512 * 1024) throw bad("--memory", given ?? "", "a container needs at least 512k");
  // No swap by default: the limit of both is the limit of memory. Where that is none, the plan sees to it (cgroup-placement.ts).
  const both = swap === undefined ? limit : parseSize(swap, "--memory-swap", { unlimited: true });
  if (both !== -1 && both < limit) throw bad("--memory-swap", swap ?? "", "it is less than --memory");
  return { limit, swap: both };
}

/** Limits of CPU time that the flags give. Throws USAGE. */
export function cpuLimits(args: Arguments, kind: Kind): CpuLimits | undefined {
  const cpus = args.value("cpus");
  const number = cpus === undefined ? undefined : Number(cpus);
  if (cpus !== undefined && !(/^\d{1,6}(\.\d{1,9})?$/.test(cpus) && (number ?? 0) >= 0.01)) throw bad("--cpus", cpus, "it is not a number of at least 0.01");
  const set = args.value("cpuset-cpus");
  if (set !== undefined && !/^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/.test(set)) throw bad("--cpuset-cpus", set, "it is not a list such as 0-3,7");
  const shares = wholeNumber(args, "cpu-shares", 2, 262144) ?? (kind === "do" ? LOW_CPU_SHARES : undefined);
  if (number === undefined && set === undefined && shares === undefined) return undefined;
  return {
    ...(shares === undefined ? {} : { shares }),
    ...(number === undefined ? {} : { period: 100000, quota: Math.round(number * 100000) }),
    ...(set === undefined ? {} : { cpus: set }),
  };
}

/** Limits of the cgroup. Throws USAGE. */
export function resourcesOf(args: Arguments, kind: Kind): LinuxResources {
  const memory = memoryLimits(args, kind);
  const cpu = cpuLimits(args, kind);
  const pids = wholeNumber(args, "pids-limit", -1, 4194304) ?? PIDS_LIMIT[kind];
  return { ...(memory === undefined ? {} : { memory }), ...(cpu === undefined ? {} : { cpu }), pids: { limit: pids === 0 ? -1 : pids } };
}

function openFiles(): Rlimit {
  const pair = new BigUint64Array(2);
  syscall(SYSCALLS.prlimit64, 0, 7, 0, address(pair));
  const hard = small(pair[1] ?? 0n);
  return { type: "RLIMIT_NOFILE", soft: hard < 0 || hard > SOFT_OPEN_FILES ? SOFT_OPEN_FILES : hard, hard };
}

/** RLIM_INFINITY is the one value beyond 2^53 that flags can give; as -1 it is the same 64 bits, and JSON can hold it. */
function small(value: number | bigint): number {
  return Number(BigInt.asIntN(64, BigInt(value)));
}

/** Limits of each process: those given, open files at the kernel's soft default, no core dumps for `do`. Throws USAGE. */
export async function rlimitsOf(args: Arguments, kind: Kind): Promise<Rlimit[]> {
  const values = args.values("ulimit");
  const given =
    values.length === 0
      ? []
      : (await import("../spec/ulimit.ts")).parseUlimits(values).map((limit) => ({ ...limit, soft: small(limit.soft), hard: small(limit.hard) }));
  const has = (type: string): boolean => given.some((limit) => limit.type === type);
  return [
    ...given,
    ...(has("RLIMIT_NOFILE") ? [] : [openFiles()]),
    ...(kind === "do" && !has("RLIMIT_CORE") ? [{ type: "RLIMIT_CORE", soft: 0, hard: 0 } as const] : []),
  ];
}
