import { expect, test } from "bun:test";
import { answersOf, containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./inherited-capabilities.ts";

const sets = (inheritable: bigint, ambient: bigint): ReturnType<typeof containerFacts> =>
  containerFacts({ task: task({ status: status({ capabilities: { ...status().capabilities, inheritable, ambient } }) }) });

test("ambient is graver than inheritable, empty passes", () => {
  expect(told(check)).toEqual(["pass: both sets are empty"]);
  expect(answersOf(check, { container: sets(1n, 1n) })).toMatchObject([{ verdict: "finding", text: "ambient: CAP_CHOWN" }]);
  expect(answersOf(check, { container: sets(1n, 0n) })).toMatchObject([{ verdict: "finding", severity: "low", text: "inheritable: CAP_CHOWN" }]);
});
