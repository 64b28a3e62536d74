import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "./file.ts";

const folder = mkdtempSync("/tmp/pidbox-file-");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("replaceFile()", () => {
  test("writes a new file and one that is there, and nothing through what was left beside it", () => {
    const path = join(folder, "file");
    const other = join(folder, "other");
    writeFileSync(other, "kept");
    expect(replaceFile(path, "one", 0o600)).toBe(0);
    symlinkSync(other, `${path}.new`);
    expect(replaceFile(path, new TextEncoder().encode("two"), 0o640)).toBe(0);
    expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777, readFileSync(other, "utf8")]).toEqual(["two", 0o640, "kept"]);
    expect(readdirSync(folder).sort()).toEqual(["file", "other"]);
  });

  test("leaves what is there, and nothing else, where it cannot", () => {
    const path = join(folder, "directory");
    mkdirSync(path);
    expect(replaceFile(path, "x", 0o600, join(folder, ".fresh"))).toBe(-21);
    expect(replaceFile(join(folder, "none/file"), "x", 0o600)).toBe(-2);
    expect(readdirSync(folder).sort()).toEqual(["directory", "file", "other"]);
  });
});
