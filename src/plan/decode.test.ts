import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "../base/error.ts";
import { doScene, HYBRID } from "../../test/fixtures/plan/scenes.ts";
import { compile } from "./compile.ts";
import { cellAt, decodePlan, textAt } from "./decode.ts";
import { explain, explainData } from "./explain.ts";
import { failureError } from "./failure.ts";
import { PLAN } from "./op.ts";
import { PlanWriter } from "./writer.ts";

const WHOLE = compile(doScene(), HYBRID, { self: 3 });

/** decodePlan() and all that reads its result: a value, or PARSE. */
function readAll(bytes: Uint8Array): "PARSE" | "read" {
  try {
    const plan = decodePlan(bytes);
    explain(plan);
    explainData(plan);
    for (const op of plan.ops) failureError(plan, { op: op.index, error: 2, value: 1 });
    return "read";
  } catch (error) {
    if (error instanceof PidboxError && error.code === "PARSE") return "PARSE";
    throw error;
  }
}

describe("decodePlan()", () => {
  test("gives a plan or PARSE for any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void readAll(bytes)), { numRuns: 300 });
  });

  test("gives a plan or PARSE for a damaged plan, and so do explain() and failureError()", () => {
    const small = new PlanWriter();
    const end = small.label();
    small.from("x").each([small.text("one"), small.text("two")], (pointer) => small.call(437, -100, pointer, small.cells(1, 0, 2), 24).into(small.register()));
    small.call(257, -100, small.text("/a"), 1).tolerate(2).call(442, 3, small.text(""), 0, small.cells(1, 2, 3, 4), 32).clone(small.cells(1), 88, end, 3, 4);
    small.execute(small.texts(["/x", "/y"]), small.texts(["a"]), small.texts([])).place(end).exit(125);
    const bytes = small.finish(0);
    const word = fc.oneof(fc.constantFrom(0, 1, 8, 0x7fffffff, 0x80000000, 0xffffffff), fc.integer({ min: 0, max: 0xffffffff }));
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(bytes.length / 4 - 1), word), { minLength: 1, maxLength: 6 }), (damage) => {
      const copy = bytes.slice();
      const view = new DataView(copy.buffer);
      for (const [at, value] of damage) view.setUint32(4 * at, value, true);
      readAll(copy);
    }), { numRuns: 1000 });
  });

  test("refuses a plan that is cut off anywhere in its ops or data", () => {
    for (const length of [0, 1, PLAN.headerSize - 1, PLAN.headerSize, PLAN.headerSize + 63, WHOLE.length - 1]) {
      expect(readAll(WHOLE.slice(0, length))).toBe("PARSE");
    }
    expect(readAll(WHOLE)).toBe("read");
  });
});

describe("textAt() and cellAt()", () => {
  const plan = { data: new TextEncoder().encode("ab\0cdefgh") };

  test("stop at the NUL, at the limit and at the end", () => {
    expect([textAt(plan, 0), textAt(plan, 3), textAt(plan, 3, 2), textAt(plan, 99)]).toEqual(["ab", "cdefgh", "cd", ""]);
  });

  test("give nothing for what lies outside", () => {
    expect([cellAt(plan, -1), cellAt(plan, 2), cellAt(plan, 2 ** 40), cellAt(plan, 0.5), textAt(plan, -3)]).toEqual([0, 0, 0, 0, ""]);
    expect(cellAt({ data: Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255) }, 0)).toBe(-1);
  });
});
