import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { addAddress, findLink, linkState, listAddresses, moveLink, RTM } from "../plan/netlink.ts";
import { keptAddress, parseAttributes, parseMessages, readAddresses, readLinkIndex } from "./netlink.ts";

/** A message of the kernel about an address of interface 3. */
function addressMessage(flags: readonly number[], scope = 0, low = 0x80): Uint8Array {
  const bytes = addAddress({
    family: 2, prefix: 24, scope,
    attributes: [
      { type: 1, value: [10, 0, 0, 1] }, { type: 2, value: [10, 0, 0, 1] }, { type: 3, value: [...Buffer.from("eth0\0")] }, { type: 8, value: flags },
      { type: 6, value: Array.from({ length: 16 }, () => 255) },
    ],
  });
  bytes[18] = low;
  bytes[20] = 3;
  return bytes;
}

const first = (bytes: Uint8Array): Parameters<typeof keptAddress>[0] => parseMessages(bytes)[0] ?? { type: 0, body: new Uint8Array() };

describe("netlink", () => {
  test("keptAddress() takes permanent global addresses of the interface, without what is the kernel's own", () => {
    expect(keptAddress(first(addressMessage([0x80, 0x02, 0, 0])), 3)).toEqual({
      family: 2, prefix: 24, scope: 0, attributes: [{ type: 1, value: [10, 0, 0, 1] }, { type: 2, value: [10, 0, 0, 1] }, { type: 8, value: [0, 2, 0, 0] }],
    });
    expect(keptAddress(first(addressMessage([0x80, 0, 0, 0])), 4)).toBeUndefined();
    expect(keptAddress(first(addressMessage([0, 0, 0, 0])), 3)).toBeUndefined();
    expect(keptAddress(first(addressMessage([0x80, 0, 0, 0], 253)), 3)).toBeUndefined();
    expect(keptAddress(first(linkState(3, true)), 3)).toBeUndefined();
  });

  test("messages say what they are made for", () => {
    const { bytes, namespaceAt } = moveLink(7, "eth0");
    const move = first(bytes);
    expect([move.type, new DataView(move.body.buffer, move.body.byteOffset).getInt32(4, true)]).toEqual([RTM.NEWLINK, 7]);
    expect(parseAttributes(move.body, 16)).toEqual([{ type: 28, value: [0, 0, 0, 0] }, { type: 3, value: [...Buffer.from("eth0\0")] }]);
    bytes[namespaceAt] = 42;
    expect(parseAttributes(first(bytes).body, 16)[0]?.value).toEqual([42, 0, 0, 0]);
    for (const one of [linkState(1, false), findLink("lo"), listAddresses(), bytes]) expect([one.length % 4, parseMessages(one).length]).toEqual([0, 1]);
  });

  test("the parsers are total, and give nothing from outside of the bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 64 }), (bytes, skip) => {
      const messages = parseMessages(bytes);
      expect(messages.reduce((sum, { body }) => sum + 16 + body.length, 0)).toBeLessThanOrEqual(bytes.length);
      const attributes = parseAttributes(bytes, skip);
      expect(attributes.reduce((sum, { value }) => sum + 4 + value.length, 0)).toBeLessThanOrEqual(Math.max(bytes.length - skip, 0));
      for (const message of messages) keptAddress(message, 1);
    }));
  });

  test("the kernel knows the loopback interface, and no other of a name that nobody has", () => {
    const index = readLinkIndex("lo");
    expect(index).toBe(1);
    expect(readAddresses(index)).toBeArray();
    expect(readLinkIndex("nothing-here")).toBe(-19);
  });
});
