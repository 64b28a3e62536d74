import { expect, test } from "bun:test";
import { randomBytes } from "./random.ts";

test("randomBytes() fills each array anew", () => {
  const all = Array.from({ length: 50 }, () => randomBytes(32).toHex());
  expect(new Set(all).size).toBe(50);
  expect(all.every((text) => /^[0-9a-f]{64}$/.test(text))).toBe(true);
  expect(new Set(randomBytes(256)).size).toBeGreaterThan(100);
});
