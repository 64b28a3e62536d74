/** Properties of the parsers of cgroup files: any text gives a value, and numbers come through exactly. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { parseIoStat } from "../../src/engine/cgroup-stats-io.ts";
import { PidboxError } from "../../src/base/error.ts";
import { parseDeviceList } from "../../src/plan/device-rules.ts";
import { expandSlice, parseScope } from "../../src/plan/systemd-unit.ts";
import * as values from "../../src/kernel/cgroup-values.ts";

const numRuns = process.env["PIDBOX_FUZZ"] === "smoke" ? 100 : 1000;
const line = fc.stringMatching(/^[a-z0-9_:.=, -]{0,40}$/);
const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.array(line, { maxLength: 20 }).map((lines) => lines.join("\n")));
const { parseColumns, parseDeviceCounters, parseFlatKeyed, parseInteger, parseNestedKeyed, parseNumberList, parsePressure, parseValue } = values;
const PARSERS = [
  parseColumns, parseDeviceList, parseDeviceCounters, parseFlatKeyed, parseInteger, parseIoStat, parseNestedKeyed, parseNumberList, parsePressure, parseValue,
];

for (const parse of PARSERS) {
  test(`${parse.name}() gives a value for any text`, () => {
    fc.assert(fc.property(anyText, (text) => void parse(text)), { numRuns });
  });
}

const counter = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test("every counter of 64 bits is read exactly", () => {
  fc.assert(fc.property(counter, (value) => {
    expect(String(parseInteger(String(value)))).toBe(String(value));
    expect(String(parseFlatKeyed(`a ${value}\n`).get("a"))).toBe(String(value));
    expect(String(parseColumns(`${value} 1 `)[0])).toBe(String(value));
    expect(String(parseDeviceCounters(`8:0 Read ${value}\n`)[0]?.value)).toBe(String(value));
  }), { numRuns });
});

test("parseNumberList() gives back any list of numbers", () => {
  const list = fc.uniqueArray(fc.nat({ max: 999 }), { minLength: 1, maxLength: 30 }).map((numbers) => numbers.toSorted((a, b) => a - b));
  fc.assert(fc.property(list, (numbers) => {
    // As the kernel prints it: neighbours become a range.
    const ranges = numbers.reduce<number[][]>((all, n) => {
      const last = all.at(-1);
      if (last !== undefined && last[1] === n - 1) last[1] = n;
      else all.push([n, n]);
      return all;
    }, []);
    expect(parseNumberList(`${ranges.map(([a, b]) => (a === b ? a : `${a}-${b}`)).join(",")}\n`)).toEqual(numbers);
  }), { numRuns });
});

test("parseScope() gives names that stay where they belong, or PidboxError, for any cgroupsPath", () => {
  const word = fc.stringMatching(/^[a-z./:\\@ -]{0,20}$/);
  const path = fc.oneof(fc.string({ unit: "binary" }), fc.tuple(word, word, word).map((parts) => parts.join(":")), word.map((name) => `${name}.slice:a:b`));
  fc.assert(fc.property(path, (cgroupsPath) => {
    try {
      const { slice, unit } = parseScope(cgroupsPath, "id", false);
      expect(`${expandSlice(slice)}/${unit}`.split("/").slice(1).every((part) => /^[A-Za-z0-9:_.\\@-]+\.(slice|scope)$/.test(part))).toBe(true);
    } catch (error) {
      expect(error).toBeInstanceOf(PidboxError);
    }
  }), { numRuns });
});
