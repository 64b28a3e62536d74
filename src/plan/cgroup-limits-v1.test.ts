import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import type { LinuxResources } from "../spec/runtime-config.ts";
import { limitsV1 } from "./cgroup-limits-v1.ts";

const GIB = 2 ** 30;

/** `FILE=VALUE` of each file; `!` where no kernel of this host has it, `FILE=VALUE|FILE=VALUE` where there is another name. */
function files(resources: LinuxResources, options: { swapAccounting?: boolean; update?: boolean } = {}): string[] {
  return limitsV1(resources, { swapAccounting: true, ...options }).map(({ file, value, absent, otherwise }) =>
    `${absent === true ? "!" : ""}${file}=${value}${otherwise === undefined ? "" : `|${otherwise.file}=${otherwise.value}`}`);
}

describe("limitsV1() of memory", () => {
  test("writes the limit before memory and swap together", () => {
    expect(files({ memory: { limit: GIB, swap: 2 * GIB, reservation: 4096, swappiness: 10 } })).toEqual([
      `memory.limit_in_bytes=${GIB}`, "memory.soft_limit_in_bytes=4096", `memory.memsw.limit_in_bytes=${2 * GIB}`, "memory.swappiness=10",
    ]);
  });
  test("lifts the limit of both with that of memory", () => {
    expect(files({ memory: { limit: -1 } })).toEqual(["memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"]);
    expect(files({ memory: { limit: -1 } }, { swapAccounting: false })).toEqual(["memory.limit_in_bytes=-1"]);
  });
  test("without swap accounting forbids swap by swappiness, needs nothing for no limit, and has no place for any other", () => {
    const without = { swapAccounting: false };
    expect(files({ memory: { limit: GIB, swap: GIB } }, without)).toEqual([`memory.limit_in_bytes=${GIB}`, "memory.swappiness=0"]);
    expect(files({ memory: { swap: -1 } }, without)).toEqual([]);
    expect(files({ memory: { limit: GIB, swap: 2 * GIB } }, without)).toEqual([`memory.limit_in_bytes=${GIB}`, `!memory.memsw.limit_in_bytes=${2 * GIB}`]);
  });
  test("has the kernel's own memory, the OOM killer and the hierarchy", () => {
    expect(files({ memory: { kernel: 1, kernelTCP: 2, disableOOMKiller: true, useHierarchy: true } })).toEqual([
      "memory.kmem.limit_in_bytes=1", "memory.kmem.tcp.limit_in_bytes=2", "memory.oom_control=1", "memory.use_hierarchy=1",
    ]);
    expect(files({ memory: { disableOOMKiller: false, checkBeforeUpdate: true } })).toEqual([]);
    expect(files({ memory: { disableOOMKiller: false } }, { update: true })).toEqual(["memory.oom_control=0"]);
  });
  test("keeps values that no double holds", () => {
    expect(files({ memory: { limit: 9223372036854771712n } })).toEqual(["memory.limit_in_bytes=9223372036854771712"]);
  });
});

describe("limitsV1() of CPUs", () => {
  test("writes quota, period and shares as they are, the period first", () => {
    expect(files({ cpu: { quota: 50000, period: 100000, shares: 256, burst: 1000 } })).toEqual([
      "cpu.shares=256", "cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000", "cpu.cfs_burst_us=1000",
    ]);
    expect(files({ cpu: { quota: -1, burst: 0 } })).toEqual(["cpu.cfs_quota_us=-1", "cpu.cfs_burst_us=0"]);
  });
  test("writes shares while the cgroup is not idle", () => {
    expect(files({ cpu: { shares: 99, idle: 1 } })).toEqual(["cpu.shares=99", "cpu.idle=1"]);
    expect(files({ cpu: { shares: 99, idle: 0 } })).toEqual(["cpu.idle=0", "cpu.shares=99"]);
  });
  test("has real time and sets", () => {
    expect(files({ cpu: { realtimePeriod: 1000000, realtimeRuntime: 950000, cpus: "0-1", mems: "0" } })).toEqual([
      "cpu.rt_period_us=1000000", "cpu.rt_runtime_us=950000", "cpuset.cpus=0-1", "cpuset.mems=0",
    ]);
  });
  test.each([[1, "the minimum allowed cpu-shares is 2"], [262145, "the maximum allowed cpu-shares is 262144"]])("refuses shares of %d, of which the kernel would make others", (shares, message) => {
    expect(() => files({ cpu: { shares } })).toThrow(new PidboxError("CONFIG_INVALID", message));
  });
});

test("limitsV1() knows that no processes is a limit, -1 is none, and absent is neither", () => {
  expect([files({ pids: { limit: 0 } }), files({ pids: { limit: -1 } }), files({ pids: {} })]).toEqual([["pids.max=0"], ["pids.max=max"], []]);
});

test("limitsV1() of block I/O has CFQ's names and BFQ's, and every throttle", () => {
  const device = { major: 8, minor: 16 };
  expect(files({
    blockIO: {
      weight: 500, leafWeight: 20, weightDevice: [{ ...device, weight: 600, leafWeight: 30 }, { ...device, leafWeight: 0 }],
      throttleReadBpsDevice: [{ ...device, rate: 1 }], throttleWriteBpsDevice: [{ ...device, rate: 18446744073709551615n }],
      throttleReadIOPSDevice: [{ ...device, rate: 3 }], throttleWriteIOPSDevice: [{ ...device, rate: 0 }],
    },
  })).toEqual([
    "blkio.weight=500|blkio.bfq.weight=500", "blkio.leaf_weight=20", "blkio.weight_device=8:16 600|blkio.bfq.weight_device=8:16 600", "blkio.leaf_weight_device=8:16 30",
    "blkio.throttle.read_bps_device=8:16 1", "blkio.throttle.write_bps_device=8:16 18446744073709551615",
    "blkio.throttle.read_iops_device=8:16 3", "blkio.throttle.write_iops_device=8:16 0",
  ]);
});

test("limitsV1() of the rest: huge pages used and reserved, network classes and priorities, rdma", () => {
  expect(files({
    hugepageLimits: [{ pageSize: "2MB", limit: 4194304 }],
    network: { classID: 1048577, priorities: [{ name: "eth0", priority: 5 }, { name: "lo", priority: 0 }] },
    rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10000 }, mlx4_0: { hcaObjects: 7 } },
  })).toEqual([
    "hugetlb.2MB.limit_in_bytes=4194304", "hugetlb.2MB.rsvd.limit_in_bytes=4194304", "net_cls.classid=1048577", "net_prio.ifpriomap=eth0 5", "net_prio.ifpriomap=lo 0",
    "rdma.max=mlx5_1 hca_handle=3 hca_object=10000", "rdma.max=mlx4_0 hca_object=7",
  ]);
});

test("limitsV1() has no place for v2's files", () => expect(files({ unified: { "memory.high": "1" } })).toEqual(["!memory.high=1"]));

test("limitsV1() takes 0 for not set, as Go programs write it", () => {
  const cpu = { shares: 0, quota: 0, period: 0, realtimePeriod: 0, realtimeRuntime: 0 };
  expect(files({ cpu, memory: { limit: 0, swap: 0, reservation: 0, kernel: 0 }, blockIO: { weight: 0, leafWeight: 0 }, network: { classID: 0 } })).toEqual([]);
});
