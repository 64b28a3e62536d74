import { expect, test } from "bun:test";
import { checkFormat } from "./format.ts";

test("checkFormat() accepts a clean file", () => {
  expect(checkFormat("a.ts", '/**\n * Text.\n */\nexport const a = {\n  b: "c",\n};\n')).toEqual([]);
});

test.each([
  ["const a = 1;", "no newline"],
  ["const a = 1;\n\n", "empty lines"],
  ["const a = 1; \n", "space at the end"],
  ["\tconst a = 1;\n", "tab"],
  ["const a = 1;\r\n", "carriage return"],
  ["   const a = 1;\n", "odd number"],
  [`const a = ${"b + ".repeat(50)}1;\n`, "columns"],
])("checkFormat() refuses %j", (text, problem) => {
  expect(checkFormat("a.ts", text).join()).toContain(problem);
});

test("checkFormat() leaves tabs to C", () => {
  expect(checkFormat("a.c", "\tint a;\n")).toEqual([]);
});
