import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parseLimits } from "./posture.ts";

test("parseLimits() reads the kernel's table, units and their absence", () => {
  const limits = parseLimits(
    "Limit                     Soft Limit           Hard Limit           Units     \n" +
      "Max cpu time              unlimited            unlimited            seconds   \n" +
      "Max open files            1024                 524288               files     \n" +
      "Max nice priority         0                    0                    \n",
  );
  expect([...limits]).toEqual([
    ["Max cpu time", { soft: Infinity, hard: Infinity }], ["Max open files", { soft: 1024, hard: 524288 }], ["Max nice priority", { soft: 0, hard: 0 }],
  ]);
});

test("parseLimits() finds every limit of this process", () => {
  expect(parseLimits(readFileSync("/proc/self/limits", "utf8")).size).toBe(16);
});
