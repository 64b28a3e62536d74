import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./live-patch.ts";

const patched = (enabled: boolean, transition: boolean): string[] => {
  return told(check, { host: debian({}, { livepatches: [{ name: "lkp_1", enabled, transition }] }) });
};

test("off, in transition, in force, none", () => {
  expect(patched(false, false)).toEqual(["finding: lkp_1 is switched off"]);
  expect(patched(true, true)).toEqual(["finding: lkp_1 is in transition"]);
  expect(patched(true, false)).toEqual(["pass: lkp_1 is in force"]);
  expect(told(check, { host: debian() })).toEqual(["not-applicable: there is none"]);
});
