import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian, denying, DOCKER, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./seccomp-denylist.ts";

test("LXC's way is found, Docker's and pidbox's pass", () => {
  expect(told(check, { container: withFilter(denying("kexec_load", "init_module")), host: debian() })[0]).toStartWith("finding: it is a list of what is denied: ");
  for (const filter of [DOCKER, STRICT]) {
    expect(told(check, { container: withFilter(filter), host: debian() })[0]).toMatch(/^pass: [0-9]+ of [0-9]+ system calls/);
  }
});

test("no filter is another check's, one that was not read is unknown", () => {
  expect(told(check, { container: unfiltered(), host: debian() })).toEqual(["not-applicable: a thread has no filter at all"]);
  expect(told(check, { host: debian() })[0]).toStartWith("unknown: what its seccomp filter");
});
