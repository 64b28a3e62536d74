import { expect, test } from "bun:test";
import { containerFacts, object, told } from "../../../test/fixtures/audit/facts.ts";
import type { PathFacts } from "../../engine/posture.ts";
import { check } from "./newer-masks.ts";

const all = (facts: PathFacts): ReturnType<typeof containerFacts> =>
  containerFacts({ paths: new Map((check.reads?.inside ?? []).map((path) => [path, facts])) });

test("open meters are found, absent ones pass", () => {
  expect(told(check, { container: all({ object: object({ mountId: 604 }) }) })[0]).toStartWith("finding: /proc/interrupts, ");
  expect(told(check, { container: all({ object: -2 }) })).toEqual(["pass: covered, or not there"]);
});
