import { describe, expect, test } from "bun:test";
import { HYBRID, runScene, UNIFIED } from "../../test/fixtures/plan/scenes.ts";
import { compile } from "./compile.ts";
import { decodePlan } from "./decode.ts";
import { stepText } from "./explain.ts";
import type { HostFacts } from "./host-facts.ts";

describe("the ops for cgroups", () => {
  const steps = (facts: HostFacts, blueprint = runScene()): string[] => {
    const plan = decodePlan(compile(blueprint, facts, { self: 3 }));
    return plan.ops.filter((op) => /cgroup|resources/.test(op.from)).map((op) => stepText(plan, op).replace(/^ *\d+ {2}/, ""));
  };

  test("join v1 cgroups from inside, v2 cgroups at clone", () => {
    expect(steps(HYBRID).filter((step) => step.startsWith("write(") && step.includes('"0", 1'))).toHaveLength(3);
    expect(steps(UNIFIED).filter((step) => step.includes('"0", 1'))).toEqual([]);
    const plan = decodePlan(compile(runScene(), UNIFIED, { self: 3 }));
    expect(plan.ops.some((op) => stepText(plan, op).includes("CLONE_INTO_CGROUP"))).toBe(true);
  });

  test("remove on every way out what they made", () => {
    for (const facts of [HYBRID, UNIFIED]) {
      const made = steps(facts).filter((step) => step.startsWith("mkdirat(AT_FDCWD") && !step.includes("EEXIST")).length;
      const removed = steps(facts).filter((step) => step.startsWith("unlinkat(") && step.includes("AT_REMOVEDIR") && step.includes("/sys/fs/cgroup")).length;
      expect([made > 0, removed % made]).toEqual([true, 0]);
      expect(removed / made).toBeGreaterThanOrEqual(2);
    }
  });
});
