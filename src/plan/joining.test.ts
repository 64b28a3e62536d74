import { describe, expect, test } from "bun:test";
import { HYBRID, ociScene, ROOTLESS, UNIFIED } from "../../test/fixtures/plan/scenes.ts";
import type { Blueprint, RuntimeFrame } from "./blueprint.ts";
import { decodePlan } from "./decode.ts";
import { opText } from "./explain.ts";
import type { HostFacts } from "./host-facts.ts";
import { compileJoining } from "./joining.ts";
import type { JoinTarget } from "./joining.ts";

const TYPES = ["mount", "uts", "ipc", "pid", "network", "cgroup"] as const;
const V1: JoinTarget = { pid: 77, namespaces: TYPES, cgroups: [{ version: 1, directory: "/sys/fs/cgroup/pids/one" }] };
const V2: JoinTarget = { pid: 77, namespaces: [...TYPES, "user"], cgroups: [{ version: 2, directory: "/sys/fs/cgroup/one" }] };

function scene(frame: Partial<RuntimeFrame> = {}, change: Partial<Blueprint> = {}): Blueprint {
  const blueprint = ociScene();
  if (blueprint.runtime === undefined) throw new Error("no frame");
  const { directory: _directory, ...runtime } = blueprint.runtime;
  return { ...blueprint, init: true, runtime: { ...runtime, waits: false, ...frame }, ...change };
}

function steps(blueprint: Blueprint, target: JoinTarget, facts: HostFacts): string[] {
  const plan = decodePlan(compileJoining(blueprint, target, facts, { self: 3, pidfd: 40 }));
  return plan.ops.map((op) => opText(plan, op));
}

describe("compileJoining()", () => {
  test("gives the same bytes twice", () => {
    const bytes = (): Uint8Array => compileJoining(scene(), V1, HYBRID, { self: 3, pidfd: 40 });
    expect(bytes()).toEqual(bytes());
  });

  for (const [name, target, facts] of [["root", V1, HYBRID], ["root on v2 with users", V2, UNIFIED], ["a user", V2, ROOTLESS]] as const) {
    test(`is not dumpable before it joins, and again after: ${name}`, () => {
      const all = steps(scene(), target, facts);
      const joins = all.findLastIndex((step) => step.startsWith("setns(5, ") && step.includes("CLONE_NEWNS"));
      expect(joins).toBeGreaterThan(0);
      const closed = all.map((step, i) => (step === "prctl(PR_SET_DUMPABLE, 0)" ? i : -1)).filter((i) => i >= 0);
      expect(closed.some((i) => i < joins)).toBe(true);
      expect(closed.some((i) => i > joins)).toBe(true);
      // No path of the host once it is inside.
      expect(all.slice(joins).filter((step) => /"\/(proc|sys|run|srv)\//.test(step))).toEqual([]);
    });
  }

  test("enters the cgroup before the cgroup namespace", () => {
    const all = steps(scene(), V1, HYBRID);
    const enters = all.findLastIndex((step) => /^write\(r\d+, "0", 1\)$/.test(step));
    expect(enters).toBeGreaterThan(0);
    expect(enters).toBeLessThan(all.findLastIndex((step) => step.startsWith("setns(5, ") && step.includes("CLONE_NEWCGROUP")));
  });

  test("writes a pid file that is new, and takes it back after a failure", () => {
    const all = steps(scene({ pidFile: "/work/pid" }), V1, HYBRID);
    expect(all.some((step) => step.startsWith('openat(AT_FDCWD, "/work/.pid", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW'))).toBe(true);
    expect(all.some((step) => step.startsWith('unlinkat(AT_FDCWD, "/work/pid"'))).toBe(true);
  });

  test("keeps nothing of its own where it leaves", () => {
    expect(steps(scene({ leaves: true }), V1, HYBRID)).not.toContain("supervise until the container ends");
    expect(steps(scene({ leaves: false }), V1, HYBRID)).toContain("supervise until the container ends");
  });
});
