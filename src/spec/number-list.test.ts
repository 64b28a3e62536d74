import { expect, test } from "bun:test";
import { parseRanges, rangesOf } from "./number-list.ts";

test("parseRanges() reads numbers and ranges, and nothing else", () => {
  expect(parseRanges("0-2,7,999999")).toEqual([[0, 2], [7, 7], [999_999, 999_999]]);
  const others = ["", ",", "1,", "a", "1-", "-1", "3-1", "1-2-3", " 1", "1\n", "1000000", "0x1"];
  expect(others.filter((text) => parseRanges(text) !== undefined)).toEqual([]);
  expect(() => rangesOf("1-", "/linux/resources/cpu/cpus")).toThrow('Cannot use "1-": it is not numbers and ranges');
});
