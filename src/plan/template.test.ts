import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  bundleScene, confinedScene, doScene, hostUsersScene, HYBRID, OWN_ID, ROOTLESS, rootlessScene, runScene, SUBORDINATE, terminalScene, UNIFIED, withConfig,
} from "../../test/fixtures/plan/scenes.ts";
import type { Blueprint } from "./blueprint.ts";
import { compileBody } from "./compile.ts";
import type { HostFacts } from "./host-facts.ts";
import { fillSlots, findSlots, otherNames, renamed, withNames, withoutNames } from "./template.ts";
import type { Names } from "./template.ts";

const ID = doScene().id;
const RANGE = 0x4000_0000;

const device = { type: "c", path: "/dev/kvm", major: 10, minor: 232, uid: 3, gid: 7 } as const;
const SCENES: Readonly<Record<string, readonly [Blueprint, HostFacts, Names]>> = {
  "do": [doScene(), HYBRID, { id: ID, range: RANGE }],
  "do on v2": [doScene(), UNIFIED, { id: ID, range: RANGE }],
  "run": [runScene(), HYBRID, { id: ID, range: RANGE }],
  "run confined": [confinedScene(), UNIFIED, { id: ID, range: RANGE }],
  "run with a terminal": [terminalScene(), HYBRID, { id: ID, range: RANGE }],
  "run with a device": [withConfig(runScene(), { linux: { devices: [device] } }), HYBRID, { id: ID, range: RANGE }],
  "run with the host's users": [hostUsersScene(), HYBRID, { id: ID }],
  "rootless": [rootlessScene(OWN_ID), ROOTLESS, { id: ID }],
  "rootless with ranges": [rootlessScene(SUBORDINATE), ROOTLESS, { id: ID }],
  "a bundle": [bundleScene(), UNIFIED, { id: ID }],
};

const ids = fc.stringMatching(/^[0-9a-f]{64}$/);
/** What verbs/container-user.ts gives out. */
const ranges = fc.nat(0x3fff).map((slot) => RANGE + slot * 65536);

describe("fillSlots()", () => {
  for (const [name, [blueprint, facts, names]] of Object.entries(SCENES)) {
    test(`makes of one body of "${name}" that of every other container, byte for byte`, () => {
      const compiled = (one: Blueprint): ReturnType<typeof compileBody> => compileBody(one, facts, { self: 3 });
      fc.assert(fc.property(ids, ids, ranges, ranges, (firstId, secondId, firstRange, secondRange) => {
        const [first, second] = [{ id: firstId, range: firstRange }, { id: secondId, range: secondRange }]
          .map((one): Names => (names.range === undefined ? { id: one.id } : one)) as [Names, Names];
        const body = compiled(renamed(blueprint, names, first));
        const slots = findSlots(body, first, compiled(renamed(blueprint, names, otherNames(first))));
        expect(slots).toBeDefined();
        if (slots !== undefined) fillSlots(body.bytes, slots, second);
        expect(Buffer.from(body.bytes).equals(compiled(renamed(blueprint, names, second)).bytes)).toBe(true);
      }), { numRuns: 25 });
    });
  }
});

describe("findSlots()", () => {
  const names = { id: ID, range: RANGE };
  const body = compileBody(doScene(), HYBRID, { self: 3 });

  test("gives nothing where a name has an effect of its own", () => {
    const other = renamed(doScene(), names, otherNames(names));
    const found = (changed: Blueprint): unknown => findSlots(body, names, compileBody(changed, HYBRID, { self: 3 }));
    expect(found(other)).toBeDefined();
    // One op more; another number in an op; another text of the same length.
    expect(found({ ...other, landlock: false })).toBeUndefined();
    expect(found(withConfig(other, { process: { user: { uid: 0, gid: 0, umask: 0o77 } } }))).toBeUndefined();
    expect(found(withConfig(other, { process: { cwd: "/home/user/walk" } }))).toBeUndefined();
  });

  test("gives nothing for names that stand in a text by accident", () => {
    const accident = withConfig(doScene(), { process: { cwd: `/home/user/work/${ID.slice(0, 12)}` } });
    const other = withConfig(renamed(doScene(), names, otherNames(names)), { process: { cwd: `/home/user/work/${ID.slice(0, 12)}` } });
    expect(findSlots(compileBody(accident, HYBRID, { self: 3 }), names, compileBody(other, HYBRID, { self: 3 }))).toBeUndefined();
  });
});

describe("renamed()", () => {
  const names = { id: ID, range: RANGE };
  const limited = (limit: number): Blueprint => withConfig(doScene(), { linux: { resources: { memory: { limit } } } });

  test("leaves a number that is like the range by accident, so that findSlots() gives nothing", () => {
    // `-m 1g` and `-m 10g` of a container whose range is the first one.
    for (const limit of [RANGE, RANGE * 10]) {
      const other = renamed(limited(limit), names, otherNames(names));
      expect(other.config.linux?.resources?.memory?.limit).toBe(limit);
      const body = compileBody(limited(limit), HYBRID, { self: 3 });
      expect(findSlots(body, names, compileBody(other, HYBRID, { self: 3 }))).toBeUndefined();
    }
  });

  test("changes the range where it belongs", () => {
    const to = otherNames(names);
    const scene = doScene();
    const other = renamed({ ...scene, state: { ...scene.state, reservations: [`/run/${RANGE}/${RANGE}`] } }, names, to);
    expect(other.id).toBe(to.id);
    expect(other.seccomp).toBe(scene.seccomp);
    expect([other.mapping?.uid[0]?.hostID, other.mapping?.gid[0]?.hostID]).toEqual([to.range, to.range]);
    expect([other.config.linux?.uidMappings?.[0]?.hostID, other.config.linux?.gidMappings?.[0]?.hostID]).toEqual([to.range, to.range]);
    expect(other.state.reservations).toEqual([`/run/${RANGE}/${to.range}`]);
  });
});

describe("otherNames()", () => {
  test("differ in every digit", () => {
    fc.assert(fc.property(ids, ranges, (id, range) => {
      const other = otherNames({ id, range });
      expect(other.id).toMatch(/^[0-9a-f]{64}$/);
      expect(other.id.split("").some((digit, i) => digit === id[i])).toBe(false);
      expect(String(other.range).split("").some((digit, i) => digit === String(range)[i])).toBe(false);
      expect(String(other.range)).toHaveLength(10);
      expect(other.range).toBeLessThan(2 ** 32);
    }));
  });
});

describe("withoutNames()", () => {
  test("is undone by withNames(), and gives other texts for other values", () => {
    const value = fc.oneof(fc.string(), fc.constantFrom("\u0001", "\u0002", "\u0003", ID, ID.slice(0, 12), String(RANGE)));
    fc.assert(fc.property(fc.array(value), fc.array(value), (one, other) => {
      const names = { id: ID, range: RANGE };
      const [a, b] = [one, other].map((texts) => withoutNames(JSON.stringify(texts), names)) as [string, string];
      expect(withNames(a, names)).toBe(JSON.stringify(one));
      expect(a === b).toBe(JSON.stringify(one) === JSON.stringify(other));
    }));
  });
});
