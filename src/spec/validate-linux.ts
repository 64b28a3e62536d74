/** Decoder of `linux` without resources and seccomp (config-linux.md). */
import { quote } from "../base/text.ts";
import {
  absolutePath, also, cpuList, type Decoder, duplicates, flag, id, lacks, list, object, optionalText, optionalWord, record, type Report, step, text, uint32,
  whole, word,
} from "./decode.ts";
import type {
  Linux, LinuxDevice, LinuxIntelRdt, LinuxMemoryPolicy, LinuxNamespace, LinuxNamespaceType, LinuxNetDevice, LinuxPersonality, TimeOffset,
} from "./runtime-config.ts";
import { sysctlNamespace, sysctlPath } from "./sysctl.ts";
import { idMappings } from "./validate-mounts.ts";
import { MAX_MAJOR, MAX_MINOR, resources } from "./validate-resources.ts";
import { seccomp } from "./validate-seccomp.ts";

const NAMESPACES = "config-linux.md#namespaces";
const MAPPINGS = "config-linux.md#user-namespace-mappings";
const OFFSETS = "config-linux.md#offset-for-time-namespace";
const DEVICES = "config-linux.md#devices";
const NET_DEVICES = "config-linux.md#network-devices";
const CGROUPS = "config-linux.md#cgroups-path";
const RDT = "config-linux.md#intelrdt";
const POLICY = "config-linux.md#memory-policy";
const SYSCTL = "config-linux.md#sysctl";
const PERSONALITY = "config-linux.md#personality";

export const NAMESPACE_WORDS: readonly LinuxNamespaceType[] = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"];

const namespace = object<LinuxNamespace>(
  NAMESPACES, { type: word(NAMESPACE_WORDS, NAMESPACES), path: also(optionalText, absolutePath(NAMESPACES)) }, ["type"],
);
const namespaces = also(list(namespace), (found, pointer, report) => {
  duplicates(found, (n) => n.type, (i, type) => report.must("duplicate", step(pointer, i), NAMESPACES, `The namespace ${type} occurs more than once`));
});

// kernel/time/namespace.c: monotonic and boottime only; KTIME_SEC_MAX is 9223372036.
const offset = object<TimeOffset>(OFFSETS, { secs: whole(-9223372036, 9223372036), nanosecs: whole(0, 999999999) });
const offsets = object<NonNullable<Linux["timeOffsets"]>>(OFFSETS, { monotonic: offset, boottime: offset });
const timeOffsets: typeof offsets = (value, pointer, report) => {
  // The keys are names of clocks, hence values and not properties: one that is not known is an error.
  const found = offsets(value, pointer, report);
  if (found === undefined) return undefined;
  for (const clock of Object.keys(value as object)) {
    if (report.full) break;
    if (clock !== "monotonic" && clock !== "boottime") report.must("value", step(pointer, clock), OFFSETS, `The clock ${quote(clock, 40)} is neither monotonic nor boottime`);
  }
  return found;
};

const S_IFMT = 0o170000;
const FILE_TYPE = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 } as const;
const fileDevice = object<LinuxDevice>(DEVICES, {
  type: word(["c", "b", "u", "p"], DEVICES), path: absolutePath(DEVICES), major: whole(0, MAX_MAJOR), minor: whole(0, MAX_MINOR), fileMode: uint32, uid: id,
  gid: id,
}, ["type", "path"]);

const device: Decoder<LinuxDevice> = (value, pointer, report) => {
  const found = fileDevice(value, pointer, report);
  if (found === undefined) return undefined;
  if (found.type !== "p") {
    for (const part of ["major", "minor"] as const) {
      if (lacks(value, part)) report.must("required", step(pointer, part), DEVICES, `A device of type ${found.type} needs a ${part} number`);
    }
  }
  if (found.fileMode === undefined) return found;
  // Some engines leave the file type of st_mode in; it must then be the right one, and is taken off.
  const type = found.fileMode & S_IFMT;
  const mode = found.fileMode & 0o7777;
  const place = step(pointer, "fileMode");
  if (found.fileMode > 0o177777 || (type !== 0 && type !== FILE_TYPE[found.type])) report.must("range", place, DEVICES, `${found.fileMode} is not the mode of a device of type ${found.type}`);
  else if (mode > 0o777) report.should("range", place, DEVICES, `The mode 0${mode.toString(8)} has bits that mean nothing on a device`);
  return { ...found, fileMode: mode };
};

function sameDevice(a: LinuxDevice): string {
  return `${a.type} ${a.major} ${a.minor}`;
}

const devices = also(list(device), (found, pointer, report) => {
  const at = new Map<string, string>();
  found.forEach((d, i) => {
    const first = at.get(d.path);
    if (first === undefined) at.set(d.path, sameDevice(d));
    else if (first !== sameDevice(d)) report.must("conflict", step(pointer, i), DEVICES, `The path ${quote(d.path)} is already that of another device`);
  });
  duplicates(found.filter((d) => d.type !== "p"), sameDevice, (_, key) => report.should("duplicate", pointer, DEVICES, `The device ${key} occurs more than once`));
});

// dev_valid_name() of net/core/dev.c: 15 bytes, no "/", no ":", no space.
function checkInterface(name: string, pointer: string, report: Report): void {
  const valid = /^[^\s/:]{1,15}$/.test(name) && new TextEncoder().encode(name).length <= 15 && name !== "." && name !== "..";
  if (!valid) report.must("value", pointer, NET_DEVICES, `${quote(name, 40)} is not the name of a network interface`);
}

const netDevices = record(object<LinuxNetDevice>(NET_DEVICES, { name: also(optionalText, checkInterface) }), checkInterface);

