import { expect, test } from "bun:test";
import { hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./reboot-pending.ts";

const host = (release: string, boot: readonly string[] | number, modules: readonly string[] | number, required = false): ReturnType<typeof hostFacts> => {
  const file = { mode: 0o100644, uid: 0, gid: 0, rdev: { major: 0, minor: 0 } };
  return hostFacts({ release, directories: new Map([["/boot", boot], ["/lib/modules", modules]]), paths: new Map([["/run/reboot-required", required ? file : -2]]) });
};

test("a newer one of the same flavour is found", () => {
  const names = ["vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-42-amd64", "vmlinuz-6.1.0-99-cloud-amd64", "config-7"];
  expect(told(check, { host: host("6.1.0-9-amd64", names, []) })).toEqual(["finding: 6.1.0-9-amd64 runs, 6.1.0-42-amd64 is installed"]);
  expect(told(check, { host: host("6.1.0-42-amd64", names, []) })).toEqual(["pass: the newest installed one runs: 6.1.0-42-amd64"]);
  expect(told(check, { host: host("6.11.4-301.fc41.x86_64", [], ["6.11.4-301.fc41.x86_64", "6.12.1-200.fc41.x86_64"]) })).toEqual(["finding: 6.11.4-301.fc41.x86_64 runs, 6.12.1-200.fc41.x86_64 is installed"]);
});

test("the distribution's own word counts", () => {
  expect(told(check, { host: host("6.1.0-42-amd64", [], [], true) })).toEqual(["finding: the distribution asks for a reboot"]);
});

test("a host that keeps no kernels is unknown", () => {
  expect(told(check, { host: host("6.18.44-fc-v669", [], -2) })).toEqual(["unknown: this host keeps no kernels of its own: who boots it decides"]);
  expect(told(check, { host: host("6.18.44-fc-v669", ["vmlinuz-6.1.0-42-amd64"], -2) })).toEqual(["unknown: no installed kernel is of the flavour that runs"]);
});
