import { describe, expect, test } from "bun:test";
import { socketAddress } from "../plan/publishing.ts";
import { parsePorts } from "./published-ports.ts";

const [four, six] = [{ address: "127.0.0.1", hostPort: 0, port: 80 }, { address: "::1", hostPort: 8443, port: 443 }];

/** The file that a plan writes of these. */
function records(ports: readonly { address: string; hostPort: number; port: number }[]): Uint8Array {
  const bytes = new Uint8Array(32 * ports.length);
  ports.forEach((one, i) => bytes.set(socketAddress(one), 32 * i));
  return bytes;
}

describe("parsePorts()", () => {
  test("fills in what the kernel has chosen", () => {
    expect(parsePorts(records([{ ...four, hostPort: 49153 }, six]), [four, six])).toEqual([{ ...four, hostPort: 49153 }, six]);
  });

  test("knows nothing of a file that is cut off, longer, not yet filled, or of other ports", () => {
    const whole = records([{ ...four, hostPort: 49153 }, six]);
    const others = [records([four, six]), records([{ ...four, hostPort: 1 }, { ...six, hostPort: 8444 }])];
    const files = [new Uint8Array(0), whole.subarray(0, 63), new Uint8Array([...whole, 0]), ...others];
    for (const file of files) expect(parsePorts(file, [four, six])).toBeUndefined();
  });
});

describe("socketAddress()", () => {
  test("is the struct that bind(2) takes", () => {
    expect([...socketAddress({ ...four, hostPort: 0x1234 })]).toEqual([2, 0, 0x12, 0x34, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(socketAddress(six).toHex()).toBe(`0a0020fb${"00".repeat(19)}01${"00".repeat(4)}`);
  });
});
