import { describe, expect, test } from "bun:test";
import { parseOwnProfile, profileText } from "./apparmor.ts";

describe("profileText()", () => {
  const text = profileText("one");
  test("names itself as its only peer", () => {
    expect(text).toStartWith("profile one flags=(attach_disconnected,mediate_deleted) {\n");
    expect([...text.matchAll(/peer=(\S+),/g)].map((m) => m[1])).toEqual(["one", "one"]);
  });
  test("is rules only, each with its comma", () => {
    const rules = text.split("\n").slice(1, -2).map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.filter((rule) => !rule.endsWith(","))).toEqual([]);
  });
});

describe("parseOwnProfile()", () => {
  test.each([
    ["unconfined\n", undefined], ["", undefined], ["pidbox (unconfined)\n", undefined],
    ["docker-default (enforce)\n", "docker-default (enforce)"], ["unprivileged_userns (complain)\0\n", "unprivileged_userns (complain)"],
  ])("reads %j", (label, found) => {
    expect(parseOwnProfile(label)).toBe(found);
  });
});
