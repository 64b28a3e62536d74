import { expect, test } from "bun:test";
import { auditFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { debian } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./kernel-branch.ts";

const own = (release: string, taken = Date.UTC(2026, 10, 24)): string[] => {
  return told(check, { facts: auditFacts({ taken, host: { ...debian({}, { build: "#1 SMP", distribution: "arch" }), release } }) });
};

test("long-term branches pass until their day", () => {
  expect(own("6.12.95")).toEqual(["pass: 6.12 is maintained until 2028-12-31"]);
  expect(own("5.15.200", Date.UTC(2027, 0, 2))).toEqual(["finding: 5.15 was maintained until 2026-12-31"]);
});

test("a branch between them is at its end, a newer one is not known", () => {
  expect(own("6.13.5")).toEqual(["finding: 6.13 was no long-term branch, and is maintained no more"]);
  expect(own("7.1.3")).toEqual(["unknown: the data of 2026-09-04 does not say how long 7.1 is maintained"]);
});

test("distributions maintain their own", () => {
  expect(told(check, { facts: auditFacts({ host: debian() }) })).toEqual(["not-applicable: debian maintains it"]);
  expect(own("5.14.0-427.el9.x86_64")).toEqual(["unknown: who maintains this kernel is not known"]);
});
