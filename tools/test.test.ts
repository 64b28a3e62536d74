import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brokenPromises, closingLine, failureCollector, parseJunit } from "./test.ts";

test("parseJunit() counts what bun test reports", () => {
  const folder = mkdtempSync(join(tmpdir(), "pidbox-junit-"));
  try {
    writeFileSync(
      join(folder, "a.test.ts"),
      `import { describe, expect, test } from "bun:test";
      test("good > \\"one\\"", () => {});
      test("bad <&>", () => { expect("<testcase/>").toBe("b"); });
      describe("outer", () => { test.skip("later [needs runc, root]", () => {}); });
      test.todo("some day");`,
    );
    const report = join(folder, "report.xml");
    const run = Bun.spawnSync([process.execPath, "test", "--reporter=junit", `--reporter-outfile=${report}`], { cwd: folder, stdout: "ignore", stderr: "ignore" });
    expect(run.exitCode).toBe(1);
    const counts = parseJunit(readFileSync(report, "utf8"));
    expect(counts).toMatchObject({ passed: 1, failed: 1, skipped: 2 });
    expect(counts.skippedNames.join()).toContain("later [needs runc, root]");
    expect(closingLine(counts)).toBe("1 passed, 1 failed, 2 skipped");
    expect(brokenPromises(counts.skippedNames, ["root"])).toHaveLength(1);
    expect(brokenPromises(counts.skippedNames, ["docker"])).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("closingLine() leaves out skipped tests when there are none", () => {
  expect(closingLine({ passed: 3, failed: 0, skipped: 0, skippedNames: [] })).toBe("3 passed, 0 failed");
});

test("failureCollector() keeps what was printed of failed tests alone", () => {
  const { failures, take } = failureCollector(3);
  ["bun test", "noise", "(pass) a", "", "error: x", "  at y", "(fail) b [1.00ms]", "(skip) c", "one", "two", "three", "(fail) d", "rest"].forEach(take);
  expect(failures).toEqual(["error: x\n  at y\n(fail) b [1.00ms]", "two\nthree\n(fail) d"]);
});
