import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { checkLayers, importsOf, LAYERS, sourceFiles } from "./layers.ts";

/** Enough harmless files that the check does not think that it looked in the wrong place. */
function tree(files: Readonly<Record<string, string>>): Map<string, string> {
  const filler = Array.from({ length: 20 }, (_, i): [string, string] => [`base/filler-${i}.ts`, "export const x = 1;"]);
  return new Map([...filler, ...Object.entries(files)]);
}

describe("importsOf()", () => {
  test("sees every form of import and nothing in comments", () => {
    const source = [
      'import { a } from "./a.ts";',
      'import type { B } from "./b.ts";',
      'export { c } from "./c.ts";',
      'export * from "./d.ts";',
      'import "./e.ts";',
      "import {\n  f,\n} from './f.ts';",
      'const g = await import("./g.ts");',
      '// import { no } from "./no.ts";',
      '/* import { no } from "./no.ts"; */',
      'const text = "// import"; import { h } from "./h.ts";',
    ].join("\n");
    expect(importsOf(source).map((i) => i.specifier).sort()).toEqual(["a", "b", "c", "d", "e", "f", "g"].map((n) => `./${n}.ts`));
    expect(importsOf(source).filter((i) => i.dynamic).map((i) => i.specifier)).toEqual(["./g.ts"]);
  });
});

describe("checkLayers()", () => {
  test("finds nothing in a tree that keeps the rules", () => {
    expect(checkLayers(tree({ "plan/a.ts": 'import { x } from "../base/filler-1.ts";' }))).toEqual([]);
  });

  const cases: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
    ["an upward import", { "base/a.ts": 'import { b } from "../kernel/b.ts";', "kernel/b.ts": "" }, "base may not import kernel"],
    ["a type-only upward import", { "plan/a.ts": 'import type { B } from "../engine/b.ts";', "engine/b.ts": "" }, "plan may not import engine"],
    ["a feature that imports a feature", { "audit/a.ts": 'import { b } from "../scan/b.ts";', "scan/b.ts": "" }, "audit may not import scan"],
    ["a dynamic upward import", { "verbs/a.ts": 'void import("../cli/b.ts");', "cli/b.ts": "" }, "verbs may not import cli"],
    ["bun:ffi outside of the door", { "engine/a.ts": 'import { dlopen } from "bun:ffi";' }, "imports bun:ffi"],
    ["node:fs", { "cli/a.ts": 'import { readFileSync } from "node:fs";' }, "imports node:fs"],
    ["a node module in a pure folder", { "spec/a.ts": 'import { join } from "node:path";' }, "spec is pure"],
    ["a verb that prints", { "verbs/a.ts": 'console.log("x");' }, "prints"],
    ["a verb that reads the environment", { "verbs/a.ts": "export const x = process.env;" }, "reads argv or the environment"],
    ["a verb that exits", { "verbs/a.ts": "process.exit(1);" }, "exits"],
    ["a clock in a pure folder", { "report/a.ts": "export const now = Date.now();" }, "reads a clock"],
    ["an import without extension", { "base/a.ts": 'import { b } from "./b";', "base/b.ts": "" }, "write the extension"],
    ["an import from outside", { "cli/a.ts": 'import { b } from "../../tools/build.ts";' }, "outside of src"],
    ["a folder that nobody knows", { "utils/a.ts": "" }, "in no layer"],
    ["a cycle", { "base/a.ts": 'import { b } from "./b.ts";', "base/b.ts": 'import type { a } from "./a.ts";' }, "cycle: base/a.ts -> base/b.ts -> base/a.ts"],
  ];
  test.each(cases)("finds %s", (_, files, problem) => {
    const problems = checkLayers(tree(files));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  test("takes a dynamic import for no cycle", () => {
    expect(checkLayers(tree({ "base/a.ts": 'void import("./b.ts");', "base/b.ts": 'import "./a.ts";' }))).toEqual([]);
  });

  test("fails when it reads suspiciously few files", () => {
    expect(checkLayers(new Map([["base/a.ts", ""]]))[0]).toContain("wrong place");
  });

  test("knows no layer that may import itself through another", () => {
    for (const [folder, allowed] of Object.entries(LAYERS)) {
      for (const other of allowed) expect(LAYERS[other] ?? []).not.toContain(folder);
    }
  });

  test("reads the real tree", () => {
    const files = sourceFiles(join(import.meta.dir, "../src"));
    expect(files.has("base/error.ts")).toBe(true);
  });
});
