import { expect, test } from "bun:test";
import { containerFacts, MOUNTS, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./cgroup-descendants.ts";

const mounts = parseMountinfo(MOUNTS.replace("/sys/fs/cgroup ro", "/sys/fs/cgroup rw"));
const bound = (value: string): ReturnType<typeof containerFacts> =>
  containerFacts({ mounts, cgroups: new Map([["unified", "/c/x"]]), cgroupFiles: new Map([["/c/x/cgroup.max.descendants", "max"], ["/c/cgroup.max.descendants", value]]) });

test("only who can make cgroups needs a bound", () => {
  expect(told(check)).toEqual(["not-applicable: it cannot make cgroups"]);
  expect(told(check, { container: bound("max") })).toEqual(["finding: none"]);
  expect(told(check, { container: bound("64") })).toEqual(["pass: at most 64"]);
});
