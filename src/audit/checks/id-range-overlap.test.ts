import { expect, test } from "bun:test";
import { auditFacts, container, containerFacts, HOST_NAMESPACES, task, told } from "../../../test/fixtures/audit/facts.ts";
import type { ContainerFacts } from "../facts.ts";
import { check } from "./id-range-overlap.ts";

const own = (id: string, user: number, outside: number): ContainerFacts =>
  containerFacts({
    container: container({ id, sharedWithHost: [] }), task: task({ namespaces: { ...HOST_NAMESPACES, user } }), uidMap: [{ inside: 0, outside, count: 65536 }],
  });
const about = (one: ContainerFacts, ...others: readonly ContainerFacts[]): string[] =>
  told(check, { container: one, facts: auditFacts({ containers: [one, ...others] }) });

test("ranges that touch are found, those beside each other pass", () => {
  expect(about(own("a", 1, 100000), own("b", 2, 165536))).toEqual(["pass: a range of its own"]);
  expect(about(own("a", 1, 100000), own("b", 2, 165535))).toEqual(["finding: b"]);
  expect(about(own("a", 1, 100000), own("b", 2, 100000), own("c", 3, 100000))).toEqual(["finding: b and 1 more"]);
});

test("one user namespace is shared on purpose; none has no ranges", () => {
  expect(about(own("a", 1, 100000), own("b", 1, 100000))).toEqual(["pass: a range of its own"]);
  expect(told(check)).toEqual(["not-applicable: it has no user namespace of its own"]);
});
