import { expect, test } from "bun:test";
import { containerFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./cpu-unlimited.ts";

const files = (entries: readonly (readonly [string, string])[]): ReturnType<typeof containerFacts> =>
  containerFacts({ cgroups: new Map([["unified", "/c/a/x"]]), cgroupFiles: new Map(entries) });

test("no quota is found; a quota anywhere above passes", () => {
  expect(told(check)).toEqual(["finding: no quota and no CPUs of its own"]);
  expect(told(check, { container: files([["/c/a/x/cpu.max", "50000 100000"]]) })).toEqual(["pass: a quota"]);
  expect(told(check, { container: files([["/c/a/x/cpu.max", "max 100000"], ["/c/a/cpu.max", "50000 100000"]]) })).toEqual(["pass: a quota"]);
});

test("a CPU set that is not that of all passes", () => {
  const sets = (own: string): ReturnType<typeof containerFacts> => files([["/c/a/x/cpu.max", "max 100000"], ["/c/a/x/cpuset.cpus", own], ["/c/a/cpuset.cpus", "0-3"]]);
  expect(told(check, { container: sets("2-3") })).toEqual(["pass: CPUs of its own"]);
  expect(told(check, { container: sets("0-3") })).toEqual(["finding: no quota and no CPUs of its own"]);
});
