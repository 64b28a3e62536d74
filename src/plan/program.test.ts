import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { doScene, HYBRID, ROOTLESS, runScene, UNIFIED, withConfig } from "../../test/fixtures/plan/scenes.ts";
import { compile, compileBody } from "./compile.ts";
import { cellAt, decodePlan, textAt } from "./decode.ts";
import type { DecodedPlan } from "./decode.ts";
import { addProgram, addRoom, programOf, programPaths, RELOCATION_COUNT_AT } from "./program.ts";
import { PlanWriter } from "./writer.ts";

function list(plan: DecodedPlan, at: number): string[] {
  const texts: string[] = [];
  for (let cell = at; cellAt(plan, cell) !== 0; cell += 8) texts.push(textAt(plan, cellAt(plan, cell), 1 << 20));
  return texts;
}

function programIn(bytes: Uint8Array): string[][] {
  const plan = decodePlan(bytes);
  const op = plan.ops.findLast((one) => one.code === "EXECUTE");
  return [0, 1, 2].map((i) => list(plan, op?.args[i]?.value ?? 0));
}

const texts = fc.array(fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", "?").toWellFormed()), { maxLength: 6 });

describe("programPaths()", () => {
  test("looks in the container's PATH, an empty entry being the working directory", () => {
    expect(programPaths("sh", ["A=b", "PATH=/x::/y/"])).toEqual(["/x/sh", "./sh", "/y//sh"]);
    expect(programPaths("sh", [])).toContain("/usr/bin/sh");
    expect(programPaths("sh", ["XPATH=/no"])).toContain("/bin/sh");
  });
  test("takes a path as it is", () => {
    expect([programPaths("./a", ["PATH=/x"]), programPaths("/b", []), programPaths("c/d", [])]).toEqual([["./a"], ["/b"], ["c/d"]]);
  });
});

describe("addProgram()", () => {
  test("puts any program where EXECUTE finds it, and leaves all other ops and data as they were", () => {
    for (const [scene, facts] of [[doScene(), HYBRID], [runScene(), UNIFIED]] as const) {
      const body = compileBody(scene, facts, { self: 3 });
      const before = decodePlan(body.bytes);
      fc.assert(fc.property(texts, texts, texts, (paths, args, env) => {
        const bytes = addProgram(body, { paths, args, env });
        const plan = decodePlan(bytes);
        expect(programIn(bytes)).toEqual([paths, args, env]);
        expect(plan.ops.filter((op) => op.index !== body.programOp)).toEqual(before.ops.filter((op) => op.index !== body.programOp));
        expect(plan.data.subarray(0, before.data.length)).toEqual(before.data);
        expect(plan.data.subarray(-8)).toEqual(new Uint8Array(8));
        expect(new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true)).toBe(bytes.length);
      }), { numRuns: 100 });
    }
  });

  test("notes each pointer for relocation, after those of the body", () => {
    const body = compileBody(doScene(), HYBRID, { self: 3 });
    const bytes = addProgram(body, { paths: ["/a", "/b"], args: ["a"], env: ["A=1"] });
    const noted = (plan: Uint8Array): number[] => {
      const view = new DataView(plan.buffer, plan.byteOffset);
      return Array.from({ length: view.getUint32(24, true) }, (_, i) => view.getUint32(view.getUint32(20, true) + 4 * i, true));
    };
    const size = decodePlan(body.bytes).data.length;
    expect(noted(bytes)).toEqual([...noted(body.bytes), size, size + 8, size + 24, size + 40]);
  });

  test("adds nothing to a plan that executes nothing", () => {
    const bytes = new PlanWriter().exit(0).finish(0);
    expect(addProgram({ bytes, programOp: -1 }, { paths: ["/a"], args: ["a"], env: [] })).toEqual(bytes);
  });
});

describe("compileBody()", () => {
  test("is the same whatever the program is, and compile() is it with the program", () => {
    fc.assert(fc.property(texts, texts, fc.constantFrom(HYBRID, UNIFIED, ROOTLESS), (args, env, facts) => {
      const scene = withConfig(runScene(), { process: { args, env } });
      const body = compileBody(scene, facts, { self: 3 });
      expect(body).toEqual(compileBody(runScene(), facts, { self: 3 }));
      expect(compile(scene, facts, { self: 3 })).toEqual(addProgram(body, programOf(scene.config.process)));
    }), { numRuns: 30 });
  });

  test("names the cgroups that the plan makes", () => {
    const { cgroups } = compileBody(doScene(), HYBRID, { self: 3 });
    expect(cgroups).toContain(`/sys/fs/cgroup/memory/pidbox/${doScene().id}`);
    expect(compileBody({ ...doScene(), degraded: ["cgroups"] }, { ...HYBRID, cgroups: [] }, { self: 3 }).cgroups).toEqual([]);
  });
});

describe("addRoom()", () => {
  test("gives a plan that a program fits into, and that finds none until then", () => {
    const body = compileBody(runScene(), UNIFIED, { self: 3 });
    const spare = { paths: 3, args: 5, text: 200 };
    const { plan, room } = addRoom(body, ["A=1", "B=2"], spare);
    expect(programIn(plan)).toEqual([[], [], ["A=1", "B=2"]]);
    const data = plan.subarray(room.data);
    // Nothing of the rooms overlaps, and all of them are empty.
    expect(room.args).toBe(room.paths + 8 * (spare.paths + 1));
    const rooms = [[room.paths, 32], [room.args, 48], [room.text, spare.text]] as const;
    for (const [at, size] of rooms) expect(data.subarray(at, at + size)).toEqual(new Uint8Array(size));
    expect(data.length).toBeGreaterThanOrEqual(room.text + spare.text + 8);
    const view = new DataView(plan.buffer, plan.byteOffset);
    const count = view.getUint32(RELOCATION_COUNT_AT, true);
    expect(room.relocations + 4 * (count + spare.paths + spare.args)).toBeLessThanOrEqual(room.data);
    expect(addProgram(body, { paths: [], args: [], env: ["A=1", "B=2"] }).length).toBeLessThan(plan.length);
  });
});
