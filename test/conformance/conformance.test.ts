/**
 * Each requirement of the OCI runtime specification 1.3.0 as a test of pidbox-oci and of runc. What a runtime does otherwise is in differences.ts: a
 * difference that is not listed fails, and so does a listed one that has gone. One case: `bun test ./test/conformance -t "runc: start-once"`.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { needsBeside, type Part } from "../parts.ts";
import { openPrograms, type RuntimeName } from "./bench.ts";
import type { Case } from "./case.ts";
import { CASES, CHAPTERS } from "./catalog.ts";
import { DIFFERENCES, wanted } from "./differences.ts";
import { observe } from "./observe.ts";

const PARTS: Readonly<Record<RuntimeName, readonly Part[]>> = { pidbox: ["root", "busybox"], runc: ["root", "busybox", "runc"] };

/** Cases that run at the same time: starts of containers wait for the disk and for RCU more than for a processor. */
const AT_ONCE = 3;

let programs: string | undefined;
afterAll(() => {
  if (programs !== undefined) rmSync(programs, { recursive: true, force: true });
});

let running = 0;
const waiting: (() => void)[] = [];

/** Runs `body` when fewer than AT_ONCE others run. */
async function inTurn<T>(body: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
  try {
    return await body();
  } finally {
    running--;
    waiting.shift()?.();
  }
}

async function look(runtime: RuntimeName, one: Case): Promise<unknown> {
  programs ??= openPrograms();
  const { seen, left } = await observe(one, runtime, programs);
  expect(left).toEqual([]);
  return seen;
}

describe.each(["pidbox", "runc"] as const)("%s", (runtime) => {
  for (const { title, cases } of CHAPTERS) {
    describe(title, () => {
      for (const one of cases) {
        needsBeside(...PARTS[runtime])(`${runtime}: ${one.id}: ${one.clause} ${one.level}: ${one.sentence}`, async () => {
          const seen = await inTurn(() => look(runtime, one));
          expect(seen).toEqual(wanted(one, runtime, seen));
        });
      }
    });
  }
});

describe("the catalog", () => {
  test("names each case once, with a clause and a sentence", () => {
    expect(new Set(CASES.map(({ id }) => id)).size).toBe(CASES.length);
    for (const one of CASES) {
      expect(one.clause).toMatch(/^(bundle|runtime|runtime-linux|config|config-linux|features|features-linux|glossary)\.md#[\w-]+$/);
      expect(one.sentence.length).toBeGreaterThan(10);
    }
  });

  test("lists differences of cases that exist, each once, none that is what is expected", () => {
    expect(new Set(DIFFERENCES.map(({ id }) => id)).size).toBe(DIFFERENCES.length);
    for (const { id, reason, pidbox = [], runc = [] } of DIFFERENCES) {
      const one = CASES.find((found) => found.id === id);
      expect({ id, known: one !== undefined, reason: reason.length > 5, some: pidbox.length + runc.length > 0 }).toEqual({
        id, known: true, reason: true, some: true,
      });
      for (const listed of [...pidbox, ...runc]) expect({ id, listed }).not.toEqual({ id, listed: one?.expected });
    }
  });
});
