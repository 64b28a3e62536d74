import { expect, test } from "bun:test";
import { containerFacts, networkFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./egress.ts";

test("a default route is found", () => {
  expect(told(check)).toEqual(["finding: a default route by eth0"]);
  expect(told(check, { container: containerFacts({ network: networkFacts({ routes: [] }) }) })).toEqual(["pass: no default route"]);
  expect(told(check, { container: containerFacts({ network: networkFacts({ routes: -13 }) }) })).toEqual(["unknown: its routes could not be read"]);
});
