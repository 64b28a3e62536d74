import { expect, test } from "bun:test";
import { containerFacts, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./process-limits.ts";

const hard = (value: number): ReturnType<typeof containerFacts> =>
  containerFacts({ task: task({ limits: new Map([["Max processes", { soft: 1, hard: value }]]) }) });

test("unlimited is found, a limit passes", () => {
  expect(told(check, { container: hard(Number.POSITIVE_INFINITY) })).toEqual(["finding: max processes: unlimited"]);
  expect(told(check, { container: hard(4096) })).toEqual(["pass: limited"]);
  expect(told(check, { container: containerFacts({ task: task({ limits: -13 }) }) })).toEqual(["unknown: they could not be read"]);
});
