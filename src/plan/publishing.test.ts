import { describe, expect, test } from "bun:test";
import { HYBRID, keptScene, publishedScene, ROOTLESS, runScene, SUBORDINATE, terminalScene, withConfig } from "../../test/fixtures/plan/scenes.ts";
import type { Blueprint } from "./blueprint.ts";
import { compile } from "./compile.ts";
import type { CompileOptions } from "./compile.ts";
import { decodePlan } from "./decode.ts";
import { explain } from "./explain.ts";
import type { HostFacts } from "./host-facts.ts";

/** The steps of a plan, without their indexes. */
function steps(blueprint: Blueprint, facts: HostFacts = HYBRID, options: Partial<CompileOptions> = {}): string[] {
  const text = explain(decodePlan(compile(blueprint, facts, { self: 3, ...options })));
  return text.split("\n").filter((line) => !line.startsWith("#") && line !== "").map((line) => line.replace(/^ *\d+ {2}(r\d+ = )?/, ""));
}

describe("published ports", () => {
  test("cost nothing where there are none", () => {
    for (const scene of [runScene(), terminalScene(), keptScene(false)]) expect(steps(scene).filter((step) => /^(bind|listen|relay|setns)/.test(step))).toEqual(
      scene.keeping === undefined ? [] : [expect.stringMatching(/^bind\(/), expect.stringMatching(/^listen\(/)],
    );
  });

  test("need a network namespace of the container's own", () => {
    const namespaces = (runScene().config.linux?.namespaces ?? []).filter(({ type }) => type !== "network");
    const joined = withConfig(runScene(), { linux: { namespaces: [...namespaces, { type: "network", path: "/proc/1/ns/net" }] } });
    for (const scene of [joined, withConfig(runScene(), { linux: { namespaces } })]) {
      expect(() => compile(publishedScene(scene), HYBRID, { self: 3 })).toThrow("Cannot publish ports: the container has no network namespace of its own");
    }
  });

  test("are bound before anything is made and before a restart waits, and nobody can connect until it begins", () => {
    const all = steps(publishedScene(keptScene(false)), HYBRID, { charge: 6, delay: 1500 });
    const at = (step: RegExp): number => all.findIndex((one) => step.test(one));
    const found = [/^bind\(/, /^signalfd4\(-1, data\+\d+, 8, 524288\)/, /^listen\(60/, /^mkdirat\(/, /^clone3\(CLONE_NEW/].map(at);
    expect(found).toEqual(found.toSorted((a, b) => a - b));
    expect(found[0]).toBeGreaterThan(0);
  });

  test("are closed by every process but the relay: supervisor, container, guard of the terminal", () => {
    const closed = (scene: Blueprint): number => steps(publishedScene(scene)).filter((step) => step === "close_range(58, 61)").length;
    expect([closed(runScene()), closed(terminalScene())]).toEqual([2, 3]);
  });

  test("the relay joins while it is closed to all, asserts that it has left the host's network, and gives up the rest before it serves", () => {
    const rootless = { ...keptScene(false), mapping: SUBORDINATE };
    for (const [scene, facts, flags] of [[runScene(), HYBRID, "CLONE_NEWNET"], [rootless, ROOTLESS, "CLONE_NEWUSER|CLONE_NEWNET"]] as const) {
      const all = steps(publishedScene(scene), facts);
      const joins = all.findIndex((step) => step.startsWith("setns(") && step.endsWith(`, ${flags})`));
      const serves = all.findIndex((step) => step.startsWith("relay connections to descriptors from 60 on to ports 80, 443 "));
      expect(all.slice(joins - 4, joins)).toContain("prctl(PR_SET_DUMPABLE, 0)");
      const between = all.slice(joins + 1, serves).join("\n");
      expect(between).toMatch(/^statx\(AT_FDCWD, "\/proc\/self\/ns\/net", 0\)\nload [^]*require \S+ != /);
      expect(between).toMatch(/DUMPABLE, 0\)[^]*NO_NEW_PRIVS, 1\)[^]*capset[^]*PDEATHSIG, 9\)[^]*close_range[^]*seccomp\(1, 0/);
    }
  });
});
