import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import { compareKernel, isAtLeast, parseKernelRelease } from "./release.ts";

describe("parseKernelRelease()", () => {
  test.each([
    ["6.18.44-fc-v669", 6, 18, 44, "-fc-v669"],
    ["6.1.0-38-cloud-amd64", 6, 1, 0, "-38-cloud-amd64"],
    ["5.14.0-427.13.1.el9_4.x86_64", 5, 14, 0, "-427.13.1.el9_4.x86_64"],
    ["6.8.0-45-generic", 6, 8, 0, "-45-generic"],
    ["5.15.167.4-microsoft-standard-WSL2", 5, 15, 167, ".4-microsoft-standard-WSL2"],
    ["6.12", 6, 12, 0, ""],
    ["7.0-rc3", 7, 0, 0, "-rc3"],
    ["6.9.3+", 6, 9, 3, "+"],
    ["6.1.2.3.4", 6, 1, 2, ".3.4"],
    ["6.1foo.bar", 6, 1, 0, "foo.bar"],
  ] as const)("reads %s", (text, major, minor, patch, suffix) => {
    expect(parseKernelRelease(text)).toEqual({ text, major, minor, patch, suffix });
  });

  test.each([
    "", "6", "six.one", ".1", "6.", "6.1\n", " 6.1", "99999999.1", `6.1-${"x".repeat(100)}`, "6.1.", "6.1..2", "6.1 x", "6.123456", "6.1.2 ", "6-1",
  ])("refuses %j", (text) => {
    expect(() => parseKernelRelease(text)).toThrow(PidboxError);
  });
});

test("compareKernel() orders by number, not by letter", () => {
  expect(compareKernel([6, 9], [6, 18])).toBeLessThan(0);
  expect(compareKernel([10, 0], [9, 99])).toBeGreaterThan(0);
  expect(compareKernel([5, 14], [5, 14])).toBe(0);
  expect(isAtLeast(parseKernelRelease("6.18.44-fc-v669"), [6, 18])).toBe(true);
  expect(isAtLeast(parseKernelRelease("6.8.0-45-generic"), [6, 18])).toBe(false);
});
