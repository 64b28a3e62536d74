/**
 * New limits for a living container, in the cgroups that it has.
 *
 * All or nothing as far as files can be put back: when one cannot be written, those before it get their old text again, and the error says which did not.
 */
import { PidboxError } from "../base/error.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { writeFile } from "../kernel/file.ts";
import { replaceDeviceProgram } from "../kernel/device-program.ts";
import { DEVICE_PROGRAM_NAME } from "../plan/cgroup-devices.ts";
import { limitsOf } from "../plan/cgroup-limits.ts";
import type { Limit } from "../plan/cgroup-limit.ts";
import { deviceProgram } from "../plan/device-program.ts";
import { devicePolicy, deviceRules, deviceTransition, parseDeviceList } from "../plan/device-rules.ts";
import { mergeResources, withCompanions } from "../spec/merge-resources.ts";
import type { DeviceRule, LinuxResources } from "../spec/runtime-config.ts";
import { directoryWith, readCgroupNumber, readCgroupText } from "./cgroup-files.ts";

const EINVAL = -22;
const EBUSY = -16;

/** The kernel wants memory <= memory and swap at each step: what grows goes last to first (cgroup-v1/memory.rst, 2.4). */
function orderMemory(limits: readonly Limit[], cgroups: readonly string[]): readonly Limit[] {
  const swap = limits.find((limit) => limit.file === "memory.memsw.limit_in_bytes");
  const directory = directoryWith(cgroups, "memory.limit_in_bytes");
  const now = directory === undefined ? undefined : readCgroupNumber(directory, "memory.limit_in_bytes");
  if (swap === undefined || now === undefined || (swap.value !== "-1" && BigInt(swap.value) <= BigInt(now))) return limits;
  return [swap, ...limits.filter((limit) => limit !== swap)];
}

/** What to write back: reading gives the text that writing takes, but for files with a line for each device. */
interface Written {
  readonly path: string;
  readonly before: string | undefined;
}

function putBack(written: readonly Written[]): string {
  const left = written.toReversed().filter(({ path, before }) => before === undefined || writeFile(path, before.trim()) < 0);
  if (written.length === 0) return "nothing was changed";
  return left.length === 0 ? "what was changed before was put back" : `still changed: ${left.map(({ path }) => path).join(", ")}`;
}

function whyRefused(directory: string, limit: Limit, errno: number): string {
  if (errno !== EBUSY || !limit.file.startsWith("memory.")) return errnoName(errno);
  const [usage, peak] = ["memory.usage_in_bytes", "memory.max_usage_in_bytes"].map((file) => readCgroupNumber(directory, file));
  return usage === undefined ? errnoName(errno) : `EBUSY, it uses more (now ${usage}, at most ${peak ?? usage})`;
}

function failure(limit: Limit, path: string, why: string, errno: number | undefined, rest: string): PidboxError {
  return new PidboxError(errno === undefined ? "HOST_UNSUPPORTED" : "IO", `Cannot set ${limit.file} to ${limit.value} for the ${limit.controller} controller: ${why}; ${rest}`, {
    context: { path, from: limit.from, ...(errno === undefined ? { feature: "cgroups" } : { errno: errnoName(errno) }) },
  });
}

/** v2: hands `controller` down from the top of the tree to the container, where it can be had. What comes of it shows in the files that are there then. */
function enable(cgroups: readonly string[], controller: string): void {
  const directory = directoryWith(cgroups, "cgroup.controllers");
  if (directory === undefined || !/^[a-z_]{1,32}$/.test(controller)) return;
  const above: string[] = [];
  for (let path = directory; path.includes("/"); ) {
    path = path.slice(0, path.lastIndexOf("/"));
    if (readCgroupText(path, "cgroup.controllers") === undefined) break;
    above.unshift(path);
  }
  for (const path of above) writeFile(`${path}/cgroup.subtree_control`, `+${controller}`);
}

/** Where a limit goes: into its file, or the one of the other name. */
function placeOf(cgroups: readonly string[], limit: Limit): Target | undefined {
  for (const target of [limit, ...(limit.otherwise === undefined ? [] : [limit.otherwise])]) {
    const directory = directoryWith(cgroups, target.file);
    if (directory !== undefined) return { directory, file: target.file, value: target.value };
  }
  return undefined;
}

interface Target {
  readonly directory: string;
  readonly file: string;
  readonly value: string;
}

