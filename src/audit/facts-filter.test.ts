import { expect, test } from "bun:test";
import { container, status, task } from "../../test/fixtures/audit/facts.ts";
import { declaredProgram, filtersOf } from "./facts-filter.ts";
import type { DeclaredFacts } from "./facts.ts";

test("nothing is stopped unless it was asked for", () => {
  const facts = filtersOf(container(), [task()], undefined, { stop: false, own: new Map() });
  expect(facts).toMatchObject({ from: "nothing", why: "`pidbox audit --stop` reads it, and stops its first process for a moment" });
});

test("pidbox's own are known from the plan, and none is known without one", () => {
  const own = new Map([[container().id, new Uint8Array([6, 0, 0, 0, 0, 0, 0xff, 0x7f])]]);
  expect(filtersOf(container(), [task()], undefined, { stop: true, own })).toEqual({ from: "plan", sets: [{ pid: 4711, programs: ["060000000000ff7f"] }] });
  const bare = task({ status: status({ seccomp: 0 }) });
  expect(filtersOf(container(), [bare], undefined, { stop: true, own: new Map() })).toEqual({ from: "kernel", sets: [] });
});

const declaring = (seccomp: object | undefined): DeclaredFacts => {
  return { source: "/b/config.json", config: { ociVersion: "1.2.0", ...(seccomp === undefined ? {} : { linux: { seccomp } }) } as DeclaredFacts["config"] };
};

test("what the runtime was told to load is known without a stop", () => {
  const args = [{ index: 0, value: 0xffff_ffff_ffff_fff0n, op: "SCMP_CMP_EQ" }];
  const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["personality"], action: "SCMP_ACT_ERRNO", args }] };
  const facts = filtersOf(container(), [task()], declaring(profile), { stop: false, own: new Map() });
  expect(facts).toMatchObject({ from: "declared", sets: [{ pid: 4711 }] });
  expect(declaredProgram(declaring({ ...profile }))).toBe(facts.from === "nothing" ? "" : facts.sets[0]?.programs[0]);
});

test("no profile, one that cannot be read, and one that pidbox does not take are not known", () => {
  const others = [undefined, declaring(undefined), { source: "/b", config: -13 }, declaring({ defaultAction: "SCMP_ACT_NOTIFY" })];
  for (const declared of others) expect(filtersOf(container(), [task()], declared, { stop: false, own: new Map() }).from).toBe("nothing");
});
