import { describe, expect, test } from "bun:test";
import { fixture } from "../../test/fixtures/proc/load.ts";
import { PidboxError } from "../base/error.ts";
import { mountAt, parseMountinfo, readMountinfo } from "./mountinfo.ts";

describe("parseMountinfo()", () => {
  test("undoes the kernel's octal escapes in mount point and source", () => {
    const [mount] = parseMountinfo("474 444 0:134 / /tmp/a\\040b\\134c rw,relatime - tmpfs x\\040y\\043z rw\n");
    expect(mount).toMatchObject({ id: 474, parent: 444, device: { major: 0, minor: 134 }, mountPoint: "/tmp/a b\\c", type: "tmpfs", source: "x y#z" });
  });

  test("reads propagation and skips optional fields that it does not know", () => {
    const [mount] = parseMountinfo("1 2 0:3 / /x ro shared:7 master:8 propagate_from:9 unbindable newer:1 - tmpfs none ro,size=4k\n");
    expect(mount).toMatchObject({ shared: 7, master: 8, propagateFrom: 9, unbindable: true, options: ["ro"], superOptions: ["ro", "size=4k"] });
  });

  test("keeps a mount point that is a dash apart from the separator", () => {
    expect(parseMountinfo("1 2 0:3 / - rw - tmpfs none rw\n")[0]).toMatchObject({ mountPoint: "-", type: "tmpfs" });
  });

  test("accepts an empty source", () => {
    expect(parseMountinfo("1 2 0:3 / /x rw -  tmpfs rw\n")[0]).toMatchObject({ type: "", source: "tmpfs" });
    expect(parseMountinfo("1 2 0:3 / /x rw - tmpfs  rw\n")[0]).toMatchObject({ type: "tmpfs", source: "" });
  });

  test("reads a docker container's whole table: masked, read-only and root mounts", () => {
    const mounts = parseMountinfo(fixture("mountinfo-docker.txt"));
    expect(mounts).toHaveLength(28);
    expect(mountAt(mounts, "/")).toMatchObject({ type: "overlay", master: 2 });
    expect(mountAt(mounts, "/proc/sys")?.options).toContain("ro");
    expect(mountAt(mounts, "/proc/keys")).toMatchObject({ type: "tmpfs", root: "/null" });
  });

  for (const line of ["x", "1 2 0:3 / /x rw", "1 2 03 / /x rw - a b c", "1 b 0:3 / /x rw - a b c", "1 2 0:3 / /x rw shared:x - a b c", "1 2 0:3 / /x rw -"]) {
    test(`refuses ${JSON.stringify(line)}`, () => {
      expect(() => parseMountinfo(line)).toThrow(PidboxError);
    });
  }
});

test("mountAt() finds the mount that covers the others", () => {
  const mounts = parseMountinfo("1 0 0:1 / /dev/shm rw - tmpfs a rw\n2 1 0:2 / /dev/shm rw - tmpfs b rw\n");
  expect(mountAt(mounts, "/dev/shm")?.source).toBe("b");
  expect(mountAt(mounts, "/none")).toBeUndefined();
});

test("readMountinfo() reads this process and says ENOENT for one that does not exist", () => {
  const own = readMountinfo("self");
  expect(Array.isArray(own) && mountAt(own, "/proc")?.type).toBe("proc");
  expect(readMountinfo(2 ** 22 + 1)).toBe(-2);
});
