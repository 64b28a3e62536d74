import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "../base/error.ts";
import { cellAt, decodePlan, textAt } from "./decode.ts";
import type { Argument, DecodedOp } from "./decode.ts";
import { argumentValue, DATA_BASE, FLAG, OP, PLAN, register, REGISTER_BASE } from "./op.ts";
import { PlanWriter } from "./writer.ts";

/** What decodePlan() must say of an argument that the writer was given. */
function argumentOf(value: number): Argument {
  const kind = value >= DATA_BASE ? "data" : value >= REGISTER_BASE ? "register" : "immediate";
  return { kind, value: argumentValue(value) };
}

function codeOf(run: () => void): string {
  try {
    run();
    return "none";
  } catch (error) {
    return error instanceof PidboxError ? error.code : "other";
  }
}

const immediate = fc.oneof(
  fc.constantFrom(0, 1, -1, -100, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 49, -(2 ** 31), -(2 ** 40)), fc.integer(),
  fc.integer({ min: -(2 ** 48), max: 2 ** 48 }),
);
const argument = fc.oneof({ weight: 3, arbitrary: immediate }, fc.nat(255).map(register), fc.nat(2 ** 26).map((at) => DATA_BASE + at));
const op = fc.record({
  nr: fc.nat(65535), args: fc.tuple(argument, argument, argument, argument, argument, argument), result: fc.nat(255), flags: fc.nat(31),
  tolerated: fc.array(fc.integer({ min: 1, max: 4095 }), { maxLength: 2 }), from: fc.constantFrom("/mounts/3", "--memory", "supervisor", "Ä→", ""),
});

