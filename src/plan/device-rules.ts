/**
 * Which devices a container may open or make: the rules of the config (config-linux.md, "Allowed Device list") as one policy, and that policy for the
 * v1 devices controller (cgroup-v1/devices.rst). For v2 see device-program.ts. Pure.
 *
 * Of the rules that match a device, the last one counts. The v1 controller cannot say everything that a list of rules can: a rule that would cut a piece out
 * of a wider one is refused, as in runc, on v2 too, so that a config means the same everywhere.
 */
import { PidboxError } from "../base/error.ts";
import type { Config, DeviceRule } from "../spec/runtime-config.ts";

/** linux/bpf.h, BPF_DEVCG_ACC_*. */
export const ACCESS = { m: 1, r: 2, w: 4 } as const;
const ALL_ACCESS = ACCESS.m | ACCESS.r | ACCESS.w;

/** Devices of one type, and the kinds of access to them that are not as the policy's default. */
export interface DeviceException {
  readonly type: "c" | "b";
  /** -1: all. */
  readonly major: number;
  readonly minor: number;
  /** Bits of ACCESS. */
  readonly access: number;
}

export interface DevicePolicy {
  /** What holds for devices that no exception names. */
  readonly allowed: boolean;
  readonly exceptions: readonly DeviceException[];
}

interface DefaultRule extends DeviceRule {
  /** The rule is the config's own business if it has this device. */
  readonly path?: string;
}

const character = (major: number, minor: number, path?: string): DefaultRule => {
  return { allow: true, type: "c", major, minor, access: "rwm", ...(path === undefined ? {} : { path }) };
};

/**
 * Allowed in every container after the rules of its config, as in runc (libcontainer/specconv, AllowedDevices): the specification's default devices, terminals,
 * the tun device, and making nodes, for a node that is there opens nothing.
 */
const DEFAULT_RULES: readonly DefaultRule[] = [
  { allow: true, type: "c", access: "m" }, { allow: true, type: "b", access: "m" },
  character(1, 3, "/dev/null"), character(1, 8, "/dev/random"), character(1, 7, "/dev/full"), character(5, 0, "/dev/tty"), character(1, 5, "/dev/zero"),
  character(1, 9, "/dev/urandom"), character(136, -1), character(5, 2), character(10, 200),
];

function accessBits(text = "rwm"): number {
  return (text.includes("m") ? ACCESS.m : 0) | (text.includes("r") ? ACCESS.r : 0) | (text.includes("w") ? ACCESS.w : 0);
}

export function accessText(bits: number): string {
  return `${bits & ACCESS.r ? "r" : ""}${bits & ACCESS.w ? "w" : ""}${bits & ACCESS.m ? "m" : ""}`;
}

function matchText({ type, major, minor }: Pick<DeviceException, "type" | "major" | "minor">): string {
  return `${type} ${major < 0 ? "*" : major}:${minor < 0 ? "*" : minor}`;
}

const within = (inner: number, outer: number): boolean => outer < 0 || inner === outer;
const meet = (a: number, b: number): boolean => a < 0 || b < 0 || a === b;

/** Takes bits of access away from the exceptions that lie in `rule`. Throws CONFIG_INVALID for one that lies partly in it or around it. */
function withdraw(exceptions: readonly DeviceException[], rule: DeviceException, from: string): DeviceException[] {
  return exceptions.flatMap((one) => {
    if (one.type !== rule.type || !meet(one.major, rule.major) || !meet(one.minor, rule.minor) || (one.access & rule.access) === 0) return [one];
    if (!within(one.major, rule.major) || !within(one.minor, rule.minor)) {
      throw new PidboxError("CONFIG_INVALID", `Cannot apply the device rule ${matchText(rule)} ${accessText(rule.access)}: it would cut a hole into ${matchText(one)} ${accessText(one.access)}`, {
        hint: "The kernel's v1 controller has no such rules: list what is allowed instead", context: { from },
      });
    }
    const access = one.access & ~rule.access;
    return access === 0 ? [] : [{ ...one, access }];
  });
}

