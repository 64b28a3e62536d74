import { expect, test } from "bun:test";
import { containerFacts, status, task } from "../../test/fixtures/audit/facts.ts";
import { denying, STRICT, unfiltered, withFilter } from "../../test/fixtures/audit/filters.ts";
import type { FilterFacts } from "./facts.ts";
import { callOf, fateOf, unknownFilter, worstFate } from "./syscall-filter.ts";

const mount = callOf("x64", "mount");

test("the strictest of the filters of a thread, the laxest of the threads", () => {
  const [lax, tight] = [denying("bpf"), denying("mount")];
  const programs = [lax, tight].flatMap((filter) => (filter.from === "nothing" ? [] : filter.sets.flatMap((set) => set.programs)));
  const stacked: FilterFacts = { from: "kernel", sets: [{ pid: 1, programs }] };
  expect(fateOf(withFilter(stacked), mount)).toBe("refused");
  const apart: FilterFacts = { from: "kernel", sets: programs.map((program, pid) => ({ pid, programs: [program] })) };
  expect(fateOf(withFilter(apart), mount)).toBe("runs");
});

test("one thread without a filter decides", () => {
  const bare = task({ pid: 9, thread: 9, status: status({ seccomp: 0 }) });
  expect(fateOf(containerFacts({ filters: STRICT, tasks: [task(), bare] }), mount)).toBe("runs");
  expect(fateOf(unfiltered(), mount)).toBe("runs");
});

test("strict mode refuses all but four calls", () => {
  expect(fateOf(containerFacts({ task: task({ status: status({ seccomp: 1 }) }) }), mount)).toBe("refused");
});

test("what is not known stays unknown, and a filter does not hide threads that could not be read", () => {
  expect(fateOf(containerFacts(), mount)).toBe("unknown");
  expect(fateOf(containerFacts({ tasks: [] }), mount)).toBe("unknown");
  const dark = withFilter(STRICT, { unreadable: [{ pid: 5, errno: -13 }] });
  expect([fateOf(dark, mount), unknownFilter(dark)]).toEqual(["unknown", "1 of its threads could not be read"]);
  for (const hex of ["", "zz", "06000000", "0600000000000000".repeat(5000)]) {
    expect(fateOf(withFilter({ from: "kernel", sets: [{ pid: 1, programs: [hex] }] }), mount)).toBe("unknown");
  }
});

test("calls that an ABI does not have are refused, and one of several ways is enough", () => {
  expect(callOf("arm64", "open")).toBeUndefined();
  expect(callOf("x64", "toString")).toBeUndefined();
  expect(callOf("x32", "read")?.nr).toBe(0x4000_0000);
  expect(worstFate(withFilter(denying("mount")), [mount, undefined, callOf("x64", "fsopen")])).toBe("runs");
});
