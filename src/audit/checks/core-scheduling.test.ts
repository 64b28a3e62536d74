import { expect, test } from "bun:test";
import { containerFacts, hostFacts, processFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./core-scheduling.ts";

const smt = (active: string): ReturnType<typeof hostFacts> => hostFacts({ files: new Map([["/sys/devices/system/cpu/smt/active", active]]) });
const cookie = (coreCookie: bigint | number): ReturnType<typeof containerFacts> => containerFacts({ processes: [processFacts({ coreCookie })] });

test("SMT without a cookie is found", () => {
  expect(told(check, { host: smt("1") })).toEqual(["finding: SMT is on, and it has no cookie"]);
  expect(told(check, { host: smt("1"), container: cookie(77n) })).toEqual(["pass: a cookie of its own"]);
  expect(told(check, { host: smt("1"), container: cookie(-22) })).toEqual(["finding: SMT is on, and this kernel has no core scheduling"]);
});

test("without SMT there is nothing to share; what is hidden is unknown", () => {
  expect(told(check, { host: smt("0") })).toEqual(["not-applicable: SMT is off, or the CPU has none"]);
  expect(told(check, { host: smt("1"), container: cookie(-1) })).toEqual(["unknown: its cookie could not be read"]);
  expect(told(check)).toEqual(["unknown: this kernel does not tell whether SMT is on"]);
});
