import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "../base/error.ts";
import { parseDetachKeys } from "./detach-keys.ts";

describe("parseDetachKeys()", () => {
  test.each([
    ["ctrl-p,ctrl-q", [16, 17]], ["ctrl-@", [0]], ["ctrl-[", [27]], ["CTRL-\\,ctrl-],ctrl-^,ctrl-_", [28, 29, 30, 31]], ["a,~", [97, 126]], ["", []], ["ctrl-a,b", [1, 98]],
  ] as const)("%s", (text, keys) => expect([...parseDetachKeys(text)]).toEqual([...keys]));
  test.each(["ctrl-", "ctrl-1", "ab", "ctrl-p,", ",", " ", "é", "ctrl-p ctrl-q", Array(17).fill("a").join(",")])("refuses %j", (text) => {
    expect(() => parseDetachKeys(text)).toThrow(PidboxError);
  });
  test("gives at most 16 keys or its own error for any text", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.array(fc.constantFrom("a", "ctrl-a", "ctrl-", "")).map((keys) => keys.join(","))), (text) => {
      try {
        return parseDetachKeys(text).length <= 16;
      } catch (error) {
        return error instanceof PidboxError && error.code === "USAGE";
      }
    }));
  });
});
