import { expect, test } from "bun:test";
import { POSTURE, WALL } from "../../test/fixtures/proc/posture.ts";
import { compareLimits, limitNumber, parseCpuList } from "./compare-limits.ts";

/** Whether `found` in the file is no weaker than `wanted`. */
function answer(name: string, wanted: string, found: string): string | undefined {
  const path = `/cg/${name}`;
  return compareLimits({ ...WALL, cgroups: [], limits: [{ name, path, value: wanted }] }, { ...POSTURE, cgroupFiles: new Map([[path, found]]) })[0]?.ok;
}

test("limitNumber() knows the ways to say unlimited", () => {
  expect(["max", "-1", "9223372036854771712", "512", "", "0-1"].map(limitNumber)).toEqual([Infinity, Infinity, Infinity, 512, undefined, undefined]);
});

test("parseCpuList() reads lists and ranges, and refuses anything else", () => {
  expect([...(parseCpuList("0-2,7") ?? [])]).toEqual([0, 1, 2, 7]);
  expect([parseCpuList(""), parseCpuList("a"), parseCpuList("1-")]).toEqual([undefined, undefined, undefined]);
});

test("compareLimits() takes less than was promised, and never more", () => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ["memory.limit_in_bytes", "1000000", "999424", "yes"], ["memory.limit_in_bytes", "1000000", "9223372036854771712", "no"], ["memory.memsw.limit_in_bytes", "-1", "5", "yes"],
    ["memory.swap.max", "0", "0", "yes"], ["memory.swap.max", "0", "max", "no"], ["memory.swappiness", "0", "60", "no"],
    ["cpu.shares", "256", "256", "yes"], ["cpu.shares", "256", "1024", "no"],
    ["cpu.cfs_quota_us", "150000", "-1", "no"], ["cpu.max", "150000 100000", "75000 50000", "yes"], ["cpu.max", "150000 100000", "max 100000", "no"],
    ["cpu.max", "1 1", "x", "unknown"],
    ["cpuset.cpus", "0-1", "0,1", "yes"], ["cpuset.cpus", "0", "0-1", "no"], ["cpuset.cpus", "0", "", "unknown"], ["pids.max", "max", "max", "yes"],
    ["pids.max", "5", "?", "unknown"],
  ];
  for (const [name, wanted, found, expected] of cases) expect([name, wanted, found, answer(name, wanted, found)]).toEqual([name, wanted, found, expected]);
});