describe("PlanWriter", () => {
  test("writes ops that decode to the same, whatever they are", () => {
    fc.assert(fc.property(fc.array(op, { maxLength: 40 }), fc.nat(1000), (ops, fault) => {
      const w = new PlanWriter();
      for (const { nr, args, result, flags, tolerated, from } of ops) {
        w.from(from).call(nr, ...args).into(register(result)).flags(flags).tolerate(tolerated[0] ?? 0, tolerated[1] ?? 0);
      }
      const bytes = w.exit(3).finish(ops.length, fault);
      const plan = decodePlan(bytes);
      expect(plan.onFailure).toBe(ops.length);
      expect(new DataView(bytes.buffer).getUint32(40, true)).toBe(fault);
      const expected: Omit<DecodedOp, "index">[] = ops.map(({ nr, args, result, flags, tolerated, from }) => ({
        code: "SYSCALL", nr, args: args.map(argumentOf), result, flags, tolerated, from,
      }));
      expect(plan.ops.slice(0, -1)).toEqual(expected.map((one, index) => ({ index, ...one })));
      expect(plan.ops.at(-1)).toMatchObject({
        code: "EXIT", args: [{ kind: "immediate", value: 3 }, ...Array.from({ length: 5 }, () => ({ kind: "immediate", value: 0 }))],
      });
    }), { numRuns: 300 });
  });

  test("writes data that reads back the same, each block at a multiple of eight and apart from the others", () => {
    const block = fc.oneof(
      fc.record({ kind: fc.constant("text" as const), value: fc.string({ unit: "binary", maxLength: 300 }).map((text) => text.replaceAll("\0", "")) }),
      fc.record({ kind: fc.constant("bytes" as const), value: fc.uint8Array({ maxLength: 300 }) }),
      fc.record({ kind: fc.constant("cells" as const), value: fc.array(immediate, { maxLength: 20 }) }),
      fc.record({ kind: fc.constant("room" as const), value: fc.nat(70_000) }),
    );
    fc.assert(fc.property(fc.array(block, { maxLength: 20 }), (blocks) => {
      const w = new PlanWriter();
      const placed = blocks.map((one) => {
        const at = ((): number => {
          if (one.kind === "text") return w.text(one.value);
          if (one.kind === "bytes") return w.bytes(one.value);
          return one.kind === "cells" ? w.cells(...one.value) : w.room(one.value);
        })();
        return { ...one, at: argumentValue(at) };
      });
      const plan = decodePlan(w.exit(0).finish(0));
      for (const one of placed) {
        expect(one.at % 8).toBe(0);
        if (one.kind === "text") expect(textAt(plan, one.at)).toBe(new TextDecoder().decode(new TextEncoder().encode(one.value)));
        if (one.kind === "bytes") expect(plan.data.subarray(one.at, one.at + one.value.length)).toEqual(one.value);
        if (one.kind === "cells") expect(one.value.map((_, i) => cellAt(plan, one.at + 8 * i))).toEqual(one.value.map((value) => value + 0));
        if (one.kind === "room") expect(plan.data.subarray(one.at, one.at + one.value).every((byte) => byte === 0)).toBe(true);
      }
      expect(plan.data.subarray(-8)).toEqual(new Uint8Array(8));
    }), { numRuns: 200 });
  });

  test("notes each pointer in the data, and nothing else, for relocation", () => {
    const w = new PlanWriter();
    const list = w.texts(["one", "two"]);
    w.cells(1, register(9), 0);
    const bytes = w.exit(0).finish(0);
    const view = new DataView(bytes.buffer);
    const [offset, count] = [view.getUint32(20, true), view.getUint32(24, true)];
    const noted = Array.from({ length: count }, (_, i) => view.getUint32(offset + 4 * i, true));
    expect(noted).toEqual([argumentValue(list), argumentValue(list) + 8]);
    const plan = decodePlan(bytes);
    expect(noted.map((at) => textAt(plan, cellAt(plan, at)))).toEqual(["one", "two"]);
  });

  test("writes every kind of op as its method says", () => {
    const w = new PlanWriter();
    const [a, there, child] = [w.register(), w.label(), w.label()];
    w.jump(there).jumpError(there, a).jumpSet(there, a).expect(a, 7, { mask: 255, differs: true }).expect(a, 1).load(a, w.room(8), 4).store(w.room(8), a, 2);
    w.decimal(w.room(24), a).bits(157, 6, 24, 1, 2, 3).clone(w.room(88), 88, child, 3, a).place(there).each([w.text("x")], (pointer) => w.call(3, pointer));
    w.execute(w.texts(["/a"]), w.texts([]), w.texts([])).supervise(a, a, a, a, a, w.room(104)).place(child).init(a, a);
    w.copy(a, a).same(w.text("p"), w.text("q"), 2).tell("/e", "head", "tail", 1).exit(125);
    const plan = decodePlan(w.finish(0));
    const [jump, error, set, differs, equals, load, store, decimal, bits, clone, each, body, execute, supervise, init, copy, same, tell, exit] = plan.ops;
    expect(plan.ops.map((one) => one.code)).toEqual([
      "JUMP", "JUMP_ERROR", "JUMP_SET", "EXPECT", "EXPECT", "LOAD", "STORE", "DECIMAL", "BITS",
      "CLONE", "EACH", "SYSCALL", "EXECUTE", "SUPERVISE", "INIT", "COPY", "SAME", "TELL", "EXIT",
    ]);
    for (const one of [jump, error, set]) expect(one?.args[0]).toEqual({ kind: "immediate", value: each?.index ?? -1 });
    expect([differs?.flags, differs?.args[1]?.value, equals?.flags, equals?.args[1]?.value]).toEqual([FLAG.NOT, 255, 0, -1]);
    expect([load?.result, load?.args[1]?.value, store?.args[2]?.value, decimal?.args[0]?.kind]).toEqual([argumentValue(a), 4, 2, "data"]);
    expect([bits?.nr, bits?.args.map(({ value }) => value)]).toEqual([157, [6, 24, 1, 2, 3, 0]]);
    expect([clone?.args[2]?.value, clone?.args[3]?.value]).toEqual([init?.index, 3]);
    expect([each?.args[1]?.value, each?.args[2]?.value, body?.args[0]]).toEqual([1, execute?.index, { kind: "register", value: each?.result ?? 0 }]);
    expect([execute?.args[0]?.kind, supervise?.args[5]?.kind, exit?.args[0]?.value]).toEqual(["data", "data", 125]);
    expect(copy?.args.slice(0, 2).map(({ kind }) => kind)).toEqual(["register", "register"]);
    expect(tell?.args.map(({ kind, value }) => (kind === "data" ? textAt(plan, value) : value))).toEqual(["/e", "head", 4, 1, "tail", 4]);
    expect(same?.args.slice(0, 3).map(({ kind }) => kind)).toEqual(["data", "data", "immediate"]);
  });

  test("gives registers that are apart until they are released, 248 at most", () => {
    const w = new PlanWriter();
    const all = Array.from({ length: 248 }, () => w.register());
    expect(new Set(all).size).toBe(248);
    expect(all.map(argumentValue).every((n) => n >= 8 && n <= 255)).toBe(true);
    expect(codeOf(() => w.register())).toBe("CONFIG_INVALID");
    w.close(all[3] ?? 0);
    expect(w.register()).toBe(all[3] ?? 0);
  });

  test("refuses jumps backwards and more ops than the launcher takes", () => {
    const w = new PlanWriter();
    const here = w.label();
    w.place(here).exit(0);
    expect(codeOf(() => w.jump(here))).toBe("DEFECT");
    const full = new PlanWriter();
    for (let i = 0; i < PLAN.maxOps; i++) full.exit(0);
    expect(codeOf(() => full.exit(0))).toBe("CONFIG_INVALID");
    expect(decodePlan(full.finish(0)).ops).toHaveLength(PLAN.maxOps);
    expect(full.position).toBe(PLAN.maxOps);
    expect(Object.keys(OP)).toHaveLength(22);
  });
});
