import { expect, test } from "bun:test";
import { PidboxError } from "../../base/error.ts";
import fc from "fast-check";
import { ageOf, parseCveData } from "./data.ts";
import { CVE_DATA } from "./records.ts";

test("the data that pidbox brings is in the form of a file, and each id is there once", () => {
  const parsed = parseCveData(JSON.stringify(CVE_DATA));
  expect(parsed.records.map(({ id }) => id)).toEqual(CVE_DATA.records.map(({ id }) => id));
  expect(new Set(CVE_DATA.records.map(({ id, component }) => `${id} ${component}`)).size).toBe(CVE_DATA.records.length);
  for (const record of CVE_DATA.records) expect(record.fixed.length + (record.packages ?? []).length).toBeGreaterThan(0);
});

test("age is whole days", () => {
  expect(ageOf({ ...CVE_DATA, date: "2026-09-04" }, Date.UTC(2026, 10, 24, 12))).toBe(81);
});

const file = (changes: object): string => {
  const record = { id: "CVE-2030-0001", name: "x", component: "linux", severity: "high", fixed: ["7.0"], ...changes };
  return JSON.stringify({ date: "2030-01-01", records: [record], branches: [] });
};

test("a field that is not what it should be is named", () => {
  expect(() => parseCveData("{")).toThrow("Cannot read the vulnerability data: it is no JSON");
  expect(() => parseCveData(file({ id: "CVE-1" }))).toThrow("records[0].id is");
  expect(() => parseCveData(file({ needs: ["magic"] }))).toThrow("records[0].needs is");
  expect(() => parseCveData(file({ fixed: ["7"] }))).toThrow("records[0].fixed is");
  expect(() => parseCveData(file({ packages: [{ distribution: "debian", release: "sid", source: "linux", fixed: 3 }] }))).toThrow("packages[0].fixed is");
  expect(() => parseCveData(JSON.stringify({ date: "2030-13-01" }))).toThrow("date is");
});

test("anything else is data or an error of ours", () => {
  fc.assert(fc.property(fc.json(), (text) => {
    try {
      parseCveData(text);
    } catch (error) {
      expect(error).toBeInstanceOf(PidboxError);
    }
  }));
});
