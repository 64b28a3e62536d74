import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isIP } from "node:net";
import { addressText, parseAddress } from "./ip-address.ts";

/** The text of what `text` says. */
const again = (text: string): string | undefined => {
  const bytes = parseAddress(text);
  return bytes === undefined ? undefined : addressText(bytes);
};

/** The same by the URL parser, which has another implementation of both. */
const oracle = (text: string): string => (text.includes(":") ? new URL(`http://[${text}]`).hostname.slice(1, -1) : new URL(`http://${text}`).hostname);

describe("parseAddress()", () => {
  test.each([
    ["127.0.0.1", [127, 0, 0, 1]], ["0.0.0.0", [0, 0, 0, 0]], ["255.255.255.255", [255, 255, 255, 255]],
    ["::", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], ["::1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ["2001:db8::8:800:200c:417a", [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 8, 8, 0, 0x20, 0x0c, 0x41, 0x7a]],
    ["::ffff:192.0.2.1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]], ["1::", [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ])("reads %s", (text, bytes) => expect([...(parseAddress(text) ?? [])]).toEqual(bytes));

  test.each([
    "", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", "0x7f.0.0.1", "localhost", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8", "fe80::1%eth0", "12345::", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "[::1]", "g::", "1:2:3:4:5:6:7:1.2.3.4",
  ])("refuses %p", (text) => expect(parseAddress(text)).toBeUndefined());

  test("takes what node:net takes, and nothing else", () => {
    const part = fc.constantFrom("0", "1", "ff", "00ff", "12345", "256", "255", "01", "::", ":", ".", "1.2.3.4", "%a", "g", "");
    const parts = fc.oneof(fc.array(part, { maxLength: 17 }).map((list) => list.join(":")), fc.array(part).map((list) => list.join("")));
    fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), parts), (text) => {
      expect(parseAddress(text) !== undefined).toBe(isIP(text) !== 0 && !text.includes("%"));
    }), { numRuns: 1000 });
  });
});

describe("addressText()", () => {
  test("is the one text of an address, as the URL standard has it", () => {
    const group = fc.oneof(fc.constant(0), fc.nat(0xffff));
    const six = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => Uint8Array.from(groups.flatMap((one) => [one >> 8, one & 255])));
    const bytes = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), six);
    fc.assert(fc.property(bytes, (address) => {
      const text = addressText(address);
      expect(parseAddress(text)).toEqual(address);
      expect(text).toBe(oracle(text));
    }), { numRuns: 1000 });
    expect(["0:0:0:0:0:0:0:1", "2001:DB8:0:0:1:0:0:1", "1:0:2:3:4:5:6:7"].map(again)).toEqual(["::1", "2001:db8::1:0:0:1", "1:0:2:3:4:5:6:7"]);
  });
});
