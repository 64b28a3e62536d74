import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "../base/error.ts";
import { F, MFD } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { close } from "../kernel/file.ts";
import { PlanWriter } from "../plan/writer.ts";
import { createImageFile, launcherImage, planInImage } from "./launch.ts";

const PLAN = new PlanWriter().exit(0).finish(0);

describe("launcherImage()", () => {
  test("holds the plan, which planInImage() finds again", () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 9000 }), (plan) => expect(planInImage(launcherImage(plan))).toEqual(plan)), { numRuns: 50 });
  });

  test("maps exactly the plan, at its own address, readable and writable but not executable", () => {
    const view = new DataView(launcherImage(PLAN).buffer);
    const segments = Array.from({ length: view.getUint16(56, true) }, (_, i) => Number(view.getBigUint64(32, true)) + 56 * i);
    const at = segments.find((segment) => view.getBigUint64(segment + 16, true) === 0x10000000n) ?? 0;
    expect([32, 40].map((field) => Number(view.getBigUint64(at + field, true)))).toEqual([PLAN.length, PLAN.length]);
    expect([view.getUint32(at, true), view.getUint32(at + 4, true)]).toEqual([1, 6]);
    expect(Number(view.getBigUint64(at + 8, true)) % 4096).toBe(0);
  });

  test("has no section table, for it would lie in the plan", () => {
    const view = new DataView(launcherImage(PLAN).buffer);
    expect([view.getBigUint64(40, true), view.getUint16(60, true)]).toEqual([0n, 0]);
  });
});

describe("planInImage()", () => {
  test("gives PARSE for what is no image of ours, whatever it is", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        planInImage(bytes);
      } catch (error) {
        if (!(error instanceof PidboxError && error.code === "PARSE")) throw error;
      }
    }), { numRuns: 500 });
    for (const length of [0, 63, 64, 100]) expect(() => planInImage(launcherImage(PLAN).slice(0, length))).toThrow(PidboxError);
  });
});

describe("createImageFile()", () => {
  test("gives a file in memory that can be sealed and is not kept open by a program that is started", () => {
    const fd = createImageFile();
    expect(fd).toBeGreaterThan(2);
    expect(syscall(SYSCALLS.fcntl, fd, F.ADD_SEALS, F.SEAL_ALL)).toBe(0);
    expect(syscall(SYSCALLS.write, fd, 0, 0)).toBeLessThanOrEqual(0);
    expect(MFD.ALLOW_SEALING).toBe(2);
    close(fd);
  });
});
