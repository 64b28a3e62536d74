import { expect, test } from "bun:test";
import { containerFacts, task, told } from "../../../test/fixtures/audit/facts.ts";
import { debian } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./apparmor-content.ts";

const PATH = "/etc/apparmor.d/lxc-containers";
const container = containerFacts({ task: task({ label: "lxc-container-default (enforce)" }) });
const told1 = (text: string): string[] => told(check, { container, host: debian({ [PATH]: text }) });

test("what a profile allows is found", () => {
  const loose = "# comment\nprofile lxc-container-default flags=(attach_disconnected,mediate_deleted) {\n  network,\n  mount,\n  userns,\n  ptrace,\n  file,\n}\n";
  expect(told1(loose)).toEqual(["finding: lxc-container-default allows mounts, allows user namespaces, does not deny AF_ALG, allows ptrace of all, or any other profile"]);
});

test("one that denies passes, whatever a comment or another profile says", () => {
  const tight = "profile other {\n  mount,\n}\nprofile lxc-container-default {\n  # mount,\n  network,\n  deny network alg,\n  deny mount,\n  owner @{PROC}/** r,\n}\n";
  expect(told1(tight)).toEqual(["pass: lxc-container-default denies mounts and AF_ALG"]);
});

test("a profile without a text is not looked at", () => {
  expect(told(check, { host: debian() })).toEqual(["not-applicable: the text of docker-default is not on this host"]);
  expect(told(check, { container: containerFacts({ task: task({ label: "unconfined" }) }), host: debian() })).toEqual(["not-applicable: no profile"]);
});
