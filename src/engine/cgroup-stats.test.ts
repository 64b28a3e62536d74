import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasHierarchy, testCgroups } from "../../test/cgroups.ts";
import { needs } from "../../test/parts.ts";
import type { DeviceCounter } from "../kernel/cgroup-values.ts";
import { readCgroupStats } from "./cgroup-stats.ts";
import { parseIoStat } from "./cgroup-stats-io.ts";

const folder = mkdtempSync(join(tmpdir(), "pidbox-stats-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

/** A directory with these files, as one hierarchy would have them. */
function directory(files: Readonly<Record<string, string>>): string {
  const path = join(folder, String(++count));
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

const PRESSURE = "some avg10=1.50 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
const PSI = { some: { avg10: 1.5, avg60: 0, avg300: 0, total: 9 }, full: { avg10: 0, avg60: 0, avg300: 0, total: 0 } };

const sda = (...counters: readonly (readonly [op: string, value: number])[]): DeviceCounter[] =>
  counters.map(([op, value]) => ({ major: 8, minor: 0, op, value }));

describe("readCgroupStats() on v2", () => {
  const unified = directory({
    "cpu.stat": "usage_usec 5000\nuser_usec 2000\nsystem_usec 3000\nnr_periods 4\nnr_throttled 1\nthrottled_usec 7\nnr_bursts 2\nburst_usec 11\n", "cpu.pressure": PRESSURE,
    "memory.current": "4096\n", "memory.max": "8192\n", "memory.peak": "6000\n", "memory.swap.current": "100\n", "memory.swap.max": "max\n",
    "memory.stat": "anon 1000\nfile 3000\n", "memory.events": "low 0\nhigh 2\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n", "memory.pressure": PRESSURE,
    "pids.current": "3\n", "pids.max": "17\n", "io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0 cost.usage=9\n", "io.pressure": PRESSURE,
    "hugetlb.2MB.current": "2097152\n", "hugetlb.2MB.events": "max 5\n", "hugetlb.2MB.rsvd.current": "0\n",
    "cpuset.cpus": "\n", "cpuset.cpus.effective": "0-1\n", "cpuset.mems.effective": "0\n",
    "rdma.current": "mlx4_0 hca_handle=1 hca_object=2\n", "rdma.max": "mlx4_0 hca_handle=3 hca_object=max\n", "misc.current": "sev 4\n", "misc.events": "sev.max 1\n",
  });

  test("has every counter under runc's names", () => {
    expect(readCgroupStats([unified])).toEqual({
      cpu: {
        usage: { total: 5_000_000, kernel: 3_000_000, user: 2_000_000 }, throttling: { periods: 4, throttledPeriods: 1, throttledTime: 7000 },
        burst: { bursts_periods: 2, burst_time: 11_000 }, psi: PSI,
      },
      cpuset: { cpus: [0, 1], mems: [0] },
      memory: {
        cache: 3000, usage: { limit: 8192, usage: 4096, max: 6000, failcnt: 0 }, swap: { limit: 18446744073709551615n, usage: 4196, failcnt: 0 },
        raw: { anon: 1000, file: 3000 },
        event_count: { low: 0, high: 2, max: 3, oom: 1, oom_kill: 1, oom_group_kill: 0 }, psi: PSI,
      },
      pids: { current: 3, limit: 17 },
      blkio: {
        ioServiceBytesRecursive: sda(["Read", 10], ["Write", 20], ["Discard", 0]), ioServicedRecursive: sda(["Read", 1], ["Write", 2], ["Discard", 0]),
        psi: PSI,
      },
      hugetlb: { "2MB": { usage: 2097152, failcnt: 5 } },
      rdma: { limit: [{ device: "mlx4_0", hca_handles: 3, hca_objects: 4294967295 }], current: [{ device: "mlx4_0", hca_handles: 1, hca_objects: 2 }] },
      misc: { sev: { usage: 4, events: 1 } },
    });
  });
});

describe("readCgroupStats() on v1", () => {
  const hierarchies = [
    directory({
      "cpuacct.usage": "18446744073709551000\n", "cpuacct.stat": "user 3\nsystem 4\n", "cpuacct.usage_percpu": "5 6 \n", "cpuacct.usage_all": "cpu user system\n0 1 2\n1 3 4\n",
    }),
    directory({ "cpu.shares": "1024\n", "cpu.stat": "nr_periods 4\nnr_throttled 1\nthrottled_time 70\n" }),
    directory({ "cpu.stat": "usage_usec 1\n", "cpu.pressure": PRESSURE, "cgroup.controllers": "" }),
    directory({
      "memory.usage_in_bytes": "10\n", "memory.limit_in_bytes": "9223372036854771712\n", "memory.max_usage_in_bytes": "20\n", "memory.failcnt": "2\n",
      "memory.kmem.usage_in_bytes": "1\n", "memory.kmem.limit_in_bytes": "9223372036854771712\n", "memory.kmem.max_usage_in_bytes": "1\n", "memory.kmem.failcnt": "0\n",
      "memory.stat": "cache 4\nrss 5\n", "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
    }),
    directory({ "pids.current": "1\n", "pids.max": "max\n" }),
    directory({
      "blkio.bfq.io_serviced_recursive": "Total 0\n", "blkio.bfq.io_service_bytes_recursive": "Total 0\n", "blkio.throttle.io_serviced": "8:0 Read 2\n8:0 Total 2\nTotal 2\n",
      "blkio.throttle.io_serviced_recursive": "8:0 Read 3\nTotal 3\n", "blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\nTotal 4096\n",
    }),
    directory({ "hugetlb.1GB.usage_in_bytes": "0\n", "hugetlb.1GB.max_usage_in_bytes": "5\n", "hugetlb.1GB.failcnt": "1\n", "hugetlb.1GB.rsvd.usage_in_bytes": "0\n" }),
    directory({ "cpuset.cpus": "0,2-3\n", "cpuset.mems": "0\n", "cpuset.cpu_exclusive": "1\n", "cpuset.sched_relax_domain_level": "-1\n" }),
  ];

  test("finds each counter in the hierarchy that has it", () => {
    expect(readCgroupStats(hierarchies)).toEqual({
      cpu: {
        usage: { total: 18446744073709551000n, kernel: 40_000_000, user: 30_000_000, percpu: [5, 6], percpu_kernel: [2, 4], percpu_user: [1, 3] },
        throttling: { periods: 4, throttledPeriods: 1, throttledTime: 70 }, psi: PSI,
      },
      cpuset: { cpus: [0, 2, 3], mems: [0], cpu_exclusive: 1, sched_relax_domain_level: -1 },
      memory: {
        cache: 4, usage: { limit: 9223372036854771712n, usage: 10, max: 20, failcnt: 2 }, kernel: { limit: 9223372036854771712n, usage: 1, max: 1, failcnt: 0 },
        raw: { cache: 4, rss: 5 }, event_count: { oom_kill: 3 },
      },
      pids: { current: 1 },
      blkio: { ioServicedRecursive: sda(["Read", 3]), ioServiceBytesRecursive: sda(["Read", 4096]) },
      hugetlb: { "1GB": { usage: 0, max: 5, failcnt: 1 } },
    });
  });
});

test("readCgroupStats() has nothing to say of cgroups that are gone", () => {
  const cpu = { usage: { kernel: 0, user: 0 }, throttling: {} };
  expect(readCgroupStats(["/nowhere"])).toEqual({ cpu, cpuset: {}, memory: { raw: {} }, pids: {}, blkio: {}, hugetlb: {} });
});

test("parseIoStat() passes over keys that every object has", () => {
  expect(parseIoStat("8:0 constructor=1 __proto__=2 rbytes=3\nname rbytes=1\n")).toEqual({ ioServiceBytesRecursive: sda(["Read", 3]) });
});

const V1 = ["memory", "pids", "cpu", "cpuacct", "blkio", "cpuset"];
if (V1.every(hasHierarchy)) {
  needs("root")("readCgroupStats() reads real cgroups of v1", () => {
    using cgroups = testCgroups(...V1.filter((name) => name !== "cpuset"));
    cgroups.sleeper("");
    const stats = readCgroupStats(cgroups.directories);
    expect(stats.pids).toEqual({ current: 1 });
    expect(Object.keys(stats.memory.raw)).toContain("rss");
    expect(Number(stats.memory.usage?.limit)).toBeGreaterThan(2 ** 60);
    expect(stats.cpu.usage.percpu?.length).toBe(Number(readFileSync("/sys/devices/system/cpu/possible", "utf8").trim().split("-").at(-1)) + 1);
  });
}
