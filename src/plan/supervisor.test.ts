import { describe, expect, test } from "bun:test";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { doScene, HYBRID, ociScene, ROOTLESS, rootlessScene, SUBORDINATE, terminalScene, UNIFIED } from "../../test/fixtures/plan/scenes.ts";
import type { Blueprint, RuntimeFrame } from "./blueprint.ts";
import { compile } from "./compile.ts";
import { decodePlan } from "./decode.ts";
import type { DecodedOp } from "./decode.ts";
import { compileJoining } from "./joining.ts";
import { compileVisit } from "./visiting.ts";

function framed(frame: Partial<RuntimeFrame>): Blueprint {
  const scene = ociScene();
  if (scene.runtime === undefined) throw new Error("no frame");
  return { ...scene, runtime: { ...scene.runtime, ...frame } };
}

function execed(blueprint: Blueprint): Blueprint {
  const { directory: _directory, ...runtime } = framed({}).runtime ?? {};
  return { ...blueprint, init: true, runtime: { ...(runtime as RuntimeFrame), waits: false, leaves: false, pidFile: "/work/pid" } };
}

const TYPES = ["mount", "uts", "ipc", "pid", "network", "cgroup"] as const;
const terminal = { kind: "terminal", input: true } as const;
const visit = { directory: "/run/pidbox/containers/one", name: "one", terminal: true, input: true, raw: true, keys: new Uint8Array(), executable: "/usr/bin/pidbox" };
const PLANS: Readonly<Record<string, () => Uint8Array>> = {
  "do": () => compile(doScene(), HYBRID, { self: 3 }),
  "run with a terminal": () => compile(terminalScene(), UNIFIED, { self: 3 }),
  "a user": () => compile(rootlessScene(SUBORDINATE), ROOTLESS, { self: 3 }),
  "create": () => compile(framed({ pidFile: "/work/pid" }), HYBRID, { self: 3, lock: 40 }),
  "create in a scope": () => compile(framed({ scope: { path: "system.slice/one.scope", holder: 77 } }), UNIFIED, { self: 3, lock: 40 }),
  "exec": () => compileJoining(execed(ociScene()), { pid: 77, namespaces: TYPES, cgroups: [] }, HYBRID, { self: 3, pidfd: 40 }),
  "exec with a terminal": () =>
    compileJoining({ ...execed(ociScene()), stdio: terminal }, { pid: 77, namespaces: [...TYPES, "user"], cgroups: [] }, ROOTLESS, { self: 3, pidfd: 40 }),
  "attach": () => compileVisit(visit, HYBRID, { self: 3, client: 40 }),
};

function writers(ops: readonly DecodedOp[], register: number | undefined): readonly DecodedOp[] {
  return ops.filter((op) => op.result !== 0 && op.result === register);
}

describe("after a failure", () => {
  test("the holder of a scope that was reaped is not killed again, for its PID may be another's", () => {
    const plan = decodePlan(PLANS["create in a scope"]?.() ?? new Uint8Array());
    const held = plan.ops.filter((op) => op.from === "systemd scope" && op.args[0]?.value !== undefined);
    const kills = held.filter((op) => op.code === "SYSCALL" && op.nr === SYSCALLS.kill && op.args[0]?.value === 77);
    const reaped = held.find((op) => op.nr === SYSCALLS.wait4)?.result ?? 0;
    expect([kills.length, reaped > 0]).toEqual([3, true]);
    for (const { index } of kills) {
      const guard = plan.ops[index - 1];
      expect([guard?.code, guard?.args[1], (guard?.args[0]?.value ?? 0) > index]).toEqual(["JUMP_SET", { kind: "register", value: reaped }, true]);
    }
  });

  for (const [name, bytes] of Object.entries(PLANS)) {
    test(`nothing is cleaned up because of a value that was another's: ${name}`, () => {
      const plan = decodePlan(bytes());
      const end = plan.ops.findIndex((op) => op.index >= plan.onFailure && op.code === "EXIT");
      const [before, after] = [plan.ops.slice(0, plan.onFailure), plan.ops.slice(plan.onFailure, end)];
      const asked = after.filter((op) => op.code === "JUMP_SET" && writers(after.slice(0, after.indexOf(op)), op.args[1]?.value).length === 0);
      for (const op of asked) {
        const from = writers(before, op.args[1]?.value);
        expect(from.length).toBeGreaterThan(0);
        // The clone of the guard, and what the guard reads; all others have one op that gives them their value.
        expect(new Set(from.map((one) => one.from))).toEqual(new Set([op.from]));
        // The holder ends at one of two moments.
        expect(from.length).toBeLessThanOrEqual(op.from === "--tty" || op.from === "systemd scope" ? 2 : 1);
      }
      expect(asked.length).toBeGreaterThan(0);
    });
  }
});
