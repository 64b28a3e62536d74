/**
 * A container as a transient scope of systemd (systemd.scope(5), org.freedesktop.systemd1(5)): its name, its place among the slices, and its limits as
 * properties. systemd writes the files of a unit again at every daemon-reload, from the properties that it knows; what it does not know it leaves. Pure.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { rangesOf } from "../spec/number-list.ts";
import type { CpuLimits, Integer64, LinuxResources } from "../spec/runtime-config.ts";
import { given } from "./cgroup-limit.ts";
import { limitsV2 } from "./cgroup-limits-v2.ts";
import { accessText } from "./device-rules.ts";
import type { DevicePolicy } from "./device-rules.ts";

/** A property as busctl(1) takes it: name, D-Bus signature, and the words of its value. */
export type UnitProperty = readonly [name: string, signature: string, ...words: readonly string[]];

export interface ScopeUnit {
  readonly slice: string;
  /** Such as `docker-1234.scope`. */
  readonly unit: string;
}

const FROM = { context: { from: "/linux/cgroupsPath" } } as const;
/** systemd.unit(5): letters, digits, `:_.-\` and `@`; 255 characters at most. */
const UNIT_NAME = /^[A-Za-z0-9:_.\\@-]{1,255}$/;

/**
 * The scope that `cgroupsPath` names as `SLICE:PREFIX:NAME`; without one, `pidbox-ID.scope` in the slice that other runtimes use.
 * Throws CONFIG_INVALID.
 */
export function parseScope(cgroupsPath: string | undefined, id: string, rootless: boolean): ScopeUnit {
  const parts = (cgroupsPath ?? `:pidbox:${id}`).split(":");
  const [slice = "", prefix = "", name = ""] = parts;
  if (parts.length !== 3 || name === "") {
    throw new PidboxError("CONFIG_INVALID", `expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got ${quote(cgroupsPath ?? "", 200)} instead`, FROM);
  }
  const unit = prefix === "" ? `${name}.scope` : `${prefix}-${name}.scope`;
  if (!UNIT_NAME.test(unit)) throw new PidboxError("CONFIG_INVALID", `Cannot name a systemd scope ${quote(unit, 200)}`, FROM);
  const parent = slice === "" ? (rootless ? "user.slice" : "system.slice") : slice;
  expandSlice(parent);
  return { slice: parent, unit };
}

/** The cgroup path of a slice: `a-b.slice` lies in `a.slice`; `-.slice` is the root (systemd.slice(5)). Throws CONFIG_INVALID. */
export function expandSlice(slice: string): string {
  const name = slice.slice(0, -".slice".length);
  if (slice === "-.slice") return "";
  if (!slice.endsWith(".slice") || !UNIT_NAME.test(slice) || name.split("-").includes("")) {
    throw new PidboxError("CONFIG_INVALID", `invalid slice name: ${quote(slice, 200)}`, FROM);
  }
  return name.split("-").map((_part, i, parts) => `/${parts.slice(0, i + 1).join("-")}.slice`).join("");
}

/** 2^64 - 1: no limit. */
const INFINITY = "18446744073709551615";
const bound = (value: Integer64): string => (value < 0 ? INFINITY : String(value));

/** CPU lists as systemd takes them: a byte for eight CPUs, the lowest first. Throws CONFIG_INVALID for other text. */
function listBytes(list: string, from: string): string[] {
  const bytes: number[] = [];
  for (const [first, last] of rangesOf(list, from)) {
    for (let n = first; n <= last && n < 8192; n++) bytes[n >> 3] = (bytes[n >> 3] ?? 0) | (1 << (n & 7));
  }
  return [String(bytes.length), ...Array.from(bytes, (byte) => String(byte ?? 0))];
}

/** Whole percents of a CPU, rounded up: that is what systemd keeps. */
function quotaProperties({ quota, period }: CpuLimits): UnitProperty[] {
  const properties: UnitProperty[] = given(period) ? [["CPUQuotaPeriodUSec", "t", String(period)]] : [];
  if (given(quota) || given(period)) {
    const second = given(quota) && quota > 0 ? Math.ceil((quota * 1_000_000) / (given(period) ? period : 100_000) / 10_000) * 10_000 : undefined;
    properties.push(["CPUQuotaPerSecUSec", "t", second === undefined ? INFINITY : String(second)]);
  }
  return properties;
}

function cpuProperties(cpu: CpuLimits): UnitProperty[] {
  return [
    ...quotaProperties(cpu),
    ...(cpu.cpus === undefined ? [] : [["AllowedCPUs", "ay", ...listBytes(cpu.cpus, "/linux/resources/cpu/cpus")] as const]),
    ...(cpu.mems === undefined ? [] : [["AllowedMemoryNodes", "ay", ...listBytes(cpu.mems, "/linux/resources/cpu/mems")] as const]),
  ];
}

/** No process at all is no value for systemd; the file has it. */
function tasks(limit: number | undefined): UnitProperty[] {
  return limit === undefined ? [] : [["TasksMax", "t", bound(limit === 0 ? 1 : limit)]];
}

