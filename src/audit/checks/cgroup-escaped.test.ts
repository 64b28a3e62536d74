import { expect, test } from "bun:test";
import { containerFacts, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./cgroup-escaped.ts";

const first = task();
const at = (path: string): ReturnType<typeof task> => task({ pid: 4712, thread: 4712, cgroups: [{ hierarchy: 0, controllers: [], path, deleted: false }] });
const SCOPE = typeof first.cgroups === "number" ? "" : (first.cgroups[0]?.path ?? "");

test("members of the cgroup and of those below it pass", () => {
  expect(told(check)).toEqual(["pass: all are inside"]);
  expect(told(check, { container: containerFacts({ first, tasks: [first, at(`${SCOPE}/init.scope`)] }) })).toEqual(["pass: all are inside"]);
});

test("one elsewhere is found", () => {
  expect(told(check, { container: containerFacts({ first, tasks: [first, at("/user.slice/x")] }) })).toEqual(["finding: PID 4712 (sleep): it is in /user.slice/x"]);
});
