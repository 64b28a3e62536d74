import { expect, test } from "bun:test";
import { containerFacts, task, told } from "../../../test/fixtures/audit/facts.ts";
import { debian } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./apparmor-off.ts";

const labelled = (label: string | number): ReturnType<typeof containerFacts> => containerFacts({ task: task({ label }) });

test("unconfined and complaining are found, enforced passes", () => {
  expect(told(check, { host: debian() })).toEqual(["pass: docker-default (enforce)"]);
  expect(told(check, { container: labelled("unconfined"), host: debian() })).toEqual(["finding: unconfined"]);
  expect(told(check, { container: labelled("mine (complain)"), host: debian() })).toEqual(["finding: mine only complains"]);
  expect(told(check, { container: labelled("crun (unconfined)"), host: debian() })).toEqual(["finding: crun denies nothing"]);
});

test("a label that cannot be read is unknown, and without AppArmor it does not apply", () => {
  expect(told(check, { container: labelled(-13), host: debian() })).toEqual(["unknown: its label could not be read"]);
  expect(told(check, { host: debian({}, { securityModules: ["capability", "selinux"] }) })).toEqual(["not-applicable: AppArmor is not active on this host"]);
  expect(told(check, { host: debian({}, { securityModules: -38 }) })).toEqual(["unknown: which security modules are active is not known"]);
});
