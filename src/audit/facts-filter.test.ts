import { expect, test } from "bun:test";
import { container, status, task } from "../../test/fixtures/audit/facts.ts";
import { filtersOf } from "./facts-filter.ts";

test("nothing is stopped unless it was asked for", () => {
  const facts = filtersOf(container(), [task()], { stop: false, own: new Map() });
  expect(facts).toMatchObject({ from: "nothing", why: "`pidbox audit --stop` reads it, and stops its first process for a moment" });
});

test("pidbox's own are known from the plan, and none is known without one", () => {
  const own = new Map([[container().id, new Uint8Array([6, 0, 0, 0, 0, 0, 0xff, 0x7f])]]);
  expect(filtersOf(container(), [task()], { stop: true, own })).toEqual({ from: "plan", sets: [{ pid: 4711, programs: ["060000000000ff7f"] }] });
  const bare = task({ status: status({ seccomp: 0 }) });
  expect(filtersOf(container(), [bare], { stop: true, own: new Map() })).toEqual({ from: "kernel", sets: [] });
});
