/** What update's options and its JSON ask for. Pure. */
import { PidboxError } from "../../base/error.ts";
import { quote } from "../../base/text.ts";
import type { LinuxResources, MemoryLimits } from "../../spec/runtime-config.ts";
import { parseSize } from "../../spec/size.ts";
import { parseResources } from "../../spec/validate.ts";
import type { OciArguments } from "./verb.ts";

/** Option of the command line to field of `cpu`; the second list may be negative. */
const CPU_UNSIGNED = { "cpu-burst": "burst", "cpu-period": "period", "cpu-rt-period": "realtimePeriod", "cpu-share": "shares", "cpu-idle": "idle" } as const;
const CPU_SIGNED = { "cpu-quota": "quota", "cpu-rt-runtime": "realtimeRuntime" } as const;
const MEMORY = { memory: "limit", "memory-swap": "swap", "memory-reservation": "reservation" } as const;

/** Zeros mean "not set" in what Go programs write here; these are real values. */
const ZEROS: Readonly<Record<string, readonly string[]>> = { cpu: ["burst", "idle"], pids: ["limit"], memory: ["swappiness"] };

function decimal(args: OciArguments, name: string, pattern: RegExp): number | undefined {
  const word = args.value(name) ?? "";
  if (word === "") return undefined;
  const value = Number(word);
  if (!pattern.test(word) || !Number.isSafeInteger(value)) throw new PidboxError("USAGE", `invalid value for ${name}: ${quote(word, 60)} is not a number`, { context: { from: `--${name}` } });
  return value;
}

function size(args: OciArguments, name: string): number | undefined {
  const word = args.value(name) ?? "";
  return word === "" ? undefined : parseSize(word, `--${name}`, { unlimited: true });
}

function pick(names: Readonly<Record<string, string>>, read: (option: string) => number | undefined): Record<string, number> {
  const found = Object.entries(names).map(([option, field]) => [field, read(option)] as const);
  return Object.fromEntries(found.flatMap(([field, value]) => (value === undefined ? [] : [[field, value]])));
}

/** Without a limit of memory there is none of memory and swap together either, unless one is given. */
function unlimitedSwap(memory: MemoryLimits): MemoryLimits {
  return memory.limit === -1 && memory.swap === undefined ? { ...memory, swap: -1 } : memory;
}

/** `resources` without what stands for "not set". */
export function withoutZeros(resources: LinuxResources): LinuxResources {
  const kept = Object.entries(resources).map(([name, group]: [string, unknown]): [string, unknown] => {
    if (typeof group !== "object" || group === null || Array.isArray(group) || name === "unified" || name === "rdma") return [name, group];
    const fields = Object.entries(group).filter(([field, value]) => (value !== 0 && value !== 0n) || ZEROS[name]?.includes(field) === true);
    return [name, Object.fromEntries(fields)];
  });
  const result = Object.fromEntries(kept.filter(([, group]) => Array.isArray(group) || Object.keys(group as object).length > 0)) as LinuxResources;
  return result.memory === undefined ? result : { ...result, memory: unlimitedSwap(result.memory) };
}

/** The resources that options name. Throws USAGE for what is no number, CONFIG_INVALID for what the specification does not allow. */
export function resourcesFromOptions(args: OciArguments): LinuxResources {
  const text = (name: string): string => args.value(name) ?? "";
  const weight = Number(args.value("blkio-weight") ?? 0);
  const pids = Number(args.value("pids-limit") ?? 0);
  const resources = {
    cpu: {
      ...pick(CPU_UNSIGNED, (option) => decimal(args, option, /^\d{1,20}$/)), ...pick(CPU_SIGNED, (option) => decimal(args, option, /^[+-]?\d{1,20}$/)),
      cpus: text("cpuset-cpus"), mems: text("cpuset-mems"),
    },
    memory: pick(MEMORY, (option) => size(args, option)),
    ...(weight === 0 ? {} : { blockIO: { weight } }),
    ...(pids === 0 ? {} : { pids: { limit: pids < 0 ? -1 : pids } }),
  };
  return withoutZeros(parseResources(JSON.stringify(resources)));
}
