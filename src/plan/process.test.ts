import { describe, expect, test } from "bun:test";
import { bundleScene, doScene, HYBRID, OWN_ID, ROOTLESS, rootlessScene, runScene, terminalScene, withConfig } from "../../test/fixtures/plan/scenes.ts";
import type { Blueprint } from "./blueprint.ts";
import { compile } from "./compile.ts";
import { decodePlan } from "./decode.ts";
import { stepText } from "./explain.ts";
import type { HostFacts } from "./host-facts.ts";

interface Step {
  readonly from: string;
  readonly text: string;
}

function steps(blueprint: Blueprint, facts: HostFacts = HYBRID): Step[] {
  const plan = decodePlan(compile(blueprint, facts, { self: 3 }));
  return plan.ops.map((op) => ({ from: op.from, text: stepText(plan, op).replace(/^ *\d+ {2}/, "").replace(/data\+\d+/g, "data") }));
}

const of = (all: readonly Step[], from: RegExp): string[] => all.filter((step) => from.test(step.from)).map((step) => step.text);
/** What comes after the fork of the main child: the init's ops, then the main child's. */
function split(blueprint: Blueprint, facts: HostFacts = HYBRID): { init: string[]; main: Step[] } {
  const all = steps(blueprint, facts);
  const at = all.findIndex((step) => step.text.startsWith("be PID 1"));
  const start = all.findLastIndex((step, i) => i < at && step.from !== "--init");
  return { init: all.slice(start + 1, at + 1).map((step) => step.text), main: all.slice(at + 1) };
}

describe("PID 1", () => {
  test("has nothing left when it is in its loop: descriptors, capabilities, calls", () => {
    const { init } = split(runScene());
    const texts = [/^prctl\(PR_SET_NAME/, /^close_range\(0, 2\)/, /^close_range\(4, 4294967295\)/, /^capset\(/, /^seccomp\(1, 0/, /^be PID 1/];
    const order = texts.map((text) => init.findIndex((step) => text.test(step)));
    expect(order.every((at, i) => at > (order[i - 1] ?? -1))).toBe(true);
  });

  test("is dumpable for a rootless owner only", () => {
    const dumpable = (blueprint: Blueprint, facts: HostFacts): boolean => split(blueprint, facts).init.some((step) => step.includes("PR_SET_DUMPABLE, 1"));
    expect([dumpable(runScene(), HYBRID), dumpable(rootlessScene(OWN_ID), ROOTLESS)]).toEqual([false, true]);
  });
});

describe("the main child", () => {
  test("begins with default signals, a session of its own and the limits of the config", () => {
    const rlimits = [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }, { type: "RLIMIT_NOFILE", soft: 5, hard: -1 }] as const;
    const { main } = split(withConfig(runScene(), { process: { rlimits } }));
    expect(of(main, /^signals$/).some((text) => text.includes("rt_sigaction"))).toBe(true);
    expect(of(main, /^\/process\/terminal$/)).toContain("setsid()  or EPERM");
    expect(of(main, /^\/process\/rlimits/)).toEqual(["prlimit64(0, 4, data)", "prlimit64(0, 7, data)"]);
  });

  test("takes a terminal for its three descriptors, or /dev/null of the container, or what there is", () => {
    const copies = (blueprint: Blueprint): string[] => split(blueprint).main.map((step) => step.text).filter((text) => /^dup3\(r\d+, [012]\)/.test(text));
    expect(copies(terminalScene())).toHaveLength(3);
    expect(copies({ ...runScene(), stdio: { kind: "no-input" } })).toEqual([expect.stringMatching(/, 0\)/)]);
    expect(copies(runScene())).toEqual([]);
    expect(split({ ...runScene(), stdio: { kind: "no-input" } }).main.some((step) => step.text.includes('"dev/null"'))).toBe(true);
  });

  test("enters its directory and has the kernel say where it is", () => {
    const { main } = split(withConfig(runScene(), { process: { cwd: "/srv/./a/../b//" } }));
    const cwd = of(main, /^\/process\/cwd$/);
    expect(cwd[0]).toBe('chdir("/srv/b")');
    expect(cwd.some((text) => text.startsWith("require "))).toBe(true);
  });

  test("is put under Landlock as far as the kernel knows it", () => {
    const handled = (abi: number, changes: Partial<Blueprint> = {}): string[] =>
      of(steps({ ...doScene(), ...changes }, { ...HYBRID, landlockAbi: abi }), /^landlock$/);
    const size = (abi: number): string | undefined => /landlock_create_ruleset\(data, (\d+)/.exec(handled(abi)[0] ?? "")?.[1];
    // struct landlock_ruleset_attr grew by network rules (ABI 4) and scopes (ABI 6).
    expect([1, 2, 3, 4, 5, 6, 7].map(size)).toEqual(["8", "8", "8", "16", "16", "24", "24"]);
    // Links between directories are handled from ABI 2 on, ioctl on devices from 5 on; each is allowed again somewhere.
    expect([1, 2, 4, 5].map((abi) => handled(abi).filter((text) => text.includes("landlock_add_rule")).length)).toEqual([0, 1, 1, 2]);
    for (const abi of [1, 7]) expect(handled(abi).at(-2)).toMatch(/landlock_restrict_self/);
    expect([handled(0), handled(7, { landlock: false })]).toEqual([[], []]);
    expect(handled(7, withConfig(doScene(), { process: { noNewPrivileges: false } }))).toEqual([]);
  });

  test("loads its filter last, and has the mode confirmed where the filter lets it ask", () => {
    for (const blueprint of [doScene(), runScene(), bundleScene()]) {
      const texts = steps(blueprint).map((step) => step.text);
      const execute = texts.findLastIndex((text) => text.startsWith("execve the first"));
      const last = texts.slice(0, execute).findLastIndex((text) => text.startsWith("seccomp("));
      expect(texts.slice(last + 1, execute).filter((text) => !/PR_GET_SECCOMP|^require /.test(text))).toEqual([]);
    }
    const own: Blueprint = { ...runScene(), seccomp: { name: "/etc/own.json", filter: new Uint8Array(8) } };
    expect(of(steps(own), /^\/linux\/seccomp$/).some((text) => text.startsWith("require "))).toBe(false);
    const { seccomp: _seccomp, ...without } = runScene();
    expect(of(steps(without), /^\/linux\/seccomp$/)).toEqual([]);
  });

  test("closes all that it was not given", () => {
    expect(of(steps(runScene()), /^descriptors$/).at(-1)).toBe("close_range(4, 4294967295)");
    expect(of(steps(withConfig(runScene(), {})), /^--verify$/)).toEqual([]);
  });
});

describe("standard input and output", () => {
  test("are refused where one of them is a directory (CVE-2024-21626)", () => {
    const asserted = of(steps(runScene()), /^standard input and output$/);
    expect([0, 1, 2].map((fd) => asserted.filter((text) => text.startsWith(`statx(${fd}, `)).length)).toEqual([1, 1, 1]);
    expect(asserted.filter((text) => /^require r\d+ & 61440 != 16384/.test(text))).toHaveLength(3);
  });
});
