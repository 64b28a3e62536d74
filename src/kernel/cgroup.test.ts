import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { fixture } from "../../test/fixtures/proc/load.ts";
import { PidboxError } from "../base/error.ts";
import { cgroupDirectory, type CgroupLayout, parseCgroupLayout, parseSelfCgroup, readCgroupCounters } from "./cgroup.ts";
import { parseMountinfo } from "./mountinfo.ts";

describe("parseSelfCgroup()", () => {
  test("reads v1, named and v2 lines; a path may hold colons and the mark of a removed cgroup", () => {
    expect(parseSelfCgroup("8:cpu,cpuacct:/docker/a\n9:name=systemd:/a:b\n0::/x.scope (deleted)\n")).toEqual([
      { hierarchy: 8, controllers: ["cpu", "cpuacct"], path: "/docker/a", deleted: false },
      { hierarchy: 9, controllers: ["name=systemd"], path: "/a:b", deleted: false },
      { hierarchy: 0, controllers: [], path: "/x.scope", deleted: true },
    ]);
  });

  for (const text of ["x", "0:/a", "a::/b", "0::relative"]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseSelfCgroup(text)).toThrow(PidboxError);
    });
  }
});

describe("parseCgroupLayout()", () => {
  test("finds v1 controllers beside a v2 tree: hybrid", () => {
    const layout = parseCgroupLayout(parseMountinfo(fixture("mountinfo-hybrid.txt")));
    expect(layout.version).toBe("hybrid");
    expect(layout.unified?.mountPoint).toBe("/sys/fs/cgroup/unified");
    expect([...layout.controllers.keys()].sort()).toEqual(["blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "name=systemd", "pids"]);
  });

  test("tells v2, v1 and none apart, and options from controllers", () => {
    expect(parseCgroupLayout(parseMountinfo("1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n")).version).toBe("v2");
    const v1 = parseCgroupLayout(parseMountinfo("1 0 0:1 / /c rw - cgroup cgroup rw,xattr,cpu,cpuacct,release_agent=/a\n"));
    expect([v1.version, [...v1.controllers.keys()]]).toEqual(["v1", ["cpu", "cpuacct"]]);
    expect(parseCgroupLayout([]).version).toBe("none");
  });
});

test("cgroupDirectory() maps a path through the root of the mount and refuses what the mount does not show", () => {
  expect(cgroupDirectory({ mountPoint: "/c", root: "/" }, "/a/b")).toBe("/c/a/b");
  expect(cgroupDirectory({ mountPoint: "/c", root: "/" }, "/")).toBe("/c");
  expect(cgroupDirectory({ mountPoint: "/c", root: "/docker/x" }, "/docker/x/y")).toBe("/c/y");
  expect(cgroupDirectory({ mountPoint: "/c", root: "/docker/x" }, "/docker/xy")).toBeUndefined();
  expect(cgroupDirectory({ mountPoint: "/c", root: "/" }, "/../other")).toBeUndefined();
});

describe("readCgroupCounters()", () => {
  function tree(files: Readonly<Record<string, string>>): string {
    const root = mkdtempSync("/tmp/pidbox-cgroup-");
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(`${root}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
      writeFileSync(`${root}/${path}`, text);
    }
    return root;
  }

  test("reads v2 files, and leaves out what is absent", () => {
    const root = tree({ "a/pids.current": "3\n", "a/cpu.stat": "usage_usec 1500\nuser_usec 1\n" });
    const layout: CgroupLayout = { version: "v2", unified: { mountPoint: root, root: "/" }, controllers: new Map() };
    expect(readCgroupCounters(layout, parseSelfCgroup("0::/a\n"))).toEqual({ pids: 3, cpuMicroseconds: 1500 });
    rmSync(root, { recursive: true });
  });

  test("reads each v1 controller at its own path", () => {
    const root = tree({ "p/x/pids.current": "2\n", "m/y/memory.usage_in_bytes": "4096\n", "u/x/cpuacct.usage": "7000000\n" });
    const at = (name: string) => ({ mountPoint: `${root}/${name}`, root: "/" });
    const layout: CgroupLayout = { version: "v1", controllers: new Map([["pids", at("p")], ["memory", at("m")], ["cpuacct", at("u")]]) };
    const memberships = parseSelfCgroup("3:pids:/x\n2:memory:/y\n1:cpuacct:/x\n");
    expect(readCgroupCounters(layout, memberships)).toEqual({ pids: 2, memoryBytes: 4096, cpuMicroseconds: 7000 });
    rmSync(root, { recursive: true });
  });
});
