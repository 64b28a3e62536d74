import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PidboxError } from "../base/error.ts";
import { makeDataDirectory } from "./data-directory.ts";
import { closeToOthers, makeTree, requireOwn, STATE } from "./own-directory.ts";

const folder = mkdtempSync("/tmp/pidbox-own-");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const uid = process.geteuid?.() ?? 0;

function code(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof PidboxError) return error.code;
    throw error;
  }
  return "";
}

describe("makeTree()", () => {
  const failed = (path: string, result: number): PidboxError => new PidboxError("IO", `${path} ${result}`);

  test("makes what is missing, with its mode", () => {
    makeTree(join(folder, "a/b/c"), 0o700, failed);
    makeTree(join(folder, "a/b/c"), 0o755, failed);
    for (const path of ["a", "a/b", "a/b/c"]) expect(statSync(join(folder, path)).mode & 0o777).toBe(0o700);
  });

  test("ends below a link that leads nowhere, and below a file", () => {
    symlinkSync(join(folder, "nowhere"), join(folder, "dangling"));
    writeFileSync(join(folder, "file"), "");
    expect(() => makeTree(join(folder, "dangling/b/c"), 0o700, failed)).toThrow(`${folder}/dangling/b -2`);
    expect(() => makeTree(join(folder, "file/b/c"), 0o700, failed)).toThrow(`${folder}/file/b/c -20`);
    expect(code(() => makeDataDirectory(join(folder, "dangling/pidbox"), "logs", { id: "id", directory: "/nowhere", uid }))).toBe("IO");
    expect(existsSync(join(folder, "nowhere"))).toBe(false);
  });
});

describe("requireOwn()", () => {
  test("takes none, and one that its owner alone can write", () => {
    const path = join(folder, "own");
    expect(requireOwn(path, uid, STATE)).toBeUndefined();
    mkdirSync(path, { mode: 0o755 });
    expect(requireOwn(path, uid, STATE)?.uid).toBe(uid);
  });

  test("refuses another user's, one that others can write, a link, a file and what cannot be looked at", () => {
    const path = join(folder, "bad");
    mkdirSync(path);
    symlinkSync(path, join(folder, "link"));
    expect(code(() => requireOwn(path, uid + 1, STATE))).toBe("POSSIBLE_ATTACK");
    for (const mode of [0o720, 0o702, 0o1777]) {
      chmodSync(path, mode);
      expect(code(() => requireOwn(path, uid, STATE))).toBe("POSSIBLE_ATTACK");
    }
    for (const name of ["link", "file"]) expect(code(() => requireOwn(join(folder, name), uid, STATE))).toBe("POSSIBLE_ATTACK");
    expect(code(() => requireOwn(join(folder, "file/below"), uid, STATE))).toBe("IO");
  });
});

test("closeToOthers() takes the sight of it from others", () => {
  const path = join(folder, "seen");
  mkdirSync(path, { mode: 0o755 });
  closeToOthers(path, uid, STATE);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(code(() => closeToOthers(join(folder, "none"), uid, STATE))).toBe("IO");
});
