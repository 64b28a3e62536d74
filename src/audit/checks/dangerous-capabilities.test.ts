import { expect, test } from "bun:test";
import { answersOf, container, containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./dangerous-capabilities.ts";

const having = (...bits: readonly number[]): ReturnType<typeof task> =>
  task({ status: status({ capabilities: { ...status().capabilities, effective: bits.reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n) } }) });

test("each is told by itself, with its own severity", () => {
  expect(told(check)).toEqual(["pass: none of them"]);
  const both = answersOf(check, { container: containerFacts({ task: having(21, 25) }) });
  expect(both).toMatchObject([{ verdict: "finding", severity: "critical" }, { verdict: "finding", severity: "medium" }]);
});

test("a user namespace stops them, and what cannot be read is unknown", () => {
  const own = containerFacts({ task: having(16), container: container({ sharedWithHost: [] }) });
  expect(told(check, { container: own })).toEqual(["blocked by user namespace: CAP_SYS_MODULE: loads code into the kernel"]);
  expect(told(check, { container: containerFacts({ unreadable: [{ pid: 9, errno: -13 }] }) })).toEqual(["unknown: 1 of its threads could not be read"]);
});
