/**
 * The files of a container's cgroups. A container has a list of directories, one for each hierarchy that it takes part in: several on v1, one on v2.
 * No controller has a file of the same name on both, so a file's name finds its directory.
 *
 * Trusts: the kernel. An attacker controls: the cgroups below the container's own if they were delegated to it.
 */
import { listDirectory, readText, stat } from "../kernel/file.ts";
import { parseValue } from "../kernel/cgroup-values.ts";
import type { Integer64 } from "../spec/runtime-config.ts";

/** Bytes of a cgroup file at most; memory.numa_stat of a large machine has some 10 KB. */
const LIMIT = 1 << 20;

/** The directory that has `file`. */
export function directoryWith(cgroups: readonly string[], file: string): string | undefined {
  return cgroups.find((directory) => typeof stat(`${directory}/${file}`, { noFollow: true }) !== "number");
}

/** Which version's hierarchy `directory` belongs to: only v1 has `tasks`. */
export function cgroupVersion(directory: string): 1 | 2 {
  return typeof stat(`${directory}/tasks`) === "number" ? 2 : 1;
}

/** Text of `file` in `directory`, or undefined: absent, or the cgroup is gone. */
export function readCgroupText(directory: string, file: string): string | undefined {
  const text = readText(`${directory}/${file}`, LIMIT);
  return typeof text === "string" ? text : undefined;
}

/** The one number in `file`; `max` is 2^64 - 1. */
export function readCgroupNumber(directory: string, file: string): Integer64 | undefined {
  return parseValue(readCgroupText(directory, file) ?? "");
}

/** The cgroups right below. */
export function childCgroups(directory: string): string[] {
  const entries = listDirectory(directory, 1 << 16);
  return typeof entries === "number" ? [] : entries.filter((entry) => entry.type === 4).map((entry) => `${directory}/${entry.name}`);
}
