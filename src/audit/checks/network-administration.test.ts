import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { capable, debian, DOCKER, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./network-administration.ts";

test("by the capability, or by a user namespace", () => {
  expect(told(check, { container: capable(1n << 12n, DOCKER), host: debian() })).toEqual(["finding: it has CAP_NET_ADMIN"]);
  expect(told(check, { container: unfiltered(), host: debian() })).toEqual(["finding: CAP_NET_ADMIN in a user namespace that it may make"]);
});

test("Docker's filter and capabilities keep it away, an unread filter is unknown", () => {
  const refused = "pass: it has no CAP_NET_ADMIN, and the seccomp filter refuses it for a user namespace that would give it";
  expect(told(check, { container: withFilter(DOCKER), host: debian() })).toEqual([refused]);
  expect(told(check, { host: debian() })[0]).toStartWith("unknown: what its seccomp filter");
});
