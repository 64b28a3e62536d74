import { expect, test } from "bun:test";
import { container, containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./file-handles.ts";

const having = task({ status: status({ capabilities: { ...status().capabilities, effective: 4n } }) });

test("the capability is found, and a user namespace stops it", () => {
  expect(told(check)).toEqual(["pass: it has none of it"]);
  expect(told(check, { container: containerFacts({ task: having }) })).toEqual(["finding: it has it"]);
  const own = containerFacts({ task: having, container: container({ sharedWithHost: [] }) });
  expect(told(check, { container: own })).toEqual(["blocked by user namespace: it has it over its own user namespace alone"]);
});