function apply(cgroups: readonly string[], limits: readonly Limit[]): void {
  const written: Written[] = [];
  const later: Limit[] = [];
  const one = (limit: Limit, last: boolean): void => {
    let target = placeOf(cgroups, limit);
    if (target === undefined && limit.absent !== true) {
      enable(cgroups, limit.controller);
      target = placeOf(cgroups, limit);
    }
    if (target === undefined) throw failure(limit, cgroups[0] ?? "", "none of the container's cgroups has this file", undefined, putBack(written));
    const { directory } = target;
    const path = `${directory}/${target.file}`;
    const before = readCgroupText(directory, target.file);
    const result = writeFile(path, target.value);
    // A quota and its period, or its burst, can each be refused for the old value of the other: what was refused is tried again after the rest.
    if (result === EINVAL && !last && limit.controller === "cpu") return void later.push(limit);
    if (result < 0) throw failure(limit, path, whyRefused(directory, limit, result), result, putBack(written));
    written.push({ path, before: before?.includes(":") === true ? undefined : before });
  };
  for (const limit of limits) one(limit, false);
  for (const limit of later) one(limit, true);
}

/** New device rules; those that hold already go on holding meanwhile. Files of the v1 controller cannot be put back, so this comes last. */
function applyDevices(cgroups: readonly string[], rules: readonly DeviceRule[]): void {
  const policy = devicePolicy(deviceRules({ linux: { resources: { devices: rules } } }));
  const legacy = directoryWith(cgroups, "devices.list");
  const from = "/linux/resources/devices";
  const failed = (path: string, result: number): PidboxError =>
    new PidboxError("IO", `Cannot change the device rules in ${path}: ${errnoName(result)}; all other limits are set`, { context: { path, errno: errnoName(result), from } });
  if (legacy !== undefined) {
    for (const { file, value } of deviceTransition(parseDeviceList(readCgroupText(legacy, "devices.list") ?? ""), policy)) {
      const result = writeFile(`${legacy}/${file}`, value);
      if (result < 0) throw failed(`${legacy}/${file}`, result);
    }
    return;
  }
  const unified = directoryWith(cgroups, "cgroup.controllers");
  if (unified === undefined) throw new PidboxError("HOST_UNSUPPORTED", "Cannot change the device rules: the container has neither a v1 devices cgroup nor a v2 one", { context: { feature: "cgroups", from } });
  const result = replaceDeviceProgram(unified, deviceProgram(policy), DEVICE_PROGRAM_NAME);
  if (result < 0) throw failed(unified, result);
}

/**
 * A limit below what is used would make the kernel kill: refused if the caller wants that (config-linux.md, checkBeforeUpdate). v1 refuses by itself.
 * Throws CONFLICT.
 */
export function checkUsage({ memory }: LinuxResources, cgroups: readonly string[]): void {
  const directory = directoryWith(cgroups, "memory.current");
  const usage = directory === undefined ? undefined : readCgroupNumber(directory, "memory.current");
  if (memory?.checkBeforeUpdate !== true || usage === undefined) return;
  for (const name of ["swap", "limit"] as const) {
    const value = memory[name];
    if (value === undefined || value <= 0 || value > usage) continue;
    throw new PidboxError("CONFLICT", `Cannot set the memory limit: ${name} ${value} is not above the ${usage} bytes that the container uses, and checkBeforeUpdate is set`, { context: { from: `/linux/resources/memory/${name}` } });
  }
}

/**
 * Writes `change` to the cgroups of a container that has `current`, and returns what it has then, to be kept for the next time.
 * Throws HOST_UNSUPPORTED naming controller and file where no cgroup has the file, IO where the kernel refuses, CONFLICT for checkBeforeUpdate.
 */
export function updateCgroups(cgroups: readonly string[], current: LinuxResources, change: LinuxResources): LinuxResources {
  const merged = mergeResources(current, change);
  const effective = withCompanions(merged, change);
  const legacy = directoryWith(cgroups, "tasks") !== undefined;
  const unified = directoryWith(cgroups, "cgroup.controllers");
  checkUsage(effective, cgroups);
  const swapAccounting = directoryWith(cgroups, legacy ? "memory.memsw.limit_in_bytes" : "memory.swap.max") !== undefined;
  const controllers = unified === undefined ? {} : { unified: (readCgroupText(unified, "cgroup.controllers") ?? "").trim().split(" ") };
  const limits = limitsOf(effective, { legacy, ...controllers }, { swapAccounting, update: true });
  apply(cgroups, orderMemory(limits, cgroups));
  // An empty list is what Go programs write for none.
  if (change.devices !== undefined && change.devices.length > 0) applyDevices(cgroups, change.devices);
  return merged;
}
