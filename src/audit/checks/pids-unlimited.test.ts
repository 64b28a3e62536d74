import { expect, test } from "bun:test";
import { containerFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./pids-unlimited.ts";

const SCOPE = "/sys/fs/cgroup/a/b";
const limited = (own: string | number, above: string): ReturnType<typeof containerFacts> =>
  containerFacts({ cgroups: new Map([["unified", SCOPE]]), cgroupFiles: new Map([[`${SCOPE}/pids.max`, own], ["/sys/fs/cgroup/a/pids.max", above]]) });

test("the least limit of the ancestry counts", () => {
  expect(told(check)).toEqual(["finding: none in its cgroup and in those above it"]);
  expect(told(check, { container: limited("512", "max") })).toEqual(["pass: at most 512"]);
  expect(told(check, { container: limited("max", "600") })).toEqual(["pass: at most 600"]);
  expect(told(check, { container: limited("4000000", "max") })).toEqual(["finding: 4000000 are as good as none"]);
});

test("the controller of v1 goes before the tree of v2", () => {
  const cgroups = new Map([["unified", SCOPE], ["pids", "/sys/fs/cgroup/pids/x"]]);
  expect(told(check, { container: containerFacts({ cgroups, cgroupFiles: new Map([["/sys/fs/cgroup/pids/x/pids.max", "7"]]) }) })).toEqual(["pass: at most 7"]);
});

test("what cannot be read is unknown", () => {
  expect(told(check, { container: limited(-13, "max") })).toEqual(["unknown: the limit could not be read"]);
  expect(told(check, { container: containerFacts({ cgroups: new Map() }) })).toEqual(["unknown: the limit could not be read"]);
});
