import { expect, test } from "bun:test";
import { containerFacts, deviceProgramFacts, hostFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import type { DeviceNode } from "../facts-devices.ts";
import type { ContainerFacts } from "../facts.ts";
import { check } from "./host-devices.ts";

const disk: DeviceNode = { path: "/dev/innocent", type: "b", major: 8, minor: 0, mode: 0o660 };
const kvm: DeviceNode = { path: "/dev/kvm", type: "c", major: 10, minor: 232, mode: 0o666 };
const host = hostFacts({ files: new Map([["/proc/misc", "229 fuse\n232 kvm\n"]]) });
const all = [deviceProgramFacts([{ allow: true, access: "rwm" }])];
const withNodes = (nodes: readonly DeviceNode[] | number, programs = all): ContainerFacts => containerFacts({ devices: { programs, nodes } });

test("the usual nodes pass", () => {
  expect(told(check, { host })).toEqual(["pass: none but the usual"]);
});

test("a disk under another name and a virtual machine monitor are found", () => {
  expect(told(check, { host, container: withNodes([disk, kvm]) })).toEqual(["finding: /dev/innocent (block device), /dev/kvm (virtual machines)"]);
});

test("what the device cgroup, the mount or the mode denies is blocked", () => {
  expect(told(check, { host, container: withNodes([disk], [deviceProgramFacts([{ allow: false, access: "rwm" }])]) })).toEqual([
    "blocked by device cgroup: /dev/innocent (block device) cannot be opened",
  ]);
  const readable = [deviceProgramFacts([{ allow: false, access: "rwm" }, { allow: true, type: "b", major: 8, minor: 0, access: "r" }])];
  expect(told(check, { host, container: withNodes([disk], readable) })).toEqual(["finding: /dev/innocent (block device)"]);
  const user = task({ status: status({ uids: { real: 1000, effective: 1000, saved: 1000, filesystem: 1000 } }) });
  expect(told(check, { host, container: { ...withNodes([disk, kvm]), first: user, tasks: [user] } })).toEqual([
    "finding: /dev/kvm (virtual machines)", "blocked by file permissions: /dev/innocent (block device) cannot be opened",
  ]);
});

test("a node that is mounted anywhere is found", () => {
  const object = { mode: 0o060660, mountId: 608, device: { major: 0, minor: 5 }, inode: 5, rdev: { major: 8, minor: 1 }, size: 0, mountRoot: true };
  const binds = { tables: new Map(), objects: new Map([[608, object]]), sockets: [], complete: true };
  const one = containerFacts({ devices: { programs: all, nodes: [] }, binds });
  expect(told(check, { host, container: one })).toEqual(["finding: /etc/resolv.conf (block device)"]);
});

test("a /dev that cannot be listed is unknown", () => {
  expect(told(check, { host, container: withNodes(-66) })).toEqual(["unknown: its /dev could not be listed"]);
});
