import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { observe, textAt } from "../kernel/ffi.ts";
import { parseNetDev, readUsage } from "./usage.ts";

const folder = mkdtempSync("/tmp/pidbox-usage-");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const V2 = {
  "cpu.stat": "usage_usec 2000\nuser_usec 1500\nsystem_usec 500\n", "memory.current": "5000\n", "memory.max": "8000\n", "memory.stat": "file 900\ninactive_file 1000\n",
  "pids.current": "3\n", "pids.max": "max\n", "io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n",
};
const V1 = {
  "cpuacct.usage": "2000000\n", "memory.usage_in_bytes": "5000\n", "memory.limit_in_bytes": "8000\n", "memory.stat": "cache 900\ntotal_inactive_file 1000\n",
  "pids.current": "3\n", "pids.max": "max\n", "blkio.throttle.io_serviced": "8:0 Read 1\n",
  "blkio.throttle.io_serviced_recursive": "8:0 Read 1\n8:0 Write 2\n",
  "blkio.throttle.io_service_bytes_recursive": "8:0 Read 10\n8:0 Write 20\n",
};
/** Files that nothing of what is shown is in. */
const OTHERS = { "cpuset.cpus": "0-1\n", "hugetlb.2MB.current": "0\n", "rdma.current": "", "misc.current": "", "cpu.pressure": "", "memory.pressure": "", "io.pressure": "" };

describe.each([["v1", V1], ["v2", V2]])("readUsage() on %s", (version, files) => {
  const directory = join(folder, version);
  mkdirSync(directory);
  for (const [name, text] of Object.entries({ ...files, ...OTHERS })) writeFileSync(join(directory, name), text);
  const read = (): ReturnType<typeof readUsage> => readUsage({ cgroups: [directory], pid: 0, network: false, processes: () => [] });

  test("takes what the cgroups count, in bytes and nanoseconds", () => {
    expect(read()).toEqual({ cpu: 2_000_000, memory: 4000, limit: 8000, pids: 3, received: 0, sent: 0, read: 10, written: 20 });
  });

  test("asks for nothing that it does not say", () => {
    const opened: string[] = [];
    observe({
      called(nr, [, path = 0]) {
        if (nr === SYSCALLS.openat) opened.push(basename(new TextDecoder().decode(textAt(path))));
      },
      spoil() {},
    });
    read();
    observe(undefined);
    expect(opened).toContain("pids.current");
    expect(opened.filter((name) => name in OTHERS)).toEqual([]);
  });
});

test("readUsage() sums up processes where there is no cgroup", () => {
  const usage = readUsage({ cgroups: [], pid: 0, network: false, processes: () => [process.pid] });
  expect(usage.pids).toBeGreaterThan(0);
  expect(usage.memory).toBeGreaterThan(1 << 20);
  expect(usage.limit).toBeUndefined();
});

test("parseNetDev() leaves loopback out", () => {
  const row = (name: string): string => `${name}: 100 1 0 0 0 0 0 0 200 2 0 0 0 0 0 0`;
  expect(parseNetDev(["Inter-|", " face |", row("    lo"), row("  eth0"), row(" a:b"), ""].join("\n"))).toEqual({ received: 200, sent: 400 });
  expect(parseNetDev(readFileSync("/proc/self/net/dev", "utf8")).received).toBeGreaterThanOrEqual(0);
});
