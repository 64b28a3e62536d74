import { expect, test } from "bun:test";
import { containerFacts, processFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./false-names.ts";

test("names and titles of kernel threads are found", () => {
  expect(told(check)).toEqual(["pass: none does"]);
  expect(told(check, { container: containerFacts({ task: task({ status: status({ name: "kworker/0:1" }) }) }) })).toEqual(["finding: PID 4711 is kworker/0:1"]);
  expect(told(check, { container: containerFacts({ processes: [processFacts({ command: ["[kworker/u8:2]"] })] }) })).toEqual(["finding: PID 4711 calls itself [kworker/u8:2]"]);
});
