import { expect, test } from "bun:test";
import { auditFacts, container, containerFacts, MOUNTS, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import type { ContainerFacts } from "../facts.ts";
import { check } from "./shared-page-cache.ts";

const all = (1n << 41n) - 1n;
const privileged = (layers: string): ContainerFacts =>
  containerFacts({
    container: container({ id: "big", name: "big" }), mounts: parseMountinfo(MOUNTS.replace("l/A", layers)),
    task: task({ status: status({ capabilities: { ...status().capabilities, effective: all } }) }),
  });
const beside = (other: ContainerFacts): string[] => {
  const one = containerFacts();
  return told(check, { container: one, facts: auditFacts({ containers: [one, other] }) });
};

test("a common layer with a privileged container is found", () => {
  expect(beside(privileged("l/A"))).toEqual(["finding: with big"]);
  expect(beside(privileged("l/B"))).toEqual(["pass: with none"]);
  expect(beside(containerFacts({ container: container({ id: "small" }) }))).toEqual(["pass: with none"]);
});
