import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "../base/error.ts";
import { parseTimestamp, parseWhen } from "./when.ts";

const NOW = Date.UTC(2026, 10, 24, 14, 0, 0);
const at = (text: string): bigint => BigInt(Date.parse(text)) * 1_000_000n;

describe("parseWhen()", () => {
  test.each([
    ["2026-11-24T13:59:00Z", at("2026-11-24T13:59:00Z")], ["2026-11-24T13:59:00.123456789Z", at("2026-11-24T13:59:00Z") + 123_456_789n],
    ["2026-11-24T13:59:00+02:00", at("2026-11-24T11:59:00Z")], ["2026-11-24T13:59Z", at("2026-11-24T13:59:00Z")], ["2026-11-24Z", undefined],
    ["2026-11-24T13:59:00", at("2026-11-24T13:59:00")], ["2026-11-24", at("2026-11-24T00:00:00")], ["1795528740", 1_795_528_740_000_000_000n],
    ["1795528740.5", 1_795_528_740_500_000_000n], ["10m", at("2026-11-24T13:50:00Z")], ["1h30m", at("2026-11-24T12:30:00Z")], ["1.5s", at("2026-11-24T13:59:58.500Z")],
    ["300ms", at("2026-11-24T13:59:59.700Z")], ["-1m", at("2026-11-24T14:01:00Z")], ["0s", at("2026-11-24T14:00:00Z")],
    ["", undefined], ["yesterday", undefined], ["2026-13-01", undefined], ["10", 10_000_000_000n], ["10x", undefined], ["m", undefined], ["1m ", undefined],
  ] as const)("%s", (text, wanted) => {
    if (wanted !== undefined) expect(parseWhen(text, NOW, "--since")).toBe(wanted);
    else expect(() => parseWhen(text, NOW, "--since")).toThrow(PidboxError);
  });

  test("gives a number or its own error for any text", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9hmsZT:.+-]{0,40}$/)), (text) => {
      try {
        return typeof parseWhen(text, NOW, "--since") === "bigint";
      } catch (error) {
        return error instanceof PidboxError && error.code === "USAGE";
      }
    }));
  });
});

describe("parseTimestamp()", () => {
  test("takes times of logs, and none without a zone", () => {
    expect(parseTimestamp("2026-11-24T14:27:17.123456789+00:00")).toBe(at("2026-11-24T14:27:17Z") + 123_456_789n);
    expect(parseTimestamp("2026-11-24T14:27:17Z")).toBe(at("2026-11-24T14:27:17Z"));
    for (const text of ["", "2026-11-24T14:27:17", "x", "2026-11-24T14:27:17.1234567891Z"]) expect(parseTimestamp(text)).toBeUndefined();
  });
});
