import { expect, test } from "bun:test";
import { answersOf, containerFacts, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./oom-score.ts";

const score = (oomScoreAdj: number | undefined): ReturnType<typeof containerFacts> => containerFacts({ task: task({ oomScoreAdj }) });

test("below zero is found, -1000 is worse", () => {
  expect(told(check)).toEqual(["pass: 0"]);
  expect(told(check, { container: score(-500) })).toEqual(["finding: -500"]);
  expect(answersOf(check, { container: score(-1000) })[0]?.severity).toBe("high");
  expect(told(check, { container: score(undefined) })).toEqual(["unknown: the score could not be read"]);
});
