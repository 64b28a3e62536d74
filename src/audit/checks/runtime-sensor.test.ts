import { expect, test } from "bun:test";
import { hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./runtime-sensor.ts";

test("a known sensor passes", () => {
  expect(told(check)).toEqual(["finding: none of the known ones runs"]);
  expect(told(check, { host: hostFacts({ programs: ["falco", "systemd"] }) })).toEqual(["pass: falco"]);
});
