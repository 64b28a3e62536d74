import { expect, test } from "bun:test";
import { containerFacts, task, told } from "../../../test/fixtures/audit/facts.ts";
import { debian } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./apparmor-content.ts";

const PATH = "/etc/apparmor.d/lxc-containers";
const container = containerFacts({ task: task({ label: "lxc-container-default (enforce)" }) });
const told1 = (text: string): string[] => told(check, { container, host: debian({ [PATH]: text }) });

test("what a profile allows is found", () => {
  const loose = "# comment\nprofile lxc-container-default flags=(attach_disconnected,mediate_deleted) {\n  network,\n  mount,\n  userns,\n  ptrace,\n  file,\n}\n";
  expect(told1(loose)).toEqual(["finding: lxc-container-default allows all mounts, allows user namespaces, does not deny AF_ALG, allows ptrace of all, or any other profile"]);
});

test("one that denies passes, whatever a comment or another profile says", () => {
  const tight = "profile other {\n  mount,\n}\nprofile lxc-container-default {\n  # mount,\n  network,\n  deny network alg,\n  mount fstype=proc -> /proc/,\n\n  owner @{PROC}/** r,\n}\n";
  expect(told1(tight)).toEqual(["pass: lxc-container-default allows neither all mounts nor AF_ALG"]);
});

test("what it includes counts, and an include that was not read is unknown", () => {
  const text = "profile lxc-container-default {\n  #include <abstractions/lxc/container-base>\n  include if exists <local/x>\n}\n";
  const base = { [PATH]: text, "/etc/apparmor.d/abstractions/lxc/container-base": "  network,\n  deny mount,\n" };
  expect(told(check, { container, host: debian(base) })).toEqual(["finding: lxc-container-default does not deny AF_ALG"]);
  expect(told(check, { container, host: debian({ ...base, "/etc/apparmor.d/abstractions/lxc/container-base": "file,\n" }) })).toEqual(["pass: lxc-container-default allows neither all mounts nor AF_ALG"]);
  expect(told1(text)).toEqual(["unknown: lxc-container-default includes abstractions/lxc/container-base, which could not be read"]);
});

test("a profile without a text is not looked at", () => {
  expect(told(check, { host: debian() })).toEqual(["not-applicable: the text of docker-default is not on this host"]);
  expect(told(check, { container: containerFacts({ task: task({ label: "unconfined" }) }), host: debian() })).toEqual(["not-applicable: no profile"]);
});
