import { expect, test } from "bun:test";
import { container, containerFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./cgroup-namespace.ts";

test("its own passes, the host's is found, and what is hidden is unknown", () => {
  expect(told(check)).toEqual(["pass: a cgroup namespace of its own"]);
  expect(told(check, { container: containerFacts({ container: container({ sharedWithHost: ["cgroup"] }) }) })).toEqual(["finding: it sees the host's cgroup paths"]);
  expect(told(check, { container: containerFacts({ container: container({ unknown: ["cgroup"] }) }) })).toEqual(["unknown: the kernel does not tell which one it is in"]);
});
