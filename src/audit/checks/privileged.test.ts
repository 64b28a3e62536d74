import { expect, test } from "bun:test";
import { container, containerFacts, deviceProgramFacts, HOST_NAMESPACES, hostFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import type { TaskFacts } from "../../engine/posture.ts";
import type { ContainerFacts } from "../facts.ts";
import { check } from "./privileged.ts";

const { capabilities } = status();
/** All 41 of a kernel whose cap_last_cap is 40. */
const ALL = 0x1ff_ffff_ffffn;
const privileged = (effective: bigint, namespaces = task().namespaces): TaskFacts =>
  task({ status: status({ capabilities: { ...capabilities, effective }, seccomp: 0 }), label: "unconfined", namespaces });
const open = { programs: [deviceProgramFacts([{ allow: true, access: "rwm" }])], nodes: [] };
const told1 = (changes: Parameters<typeof containerFacts>[0], host?: ReturnType<typeof hostFacts>): string[] => {
  const one: ContainerFacts = containerFacts(changes);
  return told(check, host === undefined ? { container: one } : { container: one, host });
};

test("Docker's default passes, --privileged is found", () => {
  expect(told(check)).toEqual(["pass: no thread has every capability"]);
  expect(told1({ task: privileged(ALL), devices: open })).toEqual(["finding: every capability, no seccomp filter, not confined by a security module, every device"]);
});

test("all capabilities are this kernel's, without those that CAP_SYS_ADMIN has in it: Docker 20.10 knows 38 of 41", () => {
  expect(told1({ task: privileged(0x3f_ffff_ffffn), devices: open })[0]).toStartWith("finding: every capability");
  expect(told1({ task: privileged(0x1f_ffff_ffffn), devices: open })).toEqual(["pass: no thread has every capability"]);
  expect(told1({ task: privileged(0x1f_ffff_ffffn) }, hostFacts({ lastCapability: 36 }))[0]).toStartWith("finding: every capability");
});

test("what the host's first process cannot have is not asked for", () => {
  const host = hostFacts({ files: new Map([["/proc/1/status", "Name:\tinit\nCapBnd:\t000001fffeffffff\n"]]) });
  expect(told1({ task: privileged(0x1ff_feff_ffffn), devices: open }, host)[0]).toStartWith("finding: every capability");
});

test("over its own users alone it is stopped by the user namespace", () => {
  const own = privileged(ALL, { ...task().namespaces, user: 4026532999 });
  expect(HOST_NAMESPACES.user).not.toBe(4026532999);
  expect(told1({ task: own, container: container({ sharedWithHost: ["time"] }) })[0]).toStartWith("blocked by user namespace: every capability");
});
