import { describe, expect, test } from "bun:test";
import type { LinuxResources } from "../spec/runtime-config.ts";
import { blockToIoWeight, limitsV2, sharesToWeight } from "./cgroup-limits-v2.ts";

const GIB = 2 ** 30;

/** As in cgroup-limits-v1.test.ts. */
function files(resources: LinuxResources, swapAccounting = true): string[] {
  return limitsV2(resources, { swapAccounting }).map(({ file, value, absent, otherwise }) =>
    `${absent === true ? "!" : ""}${file}=${value}${otherwise === undefined ? "" : `|${otherwise.file}=${otherwise.value}`}`);
}

describe("sharesToWeight()", () => {
  test("maps the ends, the default and the values that runc and crun document", () => {
    expect([0, 2, 1024, 262144, 2 ** 40].map(sharesToWeight)).toEqual([1, 1, 100, 10000, 10000]);
  });
  test("never goes down and stays in the kernel's range", () => {
    const weights = Array.from({ length: 5000 }, (_, i) => sharesToWeight(2 + 50 * i));
    expect(weights.every((weight, i) => weight >= (weights[i - 1] ?? 1) && weight <= 10000 && Number.isInteger(weight))).toBe(true);
  });
});

test("blockToIoWeight() maps the ends", () => expect([10, 500, 1000].map(blockToIoWeight)).toEqual([1, 4950, 10000]));

describe("limitsV2() of memory", () => {
  test("counts swap alone, as the kernel's file does", () => {
    expect(files({ memory: { limit: GIB, swap: 3 * GIB } })).toEqual([`memory.max=${GIB}`, `memory.swap.max=${2 * GIB}`]);
    expect(files({ memory: { limit: GIB, swap: GIB } })).toEqual([`memory.max=${GIB}`, "memory.swap.max=0"]);
    expect(files({ memory: { limit: -1, swap: -1, reservation: 10 } })).toEqual(["memory.max=max", "memory.low=10", "memory.swap.max=max"]);
    expect(files({ memory: { limit: -1 } })).toEqual(["memory.max=max", "memory.swap.max=max"]);
    expect(files({ memory: { limit: 2n ** 60n, swap: 2n ** 61n } })).toEqual([`memory.max=${2n ** 60n}`, `memory.swap.max=${2n ** 60n}`]);
  });
  test("needs no file for no swap and for no limit where the kernel has no swap", () => {
    expect([files({ memory: { limit: GIB, swap: GIB } }, false), files({ memory: { swap: -1 } }, false)]).toEqual([[`memory.max=${GIB}`], []]);
    expect(files({ memory: { limit: GIB, swap: 2 * GIB } }, false)).toEqual([`memory.max=${GIB}`, `!memory.swap.max=${GIB}`]);
  });
  test.each([[{ swap: 5 }, "a limit of memory is needed"], [{ limit: -1, swap: 5 }, "a limit of memory is needed"], [{ limit: 6, swap: 5 }, "swap (5) is below the limit (6)"]])("refuses %j", (memory, why) => {
    expect(() => files({ memory })).toThrow(why);
  });
  test("has no place for what v1 alone can do, and none is needed for what v2 does anyway", () => {
    expect(files({ memory: { kernel: 1, kernelTCP: 2, swappiness: 0, disableOOMKiller: true, useHierarchy: false } })).toEqual([
      "!memory.kmem.limit_in_bytes=1", "!memory.kmem.tcp.limit_in_bytes=2", "!memory.swappiness=0", "!memory.oom_control=1", "!memory.use_hierarchy=0",
    ]);
    expect(files({ memory: { kernel: -1, disableOOMKiller: false, useHierarchy: true, checkBeforeUpdate: true } })).toEqual([]);
  });
});

describe("limitsV2() of CPUs", () => {
  test("writes quota and period in one file, and weight for shares", () => {
    expect(files({ cpu: { quota: 50000, period: 200000, shares: 1024, burst: 9 } })).toEqual(["cpu.weight=100", "cpu.max=50000 200000", "cpu.max.burst=9"]);
    expect([files({ cpu: { quota: -1, shares: 0 } }), files({ cpu: { period: 50000 } })]).toEqual([["cpu.max=max 100000"], ["cpu.max=max 50000"]]);
  });
  test("writes the weight while the cgroup is not idle", () => {
    expect(files({ cpu: { shares: 1024, idle: 1 } })).toEqual(["cpu.weight=100", "cpu.idle=1"]);
    expect(files({ cpu: { shares: 1024, idle: 0 } })).toEqual(["cpu.idle=0", "cpu.weight=100"]);
  });
  test("has sets, and no place for real time", () => {
    expect(files({ cpu: { cpus: "0", mems: "0", realtimeRuntime: 5, realtimePeriod: 10 } })).toEqual(["!cpu.rt_period_us=10", "!cpu.rt_runtime_us=5", "cpuset.cpus=0", "cpuset.mems=0"]);
  });
});

test("limitsV2() of block I/O: BFQ's weights or io.weight, io.max with max for 0, and no leaves", () => {
  const device = { major: 8, minor: 0 };
  expect(files({
    blockIO: {
      weight: 500, leafWeight: 10, weightDevice: [{ ...device, weight: 10, leafWeight: 10 }],
      throttleReadBpsDevice: [{ ...device, rate: 1 }], throttleWriteBpsDevice: [{ ...device, rate: 2 }], throttleReadIOPSDevice: [{ ...device, rate: 3 }],
      throttleWriteIOPSDevice: [{ ...device, rate: 0 }],
    },
  })).toEqual([
    "io.bfq.weight=500|io.weight=4950", "!io.leaf_weight=10", "io.bfq.weight=8:0 10|io.weight=8:0 1", "!io.leaf_weight_device=10",
    "io.max=8:0 rbps=1", "io.max=8:0 wbps=2", "io.max=8:0 riops=3", "io.max=8:0 wiops=max",
  ]);
});

test("limitsV2() of the rest: processes, huge pages, rdma; no network classes", () => {
  const network = { classID: 1, priorities: [{ name: "lo", priority: 1 }] };
  expect(files({ pids: { limit: 0 }, hugepageLimits: [{ pageSize: "1GB", limit: 0 }], rdma: { a: { hcaHandles: 1 } }, network })).toEqual([
    "pids.max=0", "hugetlb.1GB.max=0", "hugetlb.1GB.rsvd.max=0", "!net_cls.classid=1", "!net_prio.ifpriomap=", "rdma.max=a hca_handle=1",
  ]);
});

test("limitsV2() passes unified files on, a line at a time", () => {
  expect(files({ unified: { "memory.high": "100", "io.max": "8:0 rbps=1\n8:16 wbps=2\n", "cgroup.max.depth": "3" } })).toEqual([
    "memory.high=100", "io.max=8:0 rbps=1", "io.max=8:16 wbps=2", "cgroup.max.depth=3",
  ]);
});
