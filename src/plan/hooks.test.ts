import { describe, expect, test } from "bun:test";
import { HYBRID, ociScene, withConfig } from "../../test/fixtures/plan/scenes.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { compile } from "./compile.ts";
import { decodePlan } from "./decode.ts";
import type { DecodedPlan } from "./decode.ts";
import { opText } from "./explain.ts";
import { FLAG } from "./op.ts";
import type { RuntimeFrame } from "./blueprint.ts";

const hook = { path: "/bin/hook", args: ["hook", "x"], env: ["A=b"], timeout: 7 };
const PHASES = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;
const ALL = Object.fromEntries(PHASES.map((phase) => [phase, [hook, hook]]));

function plan(frame: Partial<RuntimeFrame>, hooks: object = ALL): DecodedPlan {
  const scene = withConfig(ociScene(), { hooks });
  if (scene.runtime === undefined) throw new Error("no frame");
  return decodePlan(compile({ ...scene, runtime: { ...scene.runtime, ...frame } }, HYBRID, { self: 3, lock: 40 }));
}

/** The hooks that an op's config field names, in the order of the plan; those of the clean-up are left out. */
function order({ ops, onFailure }: DecodedPlan): string[] {
  const found = ops.filter(({ index }) => index < onFailure).map(({ from }) => from).filter((from) => /^\/hooks\/\w+\/\d$/.test(from));
  return [...new Set(found)];
}

describe("runHooks()", () => {
  test("has those of create outside in their order, and leaves poststart and poststop to other commands", () => {
    expect(order(plan({ waits: true, leaves: true }))).toEqual(["/hooks/prestart/0", "/hooks/prestart/1", "/hooks/createRuntime/0", "/hooks/createRuntime/1"]);
  });

  test("has poststart and poststop where the supervisor stays", () => {
    expect(order(plan({ waits: false, leaves: false })).slice(4)).toEqual(["/hooks/poststart/0", "/hooks/poststart/1", "/hooks/poststop/0", "/hooks/poststop/1"]);
  });

  test("runs those of the container in it, createContainer before the pivot and startContainer last", () => {
    const whole = plan({});
    const { ops } = whole;
    const pivot = ops.findIndex((op) => opText(whole, op).startsWith("pivot_root"));
    const inside = ops.map(({ from }) => from);
    expect(inside.lastIndexOf("/hooks/createContainer/1")).toBeLessThan(pivot);
    expect(inside.indexOf("/hooks/startContainer/0")).toBeGreaterThan(pivot);
    expect(inside.lastIndexOf("/hooks/startContainer/1")).toBeLessThan(ops.findIndex(({ code }) => code === "EXECUTE"));
  });

  test("keeps the exit code of the container, however many there are", () => {
    const { ops, onFailure } = plan({ waits: false, leaves: false });
    const supervise = ops.findIndex(({ code }) => code === "SUPERVISE");
    const code = ops[supervise]?.result ?? 0;
    const after = ops.slice(supervise + 1, onFailure);
    expect(after.filter(({ result }) => result === code)).toEqual([]);
    const ends = after.filter((op) => op.code === "EXIT" && op.args[0]?.kind === "register");
    expect(ends.length).toBeGreaterThan(0);
    for (const end of ends) expect(end.args[0]?.value).toBe(code);
  });

  test("gives each a state that is JSON, with room for any PID", () => {
    const { ops, data } = plan({ waits: false, leaves: false });
    const text = new TextDecoder().decode(data);
    for (const status of ["creating", "created", "running", "stopped"]) {
      const at = text.indexOf(`"status":"${status}","pid":`);
      const document = text.slice(text.lastIndexOf("{", at), text.indexOf("}", at) + 1);
      expect(document).toContain(`"pid":${" ".repeat(20)},`);
      expect(JSON.parse(document.replace(" ".repeat(20), "18446744073709551615"))).toMatchObject({ id: "one", status, bundle: expect.any(String) });
    }
    expect(ops.length).toBeGreaterThan(0);
  });

  test("takes nothing but an exit code for the end of a hook, but for poststop", () => {
    const { ops } = plan({ waits: false, leaves: false });
    const waits = ops.filter((op) => op.from.startsWith("/hooks/") && op.code === "SYSCALL" && op.nr === SYSCALLS.wait4);
    expect(new Set(waits.map(({ from }) => from.split("/")[2]))).toEqual(new Set(PHASES));
    for (const { from, flags, tolerated } of waits) expect([from, flags, tolerated]).toEqual([from, from.startsWith("/hooks/poststop/") ? FLAG.IGNORE : 0, []]);
  });

  test("needs nothing where there are none", () => {
    expect(plan({}, {}).ops.filter(({ from }) => from.startsWith("/hooks"))).toEqual([]);
    expect(plan({}, { prestart: [] }).ops.filter(({ from }) => from.startsWith("/hooks"))).toEqual([]);
  });
});
