import { describe, expect, test } from "bun:test";
import { HYBRID, runScene, UNIFIED, withConfig } from "../../test/fixtures/plan/scenes.ts";
import type { Config } from "../spec/runtime-config.ts";
import type { Blueprint } from "./blueprint.ts";
import { compile } from "./compile.ts";
import { decodePlan } from "./decode.ts";
import { stepText } from "./explain.ts";
import type { HostFacts } from "./host-facts.ts";
import { FLAG } from "./op.ts";

describe("the ops for cgroups", () => {
  const steps = (facts: HostFacts, blueprint = runScene(), from = /cgroup|resources/): string[] => {
    const plan = decodePlan(compile(blueprint, facts, { self: 3 }));
    return plan.ops.filter((op) => from.test(op.from)).map((op) => stepText(plan, op).replace(/^ *\d+ {2}/, ""));
  };

  test("join v1 cgroups from inside, v2 cgroups at clone", () => {
    const joins = (facts: HostFacts): string[] => steps(facts, runScene(), /^cgroup/).filter((step) => step.startsWith("write(") && step.includes('"0", 1'));
    expect([joins(HYBRID).length, joins(UNIFIED)]).toEqual([3, []]);
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

  /** A container of an OCI runtime. */
  const oci = (linux: Config["linux"] = {}, mounts: Config["mounts"] = []): Blueprint => ({
    ...withConfig(runScene(), { linux, mounts }),
    runtime: { waits: true, leaves: true, document: {}, preserved: 0, noPivot: false, newKeyring: true, failure: [] },
  });
  const ROOTED = { version: 2, controllers: ["cpu", "hugetlb", "memory", "pids"], mountPoint: "/sys/fs/cgroup", directory: "/sys/fs/cgroup", name: "unified" } as const;

  test("hand every controller down on the way, and pass over those that nobody asked for where that fails", () => {
    const facts = { ...UNIFIED, cgroups: [{ ...ROOTED, handedDown: { "/sys/fs/cgroup": ["cpu", "memory", "pids"] } }] };
    const plan = decodePlan(compile(oci({ cgroupsPath: "/a/b", resources: { pids: { limit: 5 } } }), facts, { self: 3 }));
    const writes = plan.ops.filter((op) => op.from === "cgroup.subtree_control").map((op) => {
      return { word: /"(\+[^"]*)"/.exec(stepText(plan, op))?.[1], ignored: (op.flags & FLAG.IGNORE) !== 0 };
    });
    const below = ["+cpu +hugetlb +memory", "+cpu", "+hugetlb", "+memory"].map((word) => ({ word, ignored: true }));
    expect(writes.filter(({ word }) => word !== undefined)).toEqual([{ word: "+hugetlb", ignored: true }, { word: "+pids", ignored: false }, ...below]);
  });

  test("restrict devices by a program on v2, by the controller on v1", () => {
    const program = (facts: HostFacts): string[] => {
      const plan = decodePlan(compile(oci({ resources: { devices: [{ allow: false }] } }), facts, { self: 3 }));
      return plan.ops.filter((op) => op.from === "/linux/resources/devices").map((op) => stepText(plan, op).replace(/^ *\d+ {2}/, ""));
    };
    expect(program(UNIFIED).filter((step) => step.includes("bpf("))).toHaveLength(2);
    const legacy = { ...HYBRID, cgroups: [...HYBRID.cgroups, { ...ROOTED, version: 1, controllers: ["devices"], name: "devices" } as const] };
    const written = program(legacy).filter((step) => step.startsWith("write("));
    expect([written.length, written[0]?.includes('"a *:* rwm"'), written.at(-1)?.includes('"c 10:200 rwm"')]).toEqual([12, true, true]);
    expect(program({ ...UNIFIED, privileged: false })).toEqual([]);
  });

  test("give a v2 cgroup to the user of a container that may write to it", () => {
    const facts = { ...UNIFIED, delegatedFiles: ["cgroup.procs", "memory.reclaim"] };
    const mount = (...options: string[]): Config["mounts"] => [{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options }];
    const given = (blueprint: Blueprint): string[] => steps(facts, blueprint).filter((step) => step.startsWith("fchownat("));
    expect(given(oci({}, mount("rw", "nosuid")))).toHaveLength(3);
    expect(given(oci({}, mount("rw")))[1]).toContain("1073741824");
    expect([given(oci({}, mount("ro"))), given(oci({ namespaces: [{ type: "user" }, { type: "mount" }] }, mount("rw")))]).toEqual([[], []]);
    const other = withConfig(oci({}, mount("rw")), { process: { user: { uid: 7, gid: 0 } } });
    expect(given(other)[0]).toContain("1073741831");
  });
});
