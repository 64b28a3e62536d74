/** The options of update, as runc has them. */
import type { OciOption } from "./verb.ts";

const text = (name: string, help: string, more: Partial<OciOption> = {}): OciOption => ({ name, kind: "text", help, ...more });

export const UPDATE_OPTIONS: readonly OciOption[] = [
  text("resources", "path to the file containing the resources to update, as linux.resources of config.json, or '-' to read from the standard input; all other options are ignored then", { short: "r" }),
  { name: "blkio-weight", kind: "integer", initial: "0", help: "Specifies per cgroup weight, range is from 10 to 1000" },
  text("cpu-period", "CPU CFS period to be used for hardcapping (in usecs). 0 to use system default"),
  text("cpu-quota", "CPU CFS hardcap limit (in usecs). Allowed cpu time in a given period"),
  text("cpu-burst", "CPU CFS hardcap burst limit (in usecs). Allowed accumulated cpu time additionally for burst a given period"),
  text("cpu-share", "CPU shares (relative weight vs. other containers)"),
  text("cpu-rt-period", "CPU realtime period to be used for hardcapping (in usecs). 0 to use system default"),
  text("cpu-rt-runtime", "CPU realtime hardcap limit (in usecs). Allowed cpu time in a given period"),
  text("cpuset-cpus", "CPU(s) to use"),
  text("cpuset-mems", "Memory node(s) to use"),
  text("kernel-memory", "(obsoleted; do not use)", { hidden: true }),
  text("kernel-memory-tcp", "(obsoleted; do not use)", { hidden: true }),
  text("memory", "Memory limit (in bytes)"),
  text("cpu-idle", "set cgroup SCHED_IDLE or not, 0: default behavior, 1: SCHED_IDLE"),
  text("memory-reservation", "Memory reservation or soft_limit (in bytes)"),
  text("memory-swap", "Total memory usage (memory + swap); set '-1' to enable unlimited swap"),
  { name: "pids-limit", kind: "integer", initial: "0", help: "Maximum number of pids allowed in the container" },
  text("l3-cache-schema", "The string of Intel RDT/CAT L3 cache schema"),
  text("mem-bw-schema", "The string of Intel RDT/MBA memory bandwidth schema"),
];
