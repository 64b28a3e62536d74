import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import { lookupGroups, lookupUser, parseUserArgument } from "./user.ts";

const PASSWD = `root:x:0:0:root:/root:/bin/sh
# note
broken
1:x:0:0:a number for a name:/root:/bin/sh
www:x:33:33:web:relative:/bin/false
bob:x:1000:1000:Bob:/home/bob:/bin/sh
bob:x:0:0:a second bob:/root:/bin/sh
wrap:x:4294967296:0::/:
neg:x:-1:0::/:
hex:x:0x0:0::/:
blank:x::0::/:
`;
const GROUP = `root:x:0:
adm:x:4:bob,www
sudo:x:27:bob
dup:x:27:bob
bob:x:1000:bob
0:x:999:
wide:x:4294967295:bob
`;
const look = (argument: string): ReturnType<typeof lookupUser> => lookupUser(PASSWD, GROUP, parseUserArgument(argument));

function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof PidboxError ? error.code : String(error);
  }
  return "nothing was thrown";
}

describe("parseUserArgument()", () => {
  test("takes ids, names and mixes", () => {
    expect(parseUserArgument("1000:4")).toEqual({ user: { id: 1000 }, group: { id: 4 } });
    expect(parseUserArgument("bob:4")).toEqual({ user: { name: "bob" }, group: { id: 4 } });
    expect(parseUserArgument("samba$")).toEqual({ user: { name: "samba$" }, group: undefined });
    expect(parseUserArgument("007")).toEqual({ user: { id: 7 }, group: undefined });
  });
  for (const bad of ["", ":", "1:", ":1", "1:2:3", "-1", "+1", "4294967295", "99999999999", "a b", "a\n", "a\0", "-bob", "１", "a/b"]) {
    test(`refuses ${JSON.stringify(bad)}`, () => expect(code(() => parseUserArgument(bad))).toBe("USAGE"));
  }
});

describe("lookupUser()", () => {
  test("never takes a number for a name (CVE-2016-3697)", () => {
    expect(look("1")).toEqual({ uid: 1, gid: 0, additionalGids: [], home: "/", name: undefined });
    expect(look("1:0").gid).toBe(0);
  });
  test("gives a number as it is when passwd does not know it (CVE-2026-30892)", () => expect(look("4242")).toMatchObject({ uid: 4242, gid: 0 }));
  test("gives the first entry of a name, its groups once and without the primary one", () => {
    expect(look("bob")).toEqual({ uid: 1000, gid: 1000, additionalGids: [4, 27], home: "/home/bob", name: "bob" });
    expect(look("1000")).toEqual(look("bob"));
  });
  test("takes no additional groups when a group is named", () => expect(look("bob:adm")).toMatchObject({ gid: 4, additionalGids: [] }));
  test("gives / for a home that is not absolute", () => expect(look("www").home).toBe("/"));
  for (const gone of ["nobody", "wrap", "neg", "hex", "blank", "bob:nogroup", "bob:wide"]) {
    test(`does not find ${gone}`, () => expect(code(() => look(gone))).toBe("NOT_FOUND"));
  }
  test("works without files for ids", () => {
    expect(lookupUser("", "", parseUserArgument("5:6"))).toMatchObject({ uid: 5, gid: 6, home: "/" });
    expect(code(() => lookupUser("", "", parseUserArgument("root")))).toBe("NOT_FOUND");
  });
  test("is bounded on hostile files", () => {
    expect(code(() => lookupUser("a".repeat((4 << 20) + 1), "", parseUserArgument("x")))).toBe("CONFIG_INVALID");
    const many = Array.from({ length: 70000 }, (_, i) => `g${i}:x:${i + 1}:bob`).join("\n");
    expect(lookupUser(PASSWD, many, parseUserArgument("bob")).additionalGids.length).toBeLessThanOrEqual(65536);
    expect(code(() => lookupUser(`big${"x".repeat(70000)}:x:0:0::/:`, "", parseUserArgument("big")))).toBe("NOT_FOUND");
  });
});

describe("lookupGroups()", () => {
  test("takes ids and names, once each", () => expect(lookupGroups(GROUP, ["sudo", "4", "27", "5"])).toEqual([27, 4, 5]));
  test("refuses what is not there", () => expect(code(() => lookupGroups(GROUP, ["wheel"]))).toBe("NOT_FOUND"));
});
