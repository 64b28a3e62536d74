/** Config in, explanation out: the plan of each kind of container on each kind of host, to be reviewed as a diff. PIDBOX_UPDATE=1 writes them anew. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Blueprint } from "../../src/plan/blueprint.ts";
import { compile } from "../../src/plan/compile.ts";
import type { CompileOptions } from "../../src/plan/compile.ts";
import { decodePlan } from "../../src/plan/decode.ts";
import { explain } from "../../src/plan/explain.ts";
import type { HostFacts } from "../../src/plan/host-facts.ts";
import { bundleScene, confinedScene, doScene, hostUsersScene, HYBRID, keptScene, ociScene, ociUsersScene, OWN_ID, publishedScene, ROOTLESS, rootlessScene, runScene, SUBORDINATE, terminalScene, UNIFIED } from "../fixtures/plan/scenes.ts";

const CASES: Readonly<Record<string, readonly [Blueprint, HostFacts, Partial<CompileOptions>?]>> = {
  "do-hybrid": [doScene(), HYBRID],
  "do-v2": [doScene(), UNIFIED],
  "do-rootless": [rootlessScene(OWN_ID), ROOTLESS],
  "do-rootless-subordinate": [rootlessScene(SUBORDINATE), ROOTLESS],
  "run-hybrid": [runScene(), HYBRID],
  "run-v2": [confinedScene(), UNIFIED],
  "run-userns-host": [hostUsersScene(), HYBRID],
  "run-terminal": [terminalScene(), HYBRID],
  "run-bundle": [bundleScene(), UNIFIED],
  "oci-create": [ociScene(), HYBRID],
  "oci-users": [ociUsersScene(), UNIFIED],
  "run-published": [publishedScene(runScene()), HYBRID],
  "run-published-rootless": [publishedScene({ ...keptScene(false), mapping: SUBORDINATE }), ROOTLESS, { charge: 6, delay: 1500 }],
  "run-kept": [keptScene(false), HYBRID, { charge: 33, announce: "id\n" }],
  "run-kept-rootless": [{ ...keptScene(false), mapping: SUBORDINATE }, ROOTLESS, { charge: 33, announce: "id\n" }],
  "run-kept-again": [keptScene(true), UNIFIED, { charge: 6, delay: 1500 }],
};

/** An op that comes in must not change each line after it: no index, jumps as distances, data blocks by their order within a field's ops. */
function steady(text: string): string {
  let names = new Map<string, string>();
  return text.split("\n").map((line) => {
    if (line.startsWith("#")) names = new Map();
    const index = Number(/^ *(\d+) {2}/.exec(line)?.[1] ?? 0);
    return line.replace(/^ *\d+ {2}/, "  ").replace(/(go to|goes on at|up to) (\d+)/g, (_all, words: string, target: string) => `${words} +${Number(target) - index}`)
      .replace(/data\+\d+/g, (found) => {
        const name = names.get(found) ?? `data:${names.size + 1}`;
        names.set(found, name);
        return name;
      });
  }).join("\n");
}

describe("explain()", () => {
  for (const [name, [blueprint, facts, options]] of Object.entries(CASES)) {
    test(`shows the plan of ${name}`, () => {
      const file = join(import.meta.dir, `${name}.txt`);
      const text = steady(explain(decodePlan(compile(blueprint, facts, { self: 3, ...options }))));
      if (process.env["PIDBOX_UPDATE"] === "1") writeFileSync(file, text);
      expect(text).toBe(readFileSync(file, "utf8"));
    });
  }

  test("has no golden text without a case", () => {
    expect(readdirSync(import.meta.dir).filter((name) => name.endsWith(".txt")).map((name) => name.slice(0, -4)).sort()).toEqual(Object.keys(CASES).sort());
  });
});
