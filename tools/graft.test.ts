/** The grafted beginning of an executable. */
import { expect, test } from "bun:test";
import { FRONT_ADDRESS, graft } from "./graft.ts";

const PLACEHOLDER = 0x1122334455667788n;

function executable(change: (view: DataView) => void = () => undefined): Uint8Array {
  const file = new Uint8Array(5000);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0x7f454c46, false);
  view.setUint8(4, 2);
  view.setUint8(5, 1);
  [[16, 2], [18, 62], [54, 56], [56, 2]].forEach(([at = 0, value = 0]) => view.setUint16(at, value, true));
  view.setBigUint64(24, 0x1234567n, true);
  view.setBigUint64(32, 64n, true);
  view.setUint32(64, 1, true);
  view.setBigUint64(64 + 16, 0x200000n, true);
  view.setUint32(120, 4, true);
  change(view);
  return file;
}

function code(places = 1): Uint8Array {
  const bytes = new Uint8Array(64);
  for (let i = 0; i < places; i++) new DataView(bytes.buffer).setBigUint64(3 + 16 * i, PLACEHOLDER, true);
  return bytes;
}

test("graft() makes the code the entry point and keeps the old one for it", () => {
  const grafted = graft(executable(), code());
  const view = new DataView(grafted.buffer);
  expect(view.getBigUint64(24, true)).toBe(FRONT_ADDRESS);
  // Type, offset, address, sizes of the header that was PT_NOTE.
  expect([view.getUint32(120, true), view.getUint32(124, true)]).toEqual([1, 5]);
  expect([8, 16, 32, 40].map((at) => view.getBigUint64(120 + at, true))).toEqual([8192n, FRONT_ADDRESS, 64n, 64n]);
  expect(view.getBigUint64(8192 + 3, true)).toBe(0x1234567n);
  expect(grafted.subarray(200, 5000)).toEqual(executable().subarray(200));
});

test("graft() refuses what it does not know", () => {
  const broken: readonly [Uint8Array, Uint8Array][] = [
    [new Uint8Array(10), code()], [executable((v) => v.setUint16(16, 3, true)), code()], [executable((v) => v.setUint16(18, 183, true)), code()],
    [executable((v) => v.setUint32(120, 1, true)), code()], [executable((v) => v.setBigUint64(80, 0x100000n, true)), code()],
    [executable(), code(0)], [executable(), code(2)], [executable(), new Uint8Array(0x50000)],
  ];
  for (const [program, front] of broken) expect(() => graft(program, front)).toThrow("graft: ");
});
