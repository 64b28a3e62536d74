import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian, DOCKER, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import type { FilterFacts } from "../facts.ts";
import { check } from "./seccomp-abi.ts";

/** ld nr; jeq #165 (mount), deny, allow: the ABI is not looked at. */
const blind: FilterFacts = { from: "kernel", sets: [{ pid: 4711, programs: ["200000000000000015000001a50000000600000001000500060000000000ff7f"] }] };

test("a filter that does not look at the ABI forgets both", () => {
  const host = debian({}, { config: new Map([["CONFIG_IA32_EMULATION", "y"], ["CONFIG_X86_X32_ABI", "y"]]) });
  const answers = told(check, { container: withFilter(blind), host });
  expect(answers).toEqual(["finding: i386: mount run there and are denied to x86-64", "finding: x32: mount run there and are denied to x86-64"]);
});

test("Docker's and pidbox's pass", () => {
  for (const filter of [DOCKER, STRICT]) expect(told(check, { container: withFilter(filter), host: debian() })).toEqual(["pass: i386: nothing that is denied runs there"]);
  expect(told(check, { container: withFilter(blind), host: debian({}, { config: new Map() }) })).toEqual(["pass: this kernel has x86-64 alone"]);
});

test("no filter is another check's, one that was not read is unknown, and a program that no kernel loads too", () => {
  expect(told(check, { container: unfiltered(), host: debian() })).toEqual(["not-applicable: a thread has no filter at all"]);
  expect(told(check, { host: debian() })[0]).toStartWith("unknown: what its seccomp filter");
  const nonsense: FilterFacts = { from: "kernel", sets: [{ pid: 1, programs: ["0500000000ffffff"] }] };
  expect(told(check, { container: withFilter(nonsense), host: debian() })).toEqual(["unknown: its seccomp filter is not one that a kernel loads"]);
});
