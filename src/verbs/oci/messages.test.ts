import { describe, expect, test } from "bun:test";
import { PidboxError } from "../../base/error.ts";
import type { ErrorCode, ErrorContext } from "../../base/error.ts";
import { engineMessage, errnoWords } from "./messages.ts";

const UNABLE = "unable to start container process: exec: ";

function message(code: ErrorCode, text: string, context: ErrorContext = {}, hint?: string): string {
  return engineMessage(new PidboxError(code, text, hint === undefined ? { context } : { context, hint }));
}

describe("engineMessage() speaks as engines expect", () => {
  test("of a program that is not in PATH", () => {
    const text = message("COMMAND_NOT_FOUND", "Cannot run", { path: "nope", errno: "ENOENT" });
    expect(text).toBe(`${UNABLE}"nope": executable file not found in $PATH`);
  });
  test("of a path that is not there", () => {
    const text = message("COMMAND_NOT_FOUND", "Cannot run", { path: "/bin/nope" });
    expect(text).toBe(`${UNABLE}"/bin/nope": stat /bin/nope: no such file or directory`);
  });
  test.each([
    ["EACCES", "permission denied"], ["ENOEXEC", "exec format error"], ["EISDIR", "is a directory"], [undefined, "permission denied"],
  ])("of a program that fails with %s", (errno, words) => {
    const context = errno === undefined ? { path: "/x" } : { path: "/x", errno };
    expect(message("COMMAND_NOT_EXECUTABLE", "Cannot run", context)).toBe(`${UNABLE}"/x": ${words}`);
  });
  test("of an errno, in Go's words, once", () => {
    expect(message("IO", 'Cannot open "/a": ENOENT', { errno: "ENOENT" })).toBe('Cannot open "/a": no such file or directory');
    expect(message("PERMISSION", "refused", { errno: "EPERM" })).toBe("refused: operation not permitted");
    expect(message("IO", "x: permission denied", { errno: "EACCES" })).toBe("x: permission denied");
    expect(message("IO", "x", { errno: "errno 999" })).toBe("x");
  });
  test("of a working directory that cannot be entered", () => {
    const text = message("LAUNCH_FAILED", "Cannot build", { from: "/process/cwd", path: "/no/such", errno: "ENOENT" }, "not a directory");
    expect(text).toBe('unable to start container process: chdir to cwd ("/no/such") set in config.json failed: no such file or directory');
  });
  test("with the hint behind", () => {
    expect(message("HOST_UNSUPPORTED", "no", {}, "do this")).toBe("no (do this)");
  });
  test("and lets nothing through to a terminal", () => {
    expect(message("IO", "a\u001b[31m\nb")).toBe("a\\x1b[31m\\nb");
    expect(message("COMMAND_NOT_FOUND", "x", { path: "/\u001b\n" })).not.toMatch(/[\u0000-\u001f]/);
  });
});

test("errnoWords() are Go's", () => {
  expect(["ENOENT", "EPERM", "EACCES", "ESRCH", "EISDIR", "ENOTDIR", "EIO", "EBUSY", "nonsense"].map(errnoWords)).toEqual([
    "no such file or directory", "operation not permitted", "permission denied", "no such process", "is a directory", "not a directory", "input/output error",
    "device or resource busy", undefined,
  ]);
});
