import { expect, test } from "bun:test";
import { containerFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./oom-kill-disabled.ts";

const control = (content: string | number): ReturnType<typeof containerFacts> =>
  containerFacts({ cgroups: new Map([["memory", "/m/x"]]), cgroupFiles: new Map([["/m/x/memory.oom_control", content]]) });

test("the switch of v1 alone counts", () => {
  expect(told(check)).toEqual(["not-applicable: cgroup v2 has no such switch"]);
  expect(told(check, { container: control("oom_kill_disable 1\nunder_oom 0\noom_kill 0") })).toEqual(["finding: the killer is off"]);
  expect(told(check, { container: control("oom_kill_disable 0\nunder_oom 0") })).toEqual(["pass: the killer is on"]);
  expect(told(check, { container: control(-13) })).toEqual(["unknown: the switch could not be read"]);
});
