import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HYBRID, runScene } from "../../test/fixtures/plan/scenes.ts";
import { decodePlan } from "./decode.ts";
import type { DecodedPlan } from "./decode.ts";
import { stepText } from "./explain.ts";
import { compilation } from "./names.ts";
import { components, ensureTarget } from "./target.ts";
import type { TargetOptions } from "./target.ts";
import { PlanWriter } from "./writer.ts";

/** The ops that find or make `path`. */
function ops(path: string, options: TargetOptions = {}): DecodedPlan {
  const writer = new PlanWriter();
  ensureTarget(compilation(writer, runScene(), HYBRID), path, options);
  return decodePlan(writer.exit(0).finish(0));
}

const steps = (path: string, options: TargetOptions = {}): string[] => {
  const plan = ops(path, options);
  return plan.ops.slice(0, -1).map((op) => stepText(plan, op).replace(/^ *\d+ {2}/, ""));
};

describe("components()", () => {
  test("stays below the root", () => {
    const table: readonly (readonly [string, string])[] = [
      ["/", ""], ["", ""], ["/a//b/./c", "a/b/c"], ["../../etc", "etc"], ["/a/../../b", "b"], ["a/b/..", "a"], ["/...", "..."],
    ];
    for (const [path, parts] of table) expect([path, components(path).join("/")]).toEqual([path, parts]);
  });
  test("has no empty, dot or dot-dot part, for any path", () => {
    fc.assert(fc.property(fc.array(fc.constantFrom("a", "b", "", ".", "..", "...", " ")).map((parts) => parts.join("/")), (path) => {
      expect(components(path).filter((part) => ["", ".", ".."].includes(part) || part.includes("/"))).toEqual([]);
      expect(components(components(path).join("/"))).toEqual(components(path));
    }));
  });
});

describe("ensureTarget()", () => {
  test("names nothing of the host: every look-up is below a descriptor, in the root, without magic links", () => {
    for (const path of ["/", "/a/b/c", "/proc", "../x"]) {
      for (const options of [{}, { file: true }, { strict: true }]) {
        for (const step of steps(path, options)) {
          expect(step).not.toContain("AT_FDCWD");
          if (step.includes("openat2(")) expect(step).toMatch(/RESOLVE_IN_ROOT|RESOLVE_BENEATH/);
        }
      }
    }
  });
  test("takes no symbolic link at all where it is strict", () => {
    expect(steps("/proc/sys", { strict: true }).filter((step) => step.includes("openat2(")).every((step) => step.includes("RESOLVE_NO_SYMLINKS"))).toBe(true);
  });
  test("makes what is missing one component at a time and never follows what it made", () => {
    const made = steps("/a/b/file", { file: true });
    const relative = made.filter((one) => /(openat2|mkdirat|mknodat)\(r\d+, "(b|file)"/.test(one));
    const calls = relative.map((one) => one.replace(/^.*?(mkdirat|mknodat|openat2)\(r\d+, ("\w+").*$/, "$1 $2"));
    expect(calls).toEqual(['mkdirat "b"', 'openat2 "b"', 'mknodat "file"', 'openat2 "file"']);
    for (const step of relative.filter((one) => one.includes("openat2"))) expect(step).toContain("RESOLVE_NO_SYMLINKS|RESOLVE_BENEATH");
  });
  test("needs ops in proportion to the depth", () => {
    const size = (depth: number): number => steps("/d".repeat(depth)).length;
    expect(size(20) - size(10)).toBe(size(30) - size(20));
  });
  test("leaves the kind to a register where the plan cannot know it", () => {
    const made = steps("/a/b", { file: 99 + 2 ** 50 });
    expect(made.filter((step) => step.includes('"b"')).map((step) => /\w+(?=\()/.exec(step)?.[0])).toEqual(["mkdirat", "openat2", "mknodat", "openat2"]);
    expect(made.some((step) => step.startsWith("if r99 is an error"))).toBe(true);
  });
  test("reports the mode of what is there, and that of a fresh tmpfs for what is not", () => {
    const made = steps("/a", { mode: 99 + 2 ** 50 });
    expect(made.filter((step) => step.startsWith("r99 = "))).toHaveLength(2);
    expect(made.findIndex((step) => step.includes("statx"))).toBeLessThan(made.findIndex((step) => step.includes("mkdirat")));
  });
  test("tolerates only that a directory is absent while it looks", () => {
    const errors = steps("/a/b").filter((step) => step.includes("  or ")).map((step) => step.slice(step.indexOf("  or ") + 5));
    expect(new Set(errors)).toEqual(new Set(["ENOENT", "EEXIST"]));
  });
});
