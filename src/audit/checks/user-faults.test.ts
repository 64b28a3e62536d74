import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./user-faults.ts";

const FILE = "/proc/sys/vm/unprivileged_userfaultfd";

test("the sysctl, CAP_SYS_PTRACE and the filter decide", () => {
  expect(told(check, { container: unfiltered(), host: debian() })).toEqual(["pass: vm.unprivileged_userfaultfd is 0: only for faults in user mode"]);
  expect(told(check, { container: unfiltered(), host: debian({ [FILE]: "1" }) })).toEqual(["finding: userfaultfd can be called for faults in the kernel"]);
  expect(told(check, { container: unfiltered(1n << 19n), host: debian() })).toEqual(["finding: userfaultfd can be called for faults in the kernel"]);
  expect(told(check, { container: withFilter(STRICT), host: debian({ [FILE]: "1" }) })).toEqual(["pass: the seccomp filter refuses it"]);
});

test("what could not be read is unknown", () => {
  expect(told(check, { container: unfiltered(), host: debian({ [FILE]: -13 }) })).toEqual(["unknown: vm.unprivileged_userfaultfd could not be read"]);
});
