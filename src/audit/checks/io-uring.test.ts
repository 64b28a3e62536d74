import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./io-uring.ts";

const FILE = "/proc/sys/kernel/io_uring_disabled";

test("found without a filter, refused by one", () => {
  expect(told(check, { container: unfiltered(), host: debian() })).toEqual(["finding: io_uring_setup can be called"]);
  expect(told(check, { container: withFilter(STRICT), host: debian() })).toEqual(["pass: the seccomp filter refuses it"]);
});

test("the sysctl closes it: 2 for all, 1 for who has no CAP_SYS_ADMIN", () => {
  expect(told(check, { container: unfiltered(1n << 21n), host: debian({ [FILE]: "2" }) })).toEqual(["pass: kernel.io_uring_disabled is 2"]);
  expect(told(check, { container: unfiltered(), host: debian({ [FILE]: "1" }) })).toEqual(["pass: kernel.io_uring_disabled is 1, and it has no CAP_SYS_ADMIN"]);
  expect(told(check, { container: unfiltered(1n << 21n), host: debian({ [FILE]: "1" }) })).toEqual(["finding: io_uring_setup can be called"]);
});

test("kernel.io_uring_group lets its members in", () => {
  const files = { [FILE]: "1", "/proc/sys/kernel/io_uring_group": "0" };
  expect(told(check, { container: unfiltered(), host: debian(files) })).toEqual(["finding: io_uring_setup can be called"]);
  expect(told(check, { container: unfiltered(), host: debian({ ...files, "/proc/sys/kernel/io_uring_group": "998" }) })[0]).toStartWith("pass: kernel.io_uring_disabled is 1");
});

test("a kernel without it passes, an unread filter is unknown", () => {
  expect(told(check, { container: unfiltered(), host: debian({}, { config: new Map() }) })).toEqual(["pass: this kernel has no io_uring"]);
  expect(told(check, { host: debian() })[0]).toStartWith("unknown: what its seccomp filter allows is not known");
});
