import { expect, test } from "bun:test";
import { containerFacts, deviceProgramFacts, task, told } from "../../../test/fixtures/audit/facts.ts";
import type { LoadedProgram } from "../../kernel/device-program.ts";
import type { ContainerFacts } from "../facts.ts";
import { check } from "./device-cgroup.ts";

const all = deviceProgramFacts([{ allow: true, access: "rwm" }]);
const few = deviceProgramFacts([{ allow: false, access: "rwm" }]);
const withPrograms = (programs: readonly LoadedProgram[] | number, changes: Partial<ContainerFacts> = {}): ContainerFacts =>
  containerFacts({ devices: { programs, nodes: [] }, ...changes });
const toldOf = (programs: readonly LoadedProgram[] | number, changes: Partial<ContainerFacts> = {}): string[] =>
  told(check, { container: withPrograms(programs, changes) });

test("Docker's program denies what no rule names", () => {
  expect(told(check)).toEqual(["pass: devices that no rule names are denied"]);
});

test("no program, or one that allows all, is found; any one of several may deny", () => {
  const found = ["finding: every device of the host may be made and opened"];
  expect(toldOf([])).toEqual(found);
  expect(toldOf([all])).toEqual(found);
  expect(toldOf([all, few])).toEqual(["pass: devices that no rule names are denied"]);
});

test("programs that cannot be read or understood leave it unknown, unless another denies", () => {
  const hidden: LoadedProgram = { id: 7, name: "x", code: -1 };
  const calls: LoadedProgram = { id: 8, name: "y", code: "85000000010000009500000000000000" };
  expect(toldOf(-1)).toEqual(["unknown: the programs of its cgroup: EPERM"]);
  expect(toldOf([hidden])).toEqual(["unknown: program 7 is not shown: EPERM"]);
  expect(toldOf([calls])).toEqual(["unknown: program 8 does what is not understood here"]);
  expect(toldOf([hidden, few])).toEqual(["pass: devices that no rule names are denied"]);
});

test("lists of the v1 controller count as well", () => {
  const directory = "/sys/fs/cgroup/devices/docker/x";
  const list = (text: string | number): Partial<ContainerFacts> =>
    ({ cgroups: new Map([["devices", directory]]), cgroupFiles: new Map([[`${directory}/devices.list`, text]]) });
  expect(toldOf([], list("c 1:3 rwm\nb *:* m"))).toEqual(["pass: devices that no rule names are denied"]);
  expect(toldOf([], list("a *:* rwm"))).toEqual(["finding: every device of the host may be made and opened"]);
  expect(toldOf([few], list("a *:* rwm"))).toEqual(["pass: devices that no rule names are denied"]);
  expect(toldOf([], list(-13))).toEqual(["unknown: devices.list: EACCES"]);
  expect(toldOf([], { cgroups: new Map([["devices", "/sys/fs/cgroup/devices"]]) })).toEqual(["finding: every device of the host may be made and opened"]);
});

test("cgroups that are not in sight leave it unknown, a user namespace that is not told counts as the host's", () => {
  expect(toldOf([], { cgroups: new Map() })).toEqual(["unknown: its cgroups are not mounted where this user sees them"]);
  const { user: _user, ...hidden } = task().namespaces;
  const dark = task({ namespaces: hidden });
  expect(toldOf([], { first: dark, tasks: [dark] })[0]).toStartWith("finding");
  expect(toldOf([], { first: dark, tasks: [dark], uidMap: [{ inside: 0, outside: 100_000, count: 65_536 }] })[0]).toStartWith("blocked by user namespace");
});

test("in a user namespace of its own nobody can make a node", () => {
  const own = task({ namespaces: { ...task().namespaces, user: 4026532999 } });
  expect(toldOf([], { first: own, tasks: [own] })).toEqual(["blocked by user namespace: every device is allowed, but nobody in it can make a node"]);
});
