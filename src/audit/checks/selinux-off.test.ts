import { expect, test } from "bun:test";
import { auditFacts, container, containerFacts, task, told } from "../../../test/fixtures/audit/facts.ts";
import { debian } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./selinux-off.ts";

const host = (enforce: string | number): ReturnType<typeof debian> => {
  return debian({ "/sys/fs/selinux/enforce": enforce }, { securityModules: ["capability", "selinux"] });
};
const labelled = (label: string | number, id = "a"): ReturnType<typeof containerFacts> => {
  return containerFacts({ container: container({ id }), task: task({ label }) });
};
const OWN = "system_u:system_r:container_t:s0:c12,c830";

test("its own type and categories pass", () => {
  expect(told(check, { container: labelled(OWN), host: host("1") })).toEqual(["pass: container_t c12,c830"]);
});

test("permissive, and a type that is not confined, are found", () => {
  expect(told(check, { container: labelled(OWN), host: host("0") })).toEqual(["finding: it is permissive: it records and forbids nothing"]);
  expect(told(check, { container: labelled("unconfined_u:system_r:spc_t:s0"), host: host("1") })).toEqual(["finding: its type is spc_t"]);
});

test("two containers with the same categories are found, but not those of one pod", () => {
  const [a, b] = [labelled(OWN, "a"), labelled(OWN, "b")];
  expect(told(check, { container: a, facts: auditFacts({ host: host("1"), containers: [a, b] }) })).toEqual(["finding: another container has the same categories c12,c830: b"]);
  const pods = [a, b].map((one) => ({ ...one, container: { ...one.container, pod: "p" } }));
  expect(told(check, { container: pods[0] ?? a, facts: auditFacts({ host: host("1"), containers: pods }) })).toEqual(["pass: container_t c12,c830"]);
});

test("what cannot be read is unknown, and without SELinux it does not apply", () => {
  expect(told(check, { container: labelled(-13), host: host("1") })).toEqual(["unknown: its label could not be read"]);
  expect(told(check, { container: labelled(OWN), host: host(-13) })).toEqual(["unknown: whether SELinux enforces could not be read"]);
  expect(told(check, { host: debian() })).toEqual(["not-applicable: SELinux is not active on this host"]);
});
