import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EVENT, eventHead, eventTail, filledHead, LONGEST_EVENT, parseEntry } from "./event.ts";
import type { JournalEntry } from "./event.ts";

const AT = 1_795_544_602_123_456_789n;
const lineOf = (entry: JournalEntry): string => filledHead(eventHead(entry.actions), entry.at, entry.code, entry.signal) + eventTail(entry);
const ENTRY: JournalEntry = { at: AT, code: 137, signal: 9, actions: ["die"], id: "ab".repeat(32), attributes: { name: "web", image: "host" } };

const entries: fc.Arbitrary<JournalEntry> = fc.record({
  at: fc.bigInt({ min: 0n, max: 10n ** 19n - 1n }), code: fc.nat(255), signal: fc.nat(64),
  actions: fc.array(fc.string({ unit: "binary", maxLength: 20 }), { maxLength: 3 }), id: fc.string(),
  attributes: fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), { noNullPrototype: true }),
});

describe("a line", () => {
  test("has its digits where the launcher puts them, and ends with its line end", () => {
    const line = lineOf(ENTRY);
    const digits = (at: number, count: number): string => line.slice(at, at + count);
    expect([digits(EVENT.time, 19), digits(EVENT.code, 3), digits(EVENT.signal, 3)]).toEqual([String(AT), "137", "009"]);
    expect(eventHead(["die"])).toStartWith('{"at":"0000000000000000000","code":"000","signal":"000"');
    expect(eventHead(["die"]).length).toBeGreaterThan(EVENT.head);
    expect(line).toEndWith('"attributes":{"name":"web","image":"host"}}\n');
    expect(JSON.parse(line)).toMatchObject({ actions: ["die"], id: ENTRY.id });
  });

  test("is read back, whatever its texts are, and is one line", () => {
    fc.assert(fc.property(entries, (entry) => {
      const line = lineOf(entry);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(parseEntry(line.slice(0, -1))).toEqual(entry);
    }));
  });

  test("leaves out the longest labels and cuts commands, so that it is no longer than a reader takes", () => {
    const attributes = { name: "web", small: "x", large: "\u0001".repeat(9000), huge: "é".repeat(70_000) };
    const line = lineOf({ ...ENTRY, actions: [`exec_start: ${"\u0001".repeat(50_000)}`], attributes });
    expect(parseEntry(line.trimEnd())?.attributes).toEqual({ name: "web", small: "x" });
    expect(new TextEncoder().encode(line).length).toBeLessThan(LONGEST_EVENT);
  });
});

describe("parseEntry()", () => {
  test.each([
    "", "x", "{}", "null", "[]", '{"at":"1"}', '{"at":1,"code":"0","signal":"0","actions":[],"id":"","attributes":{}}',
    lineOf(ENTRY).replace('"137"', '"x37"'), lineOf(ENTRY).replace(String(AT), `${AT}0`),
    lineOf(ENTRY).replace('["die"]', '"die"'), lineOf(ENTRY).replace('["die"]', "[1]"), lineOf(ENTRY).replace('"web"', "7"),
    lineOf(ENTRY).replace('{"name":"web","image":"host"}', '["web"]'), `\0\0${lineOf(ENTRY).slice(0, 60)}`,
  ])("takes %j for no entry", (text) => expect(parseEntry(text)).toBeUndefined());

  test("finds the entry behind one that was torn anywhere", () => {
    fc.assert(fc.property(entries, entries, fc.nat(), (torn, next, at) => {
      const [first, second] = [lineOf(torn).slice(0, -1), lineOf(next).slice(0, -1)];
      expect(parseEntry(first.slice(0, at % first.length) + second)).toEqual(next);
    }));
  });
});
