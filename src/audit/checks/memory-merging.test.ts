import { expect, test } from "bun:test";
import { hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./memory-merging.ts";

const run = (text: string | number): ReturnType<typeof hostFacts> =>
  hostFacts({ files: new Map<string, string | number>([["/sys/kernel/mm/ksm/run", text], ["/sys/kernel/mm/ksm/pages_shared", "7"]]) });

test("what runs is found", () => {
  expect(told(check, { host: run("1") })).toEqual(["finding: it runs; 7 pages are shared"]);
  expect(told(check, { host: run("0") })).toEqual(["pass: it does not run"]);
  expect(told(check, { host: run(-13) })).toEqual(["unknown: whether it runs could not be read"]);
  expect(told(check)).toEqual(["not-applicable: this kernel has none"]);
});