const cgroupsPath = also(optionalText, (path, pointer, report) => {
  if (path.split("/").includes("..")) report.must("unsafe-path", pointer, CGROUPS, `The path ${quote(path)} has a component ".."`);
  if (path.length > 4095) report.must("range", pointer, CGROUPS, "The path is longer than 4095 characters");
});

const line = (prefix: string, level: "must" | "should"): Decoder<string> =>
  also(optionalText, (value, pointer, report) => {
    if (value.includes("\n")) report[level]("value", pointer, RDT, "The value has a line break");
    if (!value.startsWith(prefix)) report[level]("value", pointer, RDT, `The value does not start with ${prefix}`);
  });
const intelRdt = object<LinuxIntelRdt>(RDT, {
  closID: also(optionalText, (value, pointer, report) => {
    if (value !== "/" && (value.includes("/") || value === "." || value === "..")) report.must("unsafe-path", pointer, RDT, `${quote(value, 60)} is not the name of a directory`);
  }),
  schemata: list(line("", "must")), l3CacheSchema: line("L3:", "should"), memBwSchema: line("MB:", "must"), enableMonitoring: flag,
});

export const MEMORY_POLICY_MODES: readonly LinuxMemoryPolicy["mode"][] = [
  "MPOL_DEFAULT", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE", "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL",
];
export const MEMORY_POLICY_FLAGS: NonNullable<LinuxMemoryPolicy["flags"]> = ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"];

const memoryPolicy = also(
  object<LinuxMemoryPolicy>(POLICY, {
    mode: word(MEMORY_POLICY_MODES, POLICY), nodes: cpuList(POLICY), flags: list(word(MEMORY_POLICY_FLAGS, POLICY)),
  }, ["mode"]),
  (value, pointer, report) => {
    // set_mempolicy(2); an empty set with MPOL_PREFERRED means local allocation.
    const none = value.mode === "MPOL_DEFAULT" || value.mode === "MPOL_LOCAL";
    if (none && value.nodes !== undefined) report.must("conflict", step(pointer, "nodes"), POLICY, `${value.mode} takes no nodes`);
    if (!none && value.nodes === undefined && value.mode !== "MPOL_PREFERRED") report.must("required", step(pointer, "nodes"), POLICY, `${value.mode} needs nodes`);
    if (value.flags?.includes("MPOL_F_STATIC_NODES") === true && value.flags.includes("MPOL_F_RELATIVE_NODES")) {
      report.must("conflict", step(pointer, "flags"), POLICY, "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
    }
  },
);

const personality = object<LinuxPersonality>(PERSONALITY, {
  domain: word(["LINUX", "LINUX32"], PERSONALITY),
  flags: also(list(text), (flags, pointer, report) => {
    if (flags.length > 0) report.must("value", pointer, PERSONALITY, "No flags are supported by the specification");
  }),
}, ["domain"]);

function checkSysctls(linux: Linux, types: ReadonlySet<string>, pointer: string, report: Report): void {
  for (const name of Object.keys(linux.sysctl ?? {})) {
    if (report.full) return;
    const place = step(step(pointer, "sysctl"), name);
    const path = sysctlPath(name);
    const needed = path === undefined ? undefined : sysctlNamespace(path);
    if (path === undefined) report.must("unsafe-path", place, SYSCTL, `${quote(name, 80)} is not the name of a kernel parameter`);
    else if (needed === undefined) report.must("value", place, SYSCTL, `${quote(name, 80)} belongs to the whole host, not to a namespace`);
    else if (!types.has(needed)) report.must("missing-namespace", place, SYSCTL, `${quote(name, 80)} would change the host, for the container has no ${needed} namespace of its own`);
  }
}

function checkNamespaceUsers(linux: Linux, pointer: string, report: Report): void {
  const found = linux.namespaces ?? [];
  const types = new Set<string>(found.map((n) => n.type));
  const created = (type: LinuxNamespaceType): boolean => found.some((n) => n.type === type && n.path === undefined);
  for (const field of ["uidMappings", "gidMappings"] as const) {
    const given = (linux[field] ?? []).length > 0;
    if (given && !types.has("user")) report.must("missing-namespace", step(pointer, field), MAPPINGS, `${field} needs a user namespace`);
    if (!given && created("user")) report.must("required", step(pointer, field), MAPPINGS, `A new user namespace needs ${field}`);
  }
  if (Object.keys(linux.timeOffsets ?? {}).length > 0 && !created("time")) {
    report.must("missing-namespace", step(pointer, "timeOffsets"), OFFSETS, "timeOffsets needs a new time namespace");
  }
  if (Object.keys(linux.netDevices ?? {}).length > 0 && !types.has("network")) {
    report.must("missing-namespace", step(pointer, "netDevices"), NET_DEVICES, "netDevices needs a network namespace");
  }
  checkSysctls(linux, types, pointer, report);
}

export const linux: Decoder<Linux> = also(
  object<Linux>("config-linux.md", {
    namespaces, uidMappings: idMappings, gidMappings: idMappings, timeOffsets, devices, netDevices, cgroupsPath, resources, intelRdt, memoryPolicy,
    sysctl: record(text), seccomp,
    rootfsPropagation: optionalWord(
      ["private", "shared", "slave", "unbindable", "rprivate", "rshared", "rslave", "runbindable"], "config-linux.md#rootfs-mount-propagation",
    ),
    maskedPaths: list(absolutePath("config-linux.md#masked-paths")), readonlyPaths: list(absolutePath("config-linux.md#readonly-paths")),
    mountLabel: optionalText, personality,
  }),
  checkNamespaceUsers,
);
