import { expect, test } from "bun:test";
import { container, containerFacts, HOST_NAMESPACES, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./pid-namespace.ts";

test("a PID namespace of its own passes", () => {
  expect(told(check)).toEqual(["pass: a PID namespace of its own, 1 below the host's"]);
});

test("the host's is found", () => {
  const shared = containerFacts({ container: container({ sharedWithHost: ["pid", "user"], depth: 1 }), task: task({ namespaces: HOST_NAMESPACES }) });
  expect(told(check, { container: shared })).toEqual(["finding: it sees the host's processes"]);
});
