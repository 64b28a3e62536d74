import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { HOST_MOUNTS, MOUNTS } from "../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../kernel/mountinfo.ts";
import { hostPaths, MountTree, placeOf, placesOf, under } from "./mount-tree.ts";

const docker = parseMountinfo(MOUNTS);

test("a path is on the mount that a lookup ends on", () => {
  const tree = new MountTree(docker);
  expect(["/", "/etc/passwd", "/etc/hosts", "/proc/1/status", "/proc/sys/kernel/x", "/proc/kcore", "/sys/fs/cgroup/a", "/procx"].map((path) => tree.at(path)?.id)).toEqual([
    600, 600, 610, 601, 614, 617, 605, 600,
  ]);
});

test("a mount hides what was mounted below its mount point before", () => {
  const mounts = parseMountinfo("1 0 0:1 / / rw - overlay o rw\n2 1 0:2 / /a/b rw - tmpfs t rw\n3 1 0:3 / /a rw - tmpfs t rw\n4 3 0:4 / /a rw - tmpfs t rw\n");
  const tree = new MountTree(mounts);
  expect(tree.at("/a/b")?.id).toBe(4);
  expect(mounts.map((mount) => tree.shows(mount))).toEqual([true, false, false, true]);
});

test("a file of procfs is found where it is mounted again, and not under a mask", () => {
  expect(placesOf(docker, "proc", "/sys/kernel/core_pattern").map(({ path, mount }) => [path, mount.id])).toEqual([["/proc/sys/kernel/core_pattern", 614]]);
  expect(placesOf(docker, "proc", "/kcore")).toEqual([]);
  const twice = [...docker, ...parseMountinfo("700 600 0:21 / /host/proc rw - proc proc rw\n")];
  expect(placesOf(twice, "proc", "/kcore").map(({ path }) => path)).toEqual(["/host/proc/kcore"]);
});

test("a mount is followed to the path on the host", () => {
  const [bind] = parseMountinfo("1 0 8:1 /srv/data /data rw - ext4 /dev/sda1 rw\n");
  const [run] = parseMountinfo("1 0 0:27 /docker.sock /x rw - tmpfs tmpfs rw\n");
  if (bind === undefined || run === undefined) throw new Error("no mounts");
  expect(hostPaths(bind, HOST_MOUNTS)).toEqual(["/srv/data"]);
  expect(hostPaths(run, HOST_MOUNTS)).toEqual(["/run/docker.sock"]);
  expect(placeOf("/var/run/docker.sock", HOST_MOUNTS)).toEqual({ device: { major: 0, minor: 27 }, path: "/docker.sock" });
  // A sysfs of the same network namespace is the same filesystem, but no bind.
  expect(hostPaths({ ...bind, type: "sysfs", device: { major: 0, minor: 22 }, root: "/" }, HOST_MOUNTS)).toEqual([]);
});

test("any table answers, and with a mount of that table", () => {
  const line = fc.tuple(fc.nat(6), fc.constantFrom("/", "/a", "/a/b", "/c"));
  fc.assert(fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom("/", "/a/b/c", "/c", ""), (lines, path) => {
    const mounts = parseMountinfo(lines.map(([parent, point], i) => `${i + 1} ${parent} 0:1 / ${point} rw - tmpfs t rw`).join("\n"));
    const found = new MountTree(mounts).at(path);
    expect(found === undefined || mounts.includes(found)).toBe(true);
    const tree = new MountTree(mounts);
    const holders = mounts.filter((mount) => under(path, mount.mountPoint) && tree.reaches(mount, path));
    expect(holders.map(({ id }) => id)).toEqual(found === undefined || path === "" ? holders.map(({ id }) => id) : [found.id]);
  }), { numRuns: process.env["PIDBOX_FUZZ"] === "smoke" ? 100 : 1000 });
});
