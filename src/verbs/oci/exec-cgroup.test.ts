/** Where exec --cgroup leads. */
import { expect, test } from "bun:test";
import type { CgroupHierarchy } from "../../plan/host-facts.ts";
import { execCgroups } from "./exec-cgroup.ts";

function legacy(name: string, ...controllers: readonly string[]): CgroupHierarchy {
  return { version: 1, controllers, mountPoint: `/sys/fs/cgroup/${name}`, directory: `/sys/fs/cgroup/${name}`, name };
}
const HIERARCHIES = [legacy("cpu,cpuacct", "cpu", "cpuacct"), legacy("pids", "pids")];
const OWN = ["/sys/fs/cgroup/cpu,cpuacct/box", "/sys/fs/cgroup/pids/box"];
const UNIFIED: CgroupHierarchy = { version: 2, controllers: ["pids"], mountPoint: "/sys/fs/cgroup", directory: "/sys/fs/cgroup", name: "unified" };

test("execCgroups() is the container's own without the option", () => expect(execCgroups(OWN, HIERARCHIES, [])).toEqual(OWN));

test("execCgroups() leads below all of them, or those of the controllers that are named", () => {
  expect(execCgroups(OWN, HIERARCHIES, ["a/b"])).toEqual(["/sys/fs/cgroup/cpu,cpuacct/box/a/b", "/sys/fs/cgroup/pids/box/a/b"]);
  expect(execCgroups(OWN, HIERARCHIES, ["cpuacct:/a", "pids:b"])).toEqual(["/sys/fs/cgroup/cpu,cpuacct/box/a", "/sys/fs/cgroup/pids/box/b"]);
  expect(execCgroups(["/sys/fs/cgroup/x"], [UNIFIED], ["/"])).toEqual(["/sys/fs/cgroup/x"]);
});

test("execCgroups() refuses ways out and controllers that are not there", () => {
  for (const value of ["..", "a/../../b", "pids:../x", "memory:a", ":a"]) expect(() => execCgroups(OWN, HIERARCHIES, [value])).toThrow("for --cgroup");
  expect(() => execCgroups(["/sys/fs/cgroup/x"], [UNIFIED], ["pids:a"])).toThrow("no cgroup of this controller");
});
