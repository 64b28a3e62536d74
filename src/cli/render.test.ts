import { expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import { asPidboxError, renderError, renderOutcome } from "./render.ts";

test("renderOutcome() prints a list as one object a line", () => {
  expect(renderOutcome({ exit: 0, data: [{ a: 1 }, { a: 2 }], text: () => "text\n" }, "json")).toBe('{"a":1}\n{"a":2}\n');
});

test("renderOutcome() prints anything else as one document", () => {
  expect(renderOutcome({ exit: 0, data: { a: 1 } }, "json")).toBe('{\n  "a": 1\n}\n');
});

test("renderOutcome() prints text for people and calls it only then", () => {
  let calls = 0;
  const outcome = { exit: 0, data: 1, text: () => `${++calls}\n` };
  renderOutcome(outcome, "json");
  expect(calls).toBe(0);
  expect(renderOutcome(outcome, undefined)).toBe("1\n");
});

test("renderOutcome() prints nothing when there is nothing", () => {
  expect(renderOutcome({ exit: 0 }, "json")).toBe("");
  expect(renderOutcome({ exit: 0, data: [] }, "json")).toBe("");
});

test("renderError() has message, code and hint, each on its line and printable", () => {
  const error = new PidboxError("IO", "reading \u001b[2Jx failed\nagain", { hint: "try\u009b" });
  expect(renderError(error, undefined, false)).toBe("pidbox: reading \\x1b[2Jx failed\\nagain [IO]\n  hint: try\\x9b\n");
  expect(renderError(error, undefined, true)).toStartWith("\u001b[31mpidbox:\u001b[39m ");
});

test("renderError() is one JSON object with --format json", () => {
  const error = new PidboxError("IO", "m", { context: { path: "/x", errno: "ENOSPC" } });
  expect(JSON.parse(renderError(error, "json", true))).toEqual({ error: { code: "IO", message: "m", context: { path: "/x", errno: "ENOSPC" } } });
});

test("asPidboxError() makes a defect of what is not ours", () => {
  const error = asPidboxError(new TypeError("x is not a function"));
  expect([error.code, error.message]).toEqual(["DEFECT", "internal error: TypeError: x is not a function"]);
  expect(error.hint).toContain("render.test.ts");
  expect(asPidboxError("thrown text").message).toBe("internal error: thrown text");
});
