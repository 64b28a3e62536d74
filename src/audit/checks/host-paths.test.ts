import { expect, test } from "bun:test";
import { containerFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./host-paths.ts";

test("an upper directory is told", () => {
  expect(told(check)).toEqual(["finding: /var/lib/docker/overlay2/x/diff"]);
  expect(told(check, { container: containerFacts({ mounts: [] }) })).toEqual(["pass: no upper directory in it"]);
  expect(told(check, { container: containerFacts({ mounts: -2 }) })).toEqual(["unknown: its mount table could not be read"]);
});
