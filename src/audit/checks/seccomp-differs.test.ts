import { expect, test } from "bun:test";
import { containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./seccomp-differs.ts";

const withCounts = (first: number | undefined, ...others: readonly number[]): ReturnType<typeof containerFacts> => {
  const { seccompFilters: _count, ...bare } = status();
  const leader = task({ status: first === undefined ? bare : { ...bare, seccompFilters: first } });
  const rest = others.map((count, i) => task({ pid: 4800 + i, thread: 4800 + i, status: status({ name: "sh", seccompFilters: count }) }));
  return containerFacts({ first: leader, tasks: [leader, ...rest] });
};

test("who has fewer came from outside, who has more confined itself", () => {
  expect(told(check, { container: withCounts(1, 0, 2, 0) })).toEqual(["finding: PID 4800 (sh) and 1 more: 0, the first has 1"]);
  expect(told(check, { container: withCounts(1, 1, 2) })).toEqual(["pass: none has fewer than 1"]);
});

test("no filter does not count, and a kernel that does not tell is unknown", () => {
  expect(told(check, { container: withCounts(0, 0) })).toEqual(["not-applicable: its first process has no filter"]);
  expect(told(check, { container: withCounts(undefined) })).toEqual(["unknown: this kernel does not tell how many filters there are"]);
});
