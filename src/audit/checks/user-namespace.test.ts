import { expect, test } from "bun:test";
import { answersOf, container, containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./user-namespace.ts";

const own = (outside: number): ReturnType<typeof containerFacts> =>
  containerFacts({ container: container({ sharedWithHost: [] }), uidMap: [{ inside: 0, outside, count: 65536 }] });

test("no user namespace is found, and is graver for root", () => {
  expect(told(check)).toEqual(["finding: no user namespace, and it runs as root"]);
  const ids = { real: 1000, effective: 1000, saved: 1000, filesystem: 1000 };
  const user = containerFacts({ task: task({ status: status({ uids: ids }) }) });
  expect(answersOf(check, { container: user })).toMatchObject([{ verdict: "finding", severity: "medium", text: "no user namespace; it runs as 1000" }]);
});

test("a namespace of its own passes unless its root is the host's", () => {
  expect(told(check, { container: own(100000) })).toEqual(["pass: its root is 100000 outside"]);
  expect(told(check, { container: own(0) })).toEqual(["finding: a user namespace of its own, whose root has the host's id 0"]);
});

test("what the kernel hides is unknown", () => {
  expect(told(check, { container: containerFacts({ container: container({ sharedWithHost: [], unknown: ["user"] }) }) })[0]).toStartWith("unknown: ");
});
