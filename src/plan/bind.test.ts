import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MOUNT_ATTR, MS } from "../kernel/abi/mount.ts";
import { mountOptionNames, parseMountOptions } from "../spec/mount-options.ts";
import { attributeSteps } from "./bind.ts";
import type { Dress } from "./bind.ts";

const { RDONLY, NOSUID, NODEV, NOATIME, ATIME, NOEXEC } = MOUNT_ATTR;
const RIGHTS = { clears: true, ownUsers: false };
const TREE: Dress = { whole: false, deep: true };

/** Steps as "top|all set clear propagation map". */
function steps(options: readonly string[], dress: Dress = TREE, rights = RIGHTS): string[] {
  const types = { SHARED: MS.SHARED, SLAVE: MS.SLAVE, PRIVATE: MS.PRIVATE, UNBINDABLE: MS.UNBINDABLE };
  const names = Object.fromEntries(Object.entries(types).map(([name, n]) => [n, name]));
  return attributeSteps(parseMountOptions(options), dress, rights).map((step) => (
    [step.recursive ? "all" : "top", `+${step.set}`, `-${step.clear}`, names[step.propagation] ?? "", step.idmap ? "map" : ""].filter((word) => word !== "").join(" ")
  ));
}

describe("attributeSteps()", () => {
  test("needs one call where top and tree do not differ, and two where they do", () => {
    expect(steps(["rbind", "ro"])).toEqual([`top +${RDONLY} -0`, "all +0 -0 PRIVATE"]);
    expect(steps(["rbind", "rro", "rprivate"])).toEqual([`all +${RDONLY} -0 PRIVATE`]);
    expect(steps(["bind", "ro", "rnosuid"], { ...TREE, deep: false })).toEqual([`top +${RDONLY | NOSUID} -0 PRIVATE`]);
    expect(steps(["rbind", "ro", "nodev", "idmap"], { ...TREE, whole: true, userns: 9 })).toEqual([`all +${RDONLY | NODEV} -0 PRIVATE map`]);
    expect(steps(["rbind", "idmap"], { ...TREE, userns: 9 })).toEqual(["top +0 -0 map", "all +0 -0 PRIVATE"]);
    expect(steps(["rbind", "ridmap"], { ...TREE, userns: 9 })).toEqual(["all +0 -0 PRIVATE map"]);
  });

  test("what is recursive has the last word, and an access time is cleared as a whole", () => {
    expect(steps(["bind", "rw", "exec", "noatime"], { ...TREE, deep: false })).toEqual([`top +${NOATIME} -${RDONLY | NOEXEC | ATIME} PRIVATE`]);
    expect(steps(["bind", "ro", "rrw", "rnoatime", "relatime"], { ...TREE, deep: false })).toEqual([`top +${NOATIME} -${RDONLY | ATIME} PRIVATE`]);
    expect(steps(["bind", "rw", "noatime"], { ...TREE, deep: false }, { ...RIGHTS, clears: false })).toEqual([`top +${NOATIME} -${ATIME} PRIVATE`]);
  });

  test("propagation is set in the order of the options", () => {
    expect(steps(["rbind", "slave", "shared"])).toEqual(["top +0 -0 SLAVE", "top +0 -0 SHARED"]);
    expect(steps(["rbind", "rprivate", "shared"])).toEqual(["all +0 -0 PRIVATE", "top +0 -0 SHARED"]);
    expect(steps(["rbind", "ro", "shared", "rslave"])).toEqual([`top +${RDONLY} -0 SHARED`, "all +0 -0 SLAVE"]);
    expect(steps(["bind", "unbindable"], { ...TREE, deep: false })).toEqual(["top +0 -0 UNBINDABLE"]);
  });

  test("a container with users of its own is a slave of the host before it shares anything", () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(...mountOptionNames()), { maxLength: 12 }), fc.boolean(), (options, deep) => {
      const list = attributeSteps(parseMountOptions(options), { whole: false, deep }, { clears: true, ownUsers: true });
      const first = list.findIndex((step) => step.propagation === MS.SHARED);
      if (first < 0) return;
      expect(list.slice(0, first).some((step) => step.propagation !== 0)).toBe(true);
    }));
  });

  test("every mount of a tree gets a propagation, whatever the options", () => {
    fc.assert(fc.property(fc.array(fc.constantFrom(...mountOptionNames()), { maxLength: 12 }), fc.boolean(), fc.boolean(), (options, deep, whole) => {
      const parsed = parseMountOptions(options);
      const list = attributeSteps(parsed, { whole, deep }, RIGHTS);
      expect(list.filter((step) => step.propagation !== 0)).toHaveLength(Math.max(parsed.propagation.length, 1));
      for (const step of list) expect(step.recursive && !deep).toBe(false);
    }));
  });
});
