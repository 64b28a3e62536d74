import { expect, test } from "bun:test";
import { colorAllowed } from "./color.ts";

test.each<[string | undefined, Record<string, string>, boolean, boolean]>([
  [undefined, {}, true, true],
  [undefined, {}, false, false],
  ["auto", { NO_COLOR: "1" }, true, false],
  ["auto", { NO_COLOR: "" }, true, true],
  ["auto", { TERM: "dumb" }, true, false],
  ["auto", { FORCE_COLOR: "1" }, false, true],
  ["auto", { FORCE_COLOR: "0" }, true, false],
  ["auto", { FORCE_COLOR: "1", NO_COLOR: "1" }, false, true],
  ["always", { NO_COLOR: "1", TERM: "dumb" }, false, true],
  ["never", { FORCE_COLOR: "1" }, true, false],
])("colorAllowed(%j, %j, terminal %p) is %p", (choice, environment, terminal, expected) => {
  expect(colorAllowed(choice, environment, terminal)).toBe(expected);
});
