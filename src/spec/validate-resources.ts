/** Decoder of `linux.resources`, also what `update --resources` reads (config-linux.md#control-groups). */
import { quote } from "../base/text.ts";
import {
  also, cpuList, type Decoder, duplicates, flag, int53, list, object, optionalText, optionalWord, record, step, text, uint16, uint32, uint53, uint64,
  whole, wide,
} from "./decode.ts";
import type { BlockIo, CpuLimits, DeviceRule, HugepageLimit, LinuxResources, MemoryLimits, ThrottleDevice } from "./runtime-config.ts";

const DEVICES = "config-linux.md#allowed-device-list";
const MEMORY = "config-linux.md#memory";
const CPU = "config-linux.md#cpu";
const BLOCK = "config-linux.md#block-io";
const HUGEPAGES = "config-linux.md#huge-page-limits";
const NETWORK = "config-linux.md#network";
const RDMA = "config-linux.md#rdma";
const UNIFIED = "config-linux.md#unified";
const RESOURCES = "config-linux.md#control-groups";

// dev_t of Linux: 12 bits major, 20 bits minor; -1 is all of them in device rules.
export const MAX_MAJOR = 0xfff;
export const MAX_MINOR = 0xfffff;

const deviceRule = object<DeviceRule>(DEVICES, {
  allow: flag, type: optionalWord(["a", "c", "b"], DEVICES), major: whole(-1, MAX_MAJOR), minor: whole(-1, MAX_MINOR),
  access: also(optionalText, (access, pointer, report) => {
    if (!/^[rwm]{1,3}$/.test(access)) report.must("value", pointer, DEVICES, `The access ${quote(access, 20)} is not made of r, w and m`);
  }),
}, ["allow"]);

const bytes = wide(-1n, (1n << 63n) - 1n);
const memory = also(
  object<MemoryLimits>(MEMORY, {
    limit: bytes, reservation: bytes, swap: bytes, kernel: bytes, kernelTCP: bytes, swappiness: whole(0, 100), disableOOMKiller: flag,
    useHierarchy: flag, checkBeforeUpdate: flag,
  }),
  (value, pointer, report) => {
    const { limit, swap, reservation } = value;
    // 0 is "not set" in what Go programs write, and -1 is no limit.
    if (limit === undefined || limit <= 0) return;
    if (swap !== undefined && swap > 0 && swap < limit) {
      report.must("conflict", step(pointer, "swap"), MEMORY, `swap (${swap}) is memory and swap together, so it cannot be below limit (${limit})`);
    }
    if (reservation !== undefined && reservation > limit) {
      report.should("conflict", step(pointer, "reservation"), MEMORY, `reservation (${reservation}) above limit (${limit}) has no effect`);
    }
  },
);

const cpu = also(
  object<CpuLimits>(CPU, {
    shares: uint53, quota: int53, burst: uint53, period: uint53, realtimeRuntime: int53, realtimePeriod: uint53, cpus: cpuList(CPU), mems: cpuList(CPU),
    idle: whole(0, 1),
  }),
  ({ quota, burst }, pointer, report) => {
    if (quota !== undefined && burst !== undefined && quota > 0 && burst > quota) {
      report.must("conflict", step(pointer, "burst"), CPU, `burst (${burst}) is above quota (${quota})`);
    }
  },
);

// Documentation/admin-guide/cgroup-v1/blkio-controller.rst: 10 to 1000; Docker writes 0 for "not set".
const weight: Decoder<number> = also(uint16, (value, pointer, report) => {
  if (value !== 0 && (value < 10 || value > 1000)) report.must("range", pointer, BLOCK, `The weight ${value} is not between 10 and 1000`);
});
const major = whole(0, MAX_MAJOR);
const minor = whole(0, MAX_MINOR);
const throttle = list(object<ThrottleDevice>(BLOCK, { major, minor, rate: uint64 }, ["major", "minor", "rate"]));
type WeightDevice = NonNullable<BlockIo["weightDevice"]>[number];
const weightDevice = also(object<WeightDevice>(BLOCK, { major, minor, weight, leafWeight: weight }, ["major", "minor"]), (value, pointer, report) => {
  if (value.weight === undefined && value.leafWeight === undefined) report.must("required", step(pointer, "weight"), BLOCK, "weight or leafWeight is required");
});
const blockIO = object<BlockIo>(BLOCK, {
  weight, leafWeight: weight, weightDevice: list(weightDevice), throttleReadBpsDevice: throttle, throttleWriteBpsDevice: throttle,
  throttleReadIOPSDevice: throttle, throttleWriteIOPSDevice: throttle,
});

const hugepageLimits = also(
  list(object<HugepageLimit>(HUGEPAGES, {
    pageSize: also(text, (size, pointer, report) => {
      if (!/^[1-9]\d{0,9}[KMGT]B$/.test(size)) report.must("value", pointer, HUGEPAGES, `The page size ${quote(size, 40)} is not a size such as 64KB, 2MB or 1GB`);
    }),
    limit: uint64,
  }, ["pageSize", "limit"])),
  (limits, pointer, report) => {
    duplicates(limits, (l) => l.pageSize, (i, size) => report.should("duplicate", step(pointer, i), HUGEPAGES, `The page size ${quote(size, 40)} occurs more than once; the last one counts`));
  },
);

type Network = NonNullable<LinuxResources["network"]>;
type Priority = NonNullable<Network["priorities"]>[number];
const network = object<Network>(NETWORK, {
  classID: uint32,
  priorities: list(object<Priority>(NETWORK, {
    // The pair is one line of net_prio.ifpriomap.
    name: also(text, (name, pointer, report) => {
      if (!/^[^\s/]{1,15}$/.test(name)) report.must("value", pointer, NETWORK, `${quote(name, 40)} is not the name of a network interface`);
    }),
    priority: uint32,
  }, ["name", "priority"])),
});

const rdma = record(
  also(object<{ hcaHandles?: number; hcaObjects?: number }>(RDMA, { hcaHandles: uint32, hcaObjects: uint32 }), (value, pointer, report) => {
    if (value.hcaHandles === undefined && value.hcaObjects === undefined) report.must("required", pointer, RDMA, "hcaHandles or hcaObjects is required");
  }),
  (name, pointer, report) => {
    if (!/^[^\s=/]{1,64}$/.test(name)) report.must("value", pointer, RDMA, `${quote(name, 60)} is not the name of an RDMA device`);
  },
);

// A key is one file of the container's own cgroup, never a path to another one.
const unified = record(text, (name, pointer, report) => {
  if (name.includes("/") || name === "" || name === "." || name === "..") report.must("unsafe-path", pointer, UNIFIED, `The key ${quote(name, 60)} is not the name of a file`);
});

export const resources: Decoder<LinuxResources> = object<LinuxResources>(RESOURCES, {
  devices: list(deviceRule), memory, cpu, pids: object<{ limit?: number }>("config-linux.md#pids", { limit: whole(-1, Number.MAX_SAFE_INTEGER) }),
  blockIO, hugepageLimits, network, rdma, unified,
});
