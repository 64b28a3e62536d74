import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./security-modules.ts";

test("what is missing is named", () => {
  const all = ["capability", "lockdown", "landlock", "yama", "apparmor"];
  expect(told(check, { host: debian({}, { securityModules: all }) })).toEqual(["pass: capability, lockdown, landlock, yama, apparmor"]);
  expect(told(check, { host: debian() })).toEqual(["finding: no landlock, no lockdown"]);
  expect(told(check, { host: debian({}, { securityModules: ["capability"] }) })).toEqual(["finding: no AppArmor and no SELinux, no yama, no landlock, no lockdown"]);
  expect(told(check, { host: debian({}, { securityModules: -38 }) })).toEqual(["unknown: which security modules are active could not be read"]);
});
