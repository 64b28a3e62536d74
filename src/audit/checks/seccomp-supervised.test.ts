import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian, filterOf, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./seccomp-supervised.ts";

test("calls that a supervisor answers are named", () => {
  const filters = filterOf({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mknod", "mknodat"], action: "SCMP_ACT_NOTIFY" }] });
  expect(told(check, { container: withFilter(filters), host: debian() })).toEqual(["finding: mknod, mknodat"]);
});

test("none, no filter, and a filter that was not read", () => {
  expect(told(check, { container: withFilter(STRICT), host: debian() })).toEqual(["pass: none"]);
  expect(told(check, { container: unfiltered(), host: debian() })).toEqual(["not-applicable: a thread has no filter at all"]);
  expect(told(check, { host: debian() })[0]).toStartWith("unknown: what its seccomp filter");
});