function add(exceptions: readonly DeviceException[], rule: DeviceException): DeviceException[] {
  const same = (one: DeviceException): boolean => one.type === rule.type && one.major === rule.major && one.minor === rule.minor;
  const known = exceptions.find(same);
  return known === undefined ? [...exceptions, rule] : exceptions.map((one) => (same(one) ? { ...one, access: one.access | rule.access } : one));
}

/** The policy that rules make of nothing allowed. Throws CONFIG_INVALID. */
export function devicePolicy(rules: readonly DeviceRule[]): DevicePolicy {
  let allowed = false;
  let exceptions: DeviceException[] = [];
  rules.forEach(({ allow, type = "a", major = -1, minor = -1, access }, i) => {
    const bits = accessBits(access);
    if (type === "a" && major < 0 && minor < 0 && bits === ALL_ACCESS) {
      [allowed, exceptions] = [allow, []];
      return;
    }
    for (const one of type === "a" ? (["c", "b"] as const) : [type]) {
      const rule = { type: one, major, minor, access: bits };
      exceptions = allow === allowed ? withdraw(exceptions, rule, `/linux/resources/devices/${i}`) : add(exceptions, rule);
    }
  });
  return { allowed, exceptions };
}

/** The rules of a config and, after them, those of every container. */
export function deviceRules({ linux }: Pick<Config, "linux">): DeviceRule[] {
  const own = new Set(linux?.devices?.map(({ path }) => path));
  return [...(linux?.resources?.devices ?? []), ...DEFAULT_RULES.filter(({ path }) => path === undefined || !own.has(path))];
}

/** A line for a file of the v1 controller. */
export interface DeviceWrite {
  readonly file: "devices.allow" | "devices.deny";
  readonly value: string;
}

const write = (allow: boolean, value: string): DeviceWrite => ({ file: allow ? "devices.allow" : "devices.deny", value });

/** What makes `policy` of any v1 cgroup. Its first line changes the default and drops all exceptions. */
export function deviceWrites({ allowed, exceptions }: DevicePolicy): DeviceWrite[] {
  return [write(allowed, "a *:* rwm"), ...exceptions.map((one) => write(!allowed, `${matchText(one)} ${accessText(one.access)}`))];
}

/** The policy that devices.list shows. Exceptions of a cgroup that allows by default are not shown. */
export function parseDeviceList(text: string): DevicePolicy {
  const exceptions: DeviceException[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("a ")) return { allowed: true, exceptions: [] };
    const [, type, major, minor, access] = /^([cb]) (\d{1,10}|\*):(\d{1,10}|\*) ([rwm]{1,3})$/.exec(line) ?? [];
    const number = (word: string | undefined): number => (word === "*" ? -1 : Number(word));
    if (type === "c" || type === "b") exceptions.push({ type, major: number(major), minor: number(minor), access: accessBits(access) });
  }
  return { allowed: false, exceptions };
}

/**
 * What makes `target` of a living v1 cgroup that has `current`: never less allowed on the way than both have in common, but where the default changes or is
 * to allow, for the kernel does not show what such a cgroup denies.
 */
export function deviceTransition(current: DevicePolicy, target: DevicePolicy): DeviceWrite[] {
  if (current.allowed || target.allowed) return deviceWrites(target);
  const difference = (a: readonly DeviceException[], b: readonly DeviceException[]): DeviceException[] =>
    a.flatMap((one) => {
      const same = b.find((other) => other.type === one.type && other.major === one.major && other.minor === one.minor);
      const access = one.access & ~(same?.access ?? 0);
      return access === 0 ? [] : [{ ...one, access }];
    });
  const lines = (allow: boolean, exceptions: readonly DeviceException[]): DeviceWrite[] => exceptions.map((one) => write(allow, `${matchText(one)} ${accessText(one.access)}`));
  return [...lines(true, difference(target.exceptions, current.exceptions)), ...lines(false, difference(current.exceptions, target.exceptions))];
}
