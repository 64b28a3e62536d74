import { expect, test } from "bun:test";
import { containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./new-privileges.ts";

test("off is found, on passes, an empty bounding set stops it", () => {
  expect(told(check)).toEqual(["finding: no_new_privs is off"]);
  expect(told(check, { container: containerFacts({ task: task({ status: status({ noNewPrivileges: true }) }) }) })).toEqual(["pass: on"]);
  const bare = task({ status: status({ capabilities: { ...status().capabilities, bounding: 0n } }) });
  expect(told(check, { container: containerFacts({ task: bare }) })).toEqual(["blocked by empty bounding set: off"]);
});
