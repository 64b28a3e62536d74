import { expect, test } from "bun:test";
import { hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./kernel-addresses.ts";

const setting = (text: string | number): ReturnType<typeof hostFacts> => hostFacts({ files: new Map([["/proc/sys/kernel/kptr_restrict", text]]) });

test("zero is found, one passes, and what cannot be read is unknown", () => {
  expect(told(check, { host: setting("0") })).toEqual(["finding: kptr_restrict is 0"]);
  expect(told(check, { host: setting("1") })).toEqual(["pass: 1"]);
  expect(told(check, { host: setting(-13) })).toEqual(["unknown: the setting could not be read"]);
  expect(told(check, { host: setting("many") })).toEqual(["unknown: the setting could not be read"]);
  expect(told(check)).toEqual(["not-applicable: this kernel has no such setting"]);
});
