import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./ptrace-scope.ts";

const FILE = "/proc/sys/kernel/yama/ptrace_scope";

test("0 and no Yama are found, more passes", () => {
  expect(told(check, { host: debian() })).toEqual(["finding: kernel.yama.ptrace_scope is 0"]);
  expect(told(check, { host: debian({ [FILE]: "1" }) })).toEqual(["pass: kernel.yama.ptrace_scope is 1"]);
  expect(told(check, { host: debian({ [FILE]: -2 }, { securityModules: ["capability"] }) })).toEqual(["finding: Yama is not active"]);
});

test("what cannot be read is unknown", () => {
  expect(told(check, { host: debian({ [FILE]: -13 }) })).toEqual(["unknown: kernel.yama.ptrace_scope could not be read"]);
  expect(told(check, { host: debian({ [FILE]: -2 }, { securityModules: -38 }) })).toEqual(["unknown: whether Yama is active is not known"]);
});
