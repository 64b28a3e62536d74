import { describe, expect, test } from "bun:test";
import { isIdmappable } from "./idmap.ts";

describe("isIdmappable()", () => {
  test.each([
    ["ext4", [5, 14], true],
    ["squashfs", [6, 1], false],
    ["squashfs", [6, 2], true],
    ["ext2", [6, 18], false],
    ["nfs4", [6, 18], false],
    ["constructor", [6, 18], false],
  ] as const)("%s on %j: %p", (type, kernel, answer) => {
    expect(isIdmappable(type, kernel)).toBe(answer);
  });
});
