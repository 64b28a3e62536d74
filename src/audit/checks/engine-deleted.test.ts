import { expect, test } from "bun:test";
import { engineFacts, hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./engine-deleted.ts";

const of = (deleted: boolean, pids: readonly number[]): string[] => {
  return told(check, { host: hostFacts({ engines: engineFacts({ programs: [{ name: "dockerd", path: "/usr/bin/dockerd", pids, deleted, version: "28.0.0" }] }) }) });
};

test("an old program that runs is found", () => {
  expect(of(true, [7])).toEqual(["finding: /usr/bin/dockerd 28.0.0: PID 7"]);
  expect(of(true, [1, 2, 3, 4, 5, 6, 7])).toEqual(["finding: /usr/bin/dockerd 28.0.0: PID 1, 2, 3, 4, 5 and 2 more"]);
  expect(of(false, [7])).toEqual(["pass: each runs the program that is installed"]);
  expect(of(false, [])).toEqual(["not-applicable: no engine runs"]);
});
