import { expect, test } from "bun:test";
import fc from "fast-check";
import { CAPABILITIES } from "../../kernel/abi/capabilities.ts";
import { grantCapabilities } from "./capabilities.ts";

const ALL = 2 ** CAPABILITIES.length - 1;
const without = (name: (typeof CAPABILITIES)[number]): number => ALL - 2 ** CAPABILITIES.indexOf(name);

test("grantCapabilities() gives what the caller has, and names the rest once", () => {
  const wanted = ["CAP_KILL", "CAP_SYS_ADMIN", "CAP_NONSENSE"];
  const { sets, refused } = grantCapabilities({ bounding: wanted, effective: wanted, permitted: wanted }, without("CAP_SYS_ADMIN"));
  expect(sets).toEqual({ bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"], inheritable: [], ambient: [] });
  expect(refused.toSorted()).toEqual(["CAP_NONSENSE", "CAP_SYS_ADMIN"]);
});

test("grantCapabilities() gives only what capset(2) takes", () => {
  const set = fc.subarray([...CAPABILITIES]);
  fc.assert(fc.property(fc.record({ bounding: set, effective: set, permitted: set, inheritable: set, ambient: set }), (wanted) => {
    const { permitted = [], inheritable = [], effective = [], ambient = [] } = grantCapabilities(wanted, ALL).sets;
    expect(effective.every((name) => permitted.includes(name))).toBe(true);
    expect(ambient.every((name) => permitted.includes(name) && inheritable.includes(name))).toBe(true);
  }));
});
