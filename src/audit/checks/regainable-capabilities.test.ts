import { expect, test } from "bun:test";
import { containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./regainable-capabilities.ts";

const { capabilities } = status();
const user = (noNewPrivileges: boolean): ReturnType<typeof containerFacts> =>
  containerFacts({ task: task({ status: status({ noNewPrivileges, capabilities: { ...capabilities, bounding: 0xfn, effective: 0n, permitted: 0n } }) }) });

test("what only the bounding set has is found unless new privileges are off", () => {
  expect(told(check)).toEqual(["pass: none beyond what it has"]);
  expect(told(check, { container: user(false) })).toEqual(["finding: CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER"]);
  expect(told(check, { container: user(true) })[0]).toStartWith("blocked by no_new_privs: ");
});
