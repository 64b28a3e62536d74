import { describe, expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { PidboxError } from "../base/error.ts";
import { close } from "./file.ts";
import { idInside, idOutside, parseIdMap, parseNamespaceLink, readIdMap, readNamespaceRelations, readNamespaces } from "./namespaces.ts";
import { openProcess } from "./process-list.ts";

test("parseNamespaceLink() takes the inode and refuses all else", () => {
  expect(parseNamespaceLink("pid:[4026531836]")).toBe(4026531836);
  for (const text of ["", "pid:[x]", "pid:[1", "/proc/1", "pid:[1]\n"]) expect(() => parseNamespaceLink(text)).toThrow(PidboxError);
});

test("readNamespaces() gives the inodes of this process's links", () => {
  const own = readNamespaces("self");
  for (const type of ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"] as const) {
    expect(`${type}:[${own[type]}]`).toBe(readlinkSync(`/proc/self/ns/${type}`));
  }
});

test("readNamespaces() of a process that does not exist knows nothing", () => {
  expect(readNamespaces(2 ** 22 + 1)).toEqual({});
});

test("readNamespaceRelations() names the user namespace that owns the PID namespace, and its owner", () => {
  const dirfd = openProcess(process.pid);
  const relations = readNamespaceRelations(dirfd, "pid");
  const map = readIdMap(dirfd, "uid");
  close(dirfd);
  // The caller's own PID namespace has no parent that it may see (ioctl_nsfs(2): EPERM).
  expect(relations.parent).toBeUndefined();
  if (relations.owner !== undefined) expect(relations.ownerUid).toBeNumber();
  expect(map).not.toBeNumber();
});

describe("id maps", () => {
  const map = parseIdMap("         0     100000      65536\n     70000       1000          1\n");

  test("parse to ranges", () => {
    expect(map).toEqual([{ inside: 0, outside: 100000, count: 65536 }, { inside: 70000, outside: 1000, count: 1 }]);
    expect(parseIdMap("")).toEqual([]);
  });

  test("translate both ways, with undefined where there is no mapping", () => {
    expect([idInside(map, 100000), idInside(map, 165535), idInside(map, 165536), idInside(map, 1000)]).toEqual([0, 65535, undefined, 70000]);
    expect([idOutside(map, 0), idOutside(map, 65536), idOutside(map, 70000)]).toEqual([100000, undefined, 1000]);
  });

  for (const text of ["0 0", "0 0 x", "0 0 1 2", "-1 0 1", "0 0 99999999999"]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseIdMap(text)).toThrow(PidboxError);
    });
  }
});
