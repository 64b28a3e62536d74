import { expect, test } from "bun:test";
import { containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./seccomp-off.ts";

const withMode = (seccomp: number | undefined): ReturnType<typeof containerFacts> => {
  const { seccomp: _mode, ...rest } = status();
  return containerFacts({ task: task({ status: seccomp === undefined ? rest : { ...rest, seccomp } }) });
};

test("a filter passes, none is found, and a kernel that does not tell is unknown", () => {
  expect(told(check)).toEqual(["pass: a filter"]);
  expect(told(check, { container: withMode(0) })).toEqual(["finding: every system call is allowed"]);
  expect(told(check, { container: withMode(undefined) })).toEqual(["unknown: this kernel does not tell whether there is a filter"]);
});

test("one thread without a filter decides", () => {
  const [good, bad] = [task(), task({ pid: 4712, thread: 4713, status: status({ name: "sh\n", seccomp: 0 }) })];
  const container = containerFacts({ tasks: [good, bad] });
  expect(told(check, { container })).toEqual(["finding: PID 4712 (sh\n) thread 4713: every system call is allowed"]);
});

test("a thread that cannot be read leaves it unknown", () => {
  expect(told(check, { container: containerFacts({ unreadable: [{ pid: 4712, errno: -13 }] }) })).toEqual(["unknown: 1 of its threads could not be read"]);
});