/** Files of v2 with a property of one number, `max` for no limit. */
const UNIFIED: ReadonlyMap<string, string> = new Map([
  ["memory.max", "MemoryMax"], ["memory.high", "MemoryHigh"], ["memory.low", "MemoryLow"], ["memory.min", "MemoryMin"], ["memory.swap.max", "MemorySwapMax"],
  ["cpu.weight", "CPUWeight"], ["pids.max", "TasksMax"],
]);

function unifiedProperties(resources: LinuxResources): UnitProperty[] {
  const { cpu, pids, unified = {}, memory } = resources;
  const properties = new Map<string, UnitProperty>();
  // Swap is written even where this kernel has none: systemd passes over it.
  const simple = { unified, ...(memory === undefined ? {} : { memory }), ...(cpu?.shares === undefined ? {} : { cpu: { shares: cpu.shares } }) };
  for (const { file, value } of limitsV2(simple, { swapAccounting: true })) {
    const name = UNIFIED.get(file);
    if (name !== undefined && /^(max|\d{1,20})$/.test(value.trim())) properties.set(name, [name, "t", value.trim() === "max" ? INFINITY : value.trim()]);
    const [quota = "", period = "100000"] = value.trim().split(" ");
    const bandwidth = file === "cpu.max" ? { quota: quota === "max" ? -1 : Number(quota), period: Number(period) } : {};
    for (const one of quotaProperties(bandwidth)) properties.set(one[0], one);
    if (file === "cpuset.cpus") properties.set("AllowedCPUs", ["AllowedCPUs", "ay", ...listBytes(value.trim(), `/linux/resources/unified/${file}`)]);
    if (file === "cpuset.mems") properties.set("AllowedMemoryNodes", ["AllowedMemoryNodes", "ay", ...listBytes(value.trim(), `/linux/resources/unified/${file}`)]);
  }
  const rest = [...cpuProperties(cpu ?? {}), ...tasks(pids?.limit)].filter(([name]) => !properties.has(name));
  return [...properties.values(), ...rest];
}

function legacyProperties({ memory, cpu, pids, blockIO }: LinuxResources): UnitProperty[] {
  return [
    ...(given(memory?.limit) ? [["MemoryLimit", "t", bound(memory.limit)] as const] : []),
    ...(given(cpu?.shares) ? [["CPUShares", "t", String(cpu.shares)] as const] : []),
    ...cpuProperties(cpu ?? {}),
    ...(given(blockIO?.weight) ? [["BlockIOWeight", "t", String(blockIO.weight)] as const] : []),
    ...tasks(pids?.limit),
  ];
}

/** The limits that systemd keeps for the unit. Others are in the cgroup's files alone. */
export function resourceProperties(resources: LinuxResources, version: 1 | 2): UnitProperty[] {
  return version === 2 ? unifiedProperties(resources) : legacyProperties(resources);
}

/** `DeviceAllow` has no exceptions to what is allowed, and no minor without a major: then all is allowed here, and pidbox's own program decides alone. */
export function deviceProperties(policy: DevicePolicy): UnitProperty[] {
  const listed = policy.exceptions.filter(({ major, minor }) => major >= 0 || minor < 0);
  if (policy.allowed || listed.length < policy.exceptions.length) return [["DevicePolicy", "s", "auto"], ["DeviceAllow", "a(ss)", "0"]];
  const words = listed.flatMap(({ type, major, minor, access }) => {
    const kind = type === "c" ? "char" : "block";
    return [major < 0 ? `${kind}-*` : minor < 0 ? `${kind}-${major}` : `/dev/${kind}/${major}:${minor}`, accessText(access)];
  });
  return [["DevicePolicy", "s", "strict"], ["DeviceAllow", "a(ss)", "0"], ["DeviceAllow", "a(ss)", String(listed.length), ...words]];
}

export interface ScopeRequest extends ScopeUnit {
  readonly description: string;
  /** A process that is in the scope until the container's is. */
  readonly pid: number;
  readonly version: 1 | 2;
  readonly resources: LinuxResources;
  readonly devices?: DevicePolicy;
}

/** The properties of a new scope. `Delegate` leaves what is below the cgroup, and the controllers in it, to the container. */
export function scopeProperties({ slice, description, pid, version, resources, devices }: ScopeRequest): UnitProperty[] {
  const accounting = ["MemoryAccounting", "CPUAccounting", version === 2 ? "IOAccounting" : "BlockIOAccounting", "TasksAccounting"];
  return [
    ["Description", "s", description], ["Slice", "s", slice], ["Delegate", "b", "true"], ["PIDs", "au", "1", String(pid)],
    ...accounting.map((name): UnitProperty => [name, "b", "true"]), ["DefaultDependencies", "b", "false"],
    ...resourceProperties(resources, version), ...(devices === undefined ? [] : deviceProperties(devices)),
  ];
}

/** The words of an array of properties, a(sv), for busctl call. */
export function propertyWords(properties: readonly UnitProperty[]): string[] {
  return [String(properties.length), ...properties.flat()];
}
