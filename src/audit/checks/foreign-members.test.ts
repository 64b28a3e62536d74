import { expect, test } from "bun:test";
import { containerFacts, HOST_NAMESPACES, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./foreign-members.ts";

const first = task();
const beside = (namespaces: ReturnType<typeof task>["namespaces"]): string[] =>
  told(check, { container: containerFacts({ first, tasks: [first, task({ pid: 4800, thread: 4800, namespaces })] }) });

test("what joined only some namespaces is found", () => {
  expect(told(check)).toEqual(["pass: all have the namespaces of the first"]);
  expect(beside({ ...HOST_NAMESPACES, pid: first.namespaces.pid ?? 0 })[0]).toStartWith("finding: PID 4800 (sleep): it has the host's ");
  expect(beside({ pid: first.namespaces.pid ?? 0 })).toEqual(["unknown: PID 4800 (sleep): its namespaces could not be read"]);
});

test("a namespace that the container made below its own is not the host's", () => {
  expect(beside({ ...first.namespaces, mnt: 77, net: 78 })).toEqual(["pass: all have the namespaces of the first"]);
});
