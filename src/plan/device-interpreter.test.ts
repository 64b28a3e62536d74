import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { type DeviceRequest, runDeviceProgram } from "./device-interpreter.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.fromHex(hex.replaceAll(/\s/g, ""));
const rw: DeviceRequest = { type: "c", major: 1, minor: 3, access: 6 };

/** c 1:3 rwm and c *:* m, in the shape that runc and crun give their programs. */
const CRUN = bytes(`
  6112000000000000 54020000ffff0000 6113000000000000 7403000010000000 6114040000000000 6115080000000000
  5502040002000000 5504030001000000 5505020003000000 b400000001000000 9500000000000000
  bc31000000000000 5401000001000000 5d31020000000000 b400000001000000 9500000000000000
  b400000000000000 9500000000000000`);

/** What runc 1.1.5 attaches for its own default spec on cgroup v2, read back from Linux 6.18. */
const RUNC = bytes(`
  611200000000000054020000ffff000061130000000000007403000010000000611404000000000061150800000000005502050001000000bc31000000000000
  54010000010000005d31020000000000b40000000100000095000000000000005502050002000000bc3100000000000054010000010000005d31020000000000
  b4000000010000009500000000000000550204000200000055040300010000005505020003000000b40000000100000095000000000000005502040002000000
  55040300010000005505020005000000b4000000010000009500000000000000550204000200000055040300010000005505020007000000b400000001000000
  9500000000000000550204000200000055040300010000005505020008000000b400000001000000950000000000000055020400020000005504030001000000
  5505020009000000b4000000010000009500000000000000550204000200000055040300050000005505020000000000b4000000010000009500000000000000
  550204000200000055040300050000005505020002000000b40000000100000095000000000000005502040002000000550403000a00000055050200c8000000
  b400000001000000950000000000000055020300020000005504020088000000b4000000010000009500000000000000b4000000000000009500000000000000
`);

test("a program answers by type, number and access", () => {
  expect(runDeviceProgram(CRUN, rw)).toBe(1);
  expect(runDeviceProgram(CRUN, { ...rw, minor: 4 })).toBe(0);
  expect(runDeviceProgram(CRUN, { ...rw, minor: 4, access: 1 })).toBe(1);
  expect(runDeviceProgram(CRUN, { ...rw, type: "b", access: 1 })).toBe(1);
});

test("runc's program allows what every container has, and nodes to be made of anything", () => {
  const minors = (access: number): (number | undefined)[] => [3, 5, 7, 8, 9, 1, 11].map((minor) => runDeviceProgram(RUNC, { ...rw, minor, access }));
  expect(minors(6)).toEqual([1, 1, 1, 1, 1, 0, 0]);
  expect(minors(1)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  expect(runDeviceProgram(RUNC, { type: "c", major: 136, minor: 7, access: 6 })).toBe(1);
  expect(runDeviceProgram(RUNC, { type: "c", major: 10, minor: 200, access: 6 })).toBe(1);
  expect(runDeviceProgram(RUNC, { type: "b", major: 8, minor: 0, access: 2 })).toBe(0);
  expect(runDeviceProgram(RUNC, { type: "b", major: 8, minor: 0, access: 3 })).toBe(0);
});

test("loads of half words, the stack and 64 bits are understood", () => {
  // r2 = *(u16 *)(r1 + 0); *(u64 *)(r10 - 8) = r2; r0 = *(u64 *)(r10 - 8); exit
  expect(runDeviceProgram(bytes("6912000000000000 7b2af8ff00000000 79a0f8ff00000000 9500000000000000"), rw)).toBe(2);
  // r0 = 1 ll; exit
  expect(runDeviceProgram(bytes("1800000001000000 0000000000000000 9500000000000000"), rw)).toBe(1);
  // r2 = r1; r2 += 4; r0 = *(u32 *)(r2 + 0); exit
  expect(runDeviceProgram(bytes("bf12000000000000 0702000004000000 6120000000000000 9500000000000000"), rw)).toBe(1);
});

test("calls, maps, loops without end and memory elsewhere have no answer", () => {
  for (const hex of [
    "8500000001000000 9500000000000000", "1811000005000000 0000000000000000 b400000001000000 9500000000000000", "0500000000000000 0500feff00000000",
    "61120c0000000000 b400000001000000 9500000000000000", "9500000000000000", "b400000001000000", "0500ffff00000000", "",
  ]) expect(runDeviceProgram(bytes(hex), rw)).toBeUndefined();
});

test("any bytes end", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (program) => {
    const answer = runDeviceProgram(program, rw);
    expect(answer === undefined || Number.isInteger(answer)).toBe(true);
  }), { numRuns: process.env["PIDBOX_FUZZ"] === "smoke" ? 200 : 2000 });
});
