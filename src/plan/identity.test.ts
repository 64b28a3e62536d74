import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "../base/error.ts";
import { bundleScene, doScene, hostUsersScene, HYBRID, OWN_ID, ROOTLESS, rootlessScene, runScene, SUBORDINATE, terminalScene, UNIFIED } from "../../test/fixtures/plan/scenes.ts";
import { CAPABILITIES } from "../kernel/abi/capabilities.ts";
import type { Blueprint } from "./blueprint.ts";
import { compile } from "./compile.ts";
import { decodePlan } from "./decode.ts";
import { stepText } from "./explain.ts";
import type { HostFacts } from "./host-facts.ts";
import { allCapabilities, capabilityMask, cloneFlags } from "./identity.ts";
import { compilation } from "./names.ts";
import { PlanWriter } from "./writer.ts";

function steps(blueprint: Blueprint, facts: HostFacts, from: RegExp): string[] {
  const plan = decodePlan(compile(blueprint, facts, { self: 3 }));
  return plan.ops.filter((op) => from.test(op.from)).map((op) => stepText(plan, op).replace(/^ *\d+ {2}/, "").replace(/data\+\d+/g, "data"));
}

describe("capabilityMask()", () => {
  test("has the kernel's bit for each name, low and high", () => {
    expect(["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", "CAP_AUDIT_CONTROL", "CAP_CHECKPOINT_RESTORE"].map((name) => Math.log2(capabilityMask([name])))).toEqual([0, 5, 21, 30, 40]);
    expect(capabilityMask(undefined)).toBe(0);
    expect(capabilityMask(CAPABILITIES)).toBe(allCapabilities(CAPABILITIES.length - 1));
  });
  test("does not depend on order or repetition", () => {
    fc.assert(fc.property(fc.subarray([...CAPABILITIES]), (names) => {
      expect(capabilityMask([...names, ...names].reverse())).toBe(capabilityMask(names));
      expect(capabilityMask(names)).toBe(names.reduce((sum, name) => sum + 2 ** CAPABILITIES.indexOf(name), 0));
    }));
  });
  test("refuses a name that the kernel does not have", () => {
    for (const bad of ["CAP_NONE", "chown", "", "constructor"]) expect(() => capabilityMask([bad])).toThrow(PidboxError);
  });
});

describe("cloneFlags()", () => {
  const flags = (blueprint: Blueprint): string => cloneFlags(compilation(new PlanWriter(), blueprint, HYBRID)).toString(16);
  test("names the new namespaces but for cgroup, which comes later, and those that are joined", () => {
    // NEWUSER, NEWPID, NEWNS, NEWNET, NEWIPC, NEWUTS, NEWTIME; without NEWUSER; and without NEWNET and NEWPID too
    expect([flags(runScene()), flags(hostUsersScene()), flags(bundleScene())]).toEqual(["7c020080", "6c020080", "c020080"]);
  });
});

describe("the ops for id maps", () => {
  const maps = (blueprint: Blueprint, facts: HostFacts): string[] =>
    steps(blueprint, facts, /Mappings$/).filter((step) => /^(write|execve|setgroups|setres)/.test(step));

  test("write a range as real root", () => {
    expect(maps(runScene(), HYBRID)).toEqual([
      expect.stringContaining('"0 1073741824 65536\\n", 19'), expect.stringContaining('"0 1073741824 65536\\n", 19'), "setgroups(0)", "setresgid(0, 0, 0)", "setresuid(0, 0, 0)",
    ]);
  });
  test("deny setgroups before the one group of a user without subordinate ids, and never call it", () => {
    expect(maps(rootlessScene(OWN_ID), ROOTLESS)).toEqual([
      expect.stringContaining('"deny", 4'), expect.stringContaining('"0 1000 1\\n", 9'), expect.stringContaining('"0 1000 1\\n", 9'), "setresgid(0, 0, 0)", "setresuid(0, 0, 0)",
    ]);
    expect(steps(rootlessScene(OWN_ID), ROOTLESS, /./).some((step) => step.startsWith("setgroups("))).toBe(false);
  });
  test("leave subordinate ids to newuidmap and newgidmap, and require that they succeed", () => {
    expect(maps(rootlessScene(SUBORDINATE), ROOTLESS).slice(0, 2)).toEqual(['execve("/usr/bin/newuidmap")', 'execve("/usr/bin/newgidmap")']);
    expect(steps(rootlessScene(SUBORDINATE), ROOTLESS, /Mappings$/).filter((step) => step.endsWith(" == 0"))).toHaveLength(2);
  });
  test("are none where the user namespace is the host's; in a joined one the container becomes its root", () => {
    expect([maps(hostUsersScene(), HYBRID), maps(bundleScene(), UNIFIED)]).toEqual([[], ["setgroups(0)", "setresgid(0, 0, 0)", "setresuid(0, 0, 0)"]]);
  });
});

describe("the ops for the user", () => {
  const all = (blueprint: Blueprint): string[] => steps(blueprint, HYBRID, /^(\/process\/(user|capabilities|noNewPrivileges)|supervisor)/);

  test("drop the bounding set before ids change, set the exact sets after it, no_new_privs last", () => {
    const order = all(terminalScene())
      .filter((step) => /PR_CAPBSET_DROP|prctl\(24|setresuid\(1000|capset|NO_NEW_PRIVS|CAP_AMBIENT|prctl\(47/.test(step))
      .map((step) => step.replace(/\(.*/, ""));
    expect(order.indexOf("setresuid")).toBeGreaterThan(0);
    expect(order.indexOf("capset")).toBeGreaterThan(order.indexOf("setresuid"));
    expect(order.filter((name) => name === "capset")).toHaveLength(1);
  });
  test("ask for SIGKILL with the supervisor again after the ids changed, for that clears it", () => {
    const deaths = (blueprint: Blueprint): number => steps(blueprint, HYBRID, /./).filter((step) => step.includes("PR_SET_PDEATHSIG")).length;
    expect([deaths(runScene()), deaths(terminalScene())]).toEqual([1, 2]);
  });
  test("give each group once", () => {
    expect(all(terminalScene())).toContain("setgroups(2)");
    expect(all(doScene())).toContain("setgroups(0)");
  });
});
