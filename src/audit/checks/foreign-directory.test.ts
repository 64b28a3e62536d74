import { expect, test } from "bun:test";
import { answersOf, containerFacts, object, processFacts, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./foreign-directory.ts";

const outside = object({ mountId: 22, mode: 0o040755, device: { major: 8, minor: 1 } });

test("places of its own pass", () => {
  expect(told(check)).toEqual(["pass: all on mounts of its own"]);
});

test("a working directory or root on a mount of the host is found (CVE-2024-21626)", () => {
  expect(told(check, { container: containerFacts({ task: task({ cwd: outside }) }) })).toEqual(["finding: the working directory of PID 4711 (sleep) is on a mount of the host"]);
  expect(told(check, { container: containerFacts({ task: task({ root: { ...outside, mountRoot: true } }) }) })).toEqual(["finding: the root directory of PID 4711 (sleep) is on a mount of the host"]);
});

test("a program of the host is lighter, most of all as the first process", () => {
  const [init] = answersOf(check, { container: containerFacts({ processes: [processFacts({ program: "/usr/bin/bwrap", executable: outside })] }) });
  expect(init).toMatchObject({ verdict: "finding", severity: "low", text: "PID 4711 runs a program that is on a mount of the host" });
  const processes = [processFacts({ pid: 4712, program: "/usr/bin/runc", executable: outside })];
  const [answer] = answersOf(check, { container: containerFacts({ tasks: [task(), task({ pid: 4712, thread: 4712 })], processes }) });
  expect(answer).toMatchObject({ verdict: "finding", severity: "medium" });
});

test("threads that could not be read leave it unknown", () => {
  expect(told(check, { container: containerFacts({ task: task({ cwd: -13 }) }) })).toEqual(["unknown: the directories of PID 4711 could not be looked at"]);
  expect(told(check, { container: containerFacts({ unreadable: [{ pid: 4712, errno: -13 }] }) })).toEqual(["unknown: 1 of its threads could not be read"]);
});
