import { describe, expect, test } from "bun:test";
import { MOUNT_ATTR as A, MS } from "../kernel/abi/mount.ts";
import { mountOptionNames, parseMountOptions } from "./mount-options.ts";

// The table of config.md, Linux mount options, 1.3.0.
const SPECIFIED = `async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec noiversion
  nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodiratime
  rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw
  shared silent slave strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap`.split(/\s+/);

describe("parseMountOptions()", () => {
  test("knows every option of the specification, so none of them becomes data", () => {
    expect(SPECIFIED.filter((name) => !mountOptionNames().includes(name))).toEqual([]);
    expect(parseMountOptions(SPECIFIED).data).toEqual([]);
  });

  const ATTRIBUTES: [string, number, number][] = [
    ["ro", A.RDONLY, 0], ["rw", 0, A.RDONLY], ["ro,rw", 0, A.RDONLY], ["rw,ro", A.RDONLY, 0],
    ["nosuid,noexec,nodev", A.NOSUID | A.NOEXEC | A.NODEV, 0],
    ["nosuid,suid,dev,exec", 0, A.NOSUID | A.NODEV | A.NOEXEC],
    ["nosymfollow", A.NOSYMFOLLOW, 0], ["symfollow", 0, A.NOSYMFOLLOW],
    ["nodiratime", A.NODIRATIME, 0], ["diratime", 0, A.NODIRATIME],
    ["noatime", A.NOATIME, A.ATIME], ["strictatime", A.STRICTATIME, A.ATIME], ["relatime", 0, A.ATIME],
    ["noatime,atime", 0, A.ATIME], ["atime", 0, A.ATIME], ["strictatime,atime", A.STRICTATIME, A.ATIME],
    ["strictatime,nostrictatime", 0, A.ATIME], ["noatime,nostrictatime", A.NOATIME, A.ATIME],
    ["noatime,strictatime", A.STRICTATIME, A.ATIME], ["norelatime", 0, 0], ["noatime,norelatime", A.NOATIME, A.ATIME],
    ["defaults,silent,iversion", 0, 0],
  ];
  for (const [options, set, clear] of ATTRIBUTES) {
    test(`gives the attributes of ${options}`, () => {
      const found = parseMountOptions(options.split(","));
      expect(found.attributes).toEqual({ set, clear });
      expect(found.recursive).toEqual({ set: 0, clear: 0 });
      const recursive = parseMountOptions(options.split(",").map((o) => (["defaults", "silent", "iversion"].includes(o) ? o : `r${o}`)));
      expect(recursive.recursive).toEqual({ set, clear });
      expect(recursive.attributes).toEqual({ set: 0, clear: 0 });
    });
  }

  test("never sets what it clears, except in the access-time field, which is always cleared whole", () => {
    for (const a of mountOptionNames()) {
      for (const b of mountOptionNames()) {
        const { attributes, recursive } = parseMountOptions([a, b]);
        for (const { set, clear } of [attributes, recursive]) {
          expect(set & clear & ~A.ATIME).toBe(0);
          expect([0, A.ATIME] as number[]).toContain(clear & A.ATIME);
          if ((set & A.ATIME) !== 0) expect(clear & A.ATIME).toBe(A.ATIME);
        }
      }
    }
  });

  test("keeps propagation in order and knows which is recursive", () => {
    expect(parseMountOptions(["rbind", "rslave", "shared"]).propagation).toEqual([{ type: MS.SLAVE, recursive: true }, { type: MS.SHARED, recursive: false }]);
  });

  test("lets the last of bind and rbind, idmap and ridmap win", () => {
    const found = parseMountOptions(["bind", "rbind", "idmap", "ridmap", "tmpcopyup", "remount"]);
    expect(found).toMatchObject({ bind: "rbind", idmap: "ridmap", tmpcopyup: true, remount: true });
    expect(parseMountOptions([])).toMatchObject({ bind: "no", idmap: "no", tmpcopyup: false, remount: false });
  });

  test("keeps unknown options as data in their order and drops empty ones", () => {
    const found = parseMountOptions(["nosuid", "mode=755", "", "size=65536k", "newinstance", "sync", "lazytime", "async"]);
    expect(found.data).toEqual(["mode=755", "size=65536k", "newinstance"]);
    expect(found.superblock).toEqual(["lazytime"]);
  });
});
