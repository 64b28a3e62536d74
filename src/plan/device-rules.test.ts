import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { PidboxError } from "../base/error.ts";
import type { DeviceRule } from "../spec/runtime-config.ts";
import { runDeviceProgram } from "./device-interpreter.ts";
import type { DeviceRequest } from "./device-interpreter.ts";
import { deviceProgram } from "./device-program.ts";
import { devicePolicy, deviceRules, deviceTransition, deviceWrites, parseDeviceList } from "./device-rules.ts";
import type { DevicePolicy, DeviceWrite } from "./device-rules.ts";

const DENY_ALL: DeviceRule = { allow: false, access: "rwm" };
const bit = { m: 1, r: 2, w: 4 } as const;
const bitsOf = (access: string): number => (["m", "r", "w"] as const).reduce((sum, letter) => sum | (access.includes(letter) ? bit[letter] : 0), 0);
const lines = (writes: readonly DeviceWrite[]): string[] => writes.map(({ file, value }) => `${file.slice("devices.".length)} ${value}`);
const written = (rules: readonly DeviceRule[]): string[] => lines(deviceWrites(devicePolicy(rules)));

/** The v1 controller's list (security/device_cgroup.c): exceptions are added to and taken from by equal match only. */
class Controller {
  allowed = true;
  exceptions = new Map<string, number>();

  write({ file, value }: DeviceWrite): void {
    const allow = file === "devices.allow";
    const [type = "", numbers = "", access = ""] = value.split(" ");
    if (type === "a") {
      this.allowed = allow;
      this.exceptions.clear();
      return;
    }
    const [key, bits] = [`${type} ${numbers}`, bitsOf(access)];
    const now = this.exceptions.get(key) ?? 0;
    this.exceptions.set(key, allow === this.allowed ? now & ~bits : now | bits);
  }

  /** devices.list. */
  list(): string {
    if (this.allowed) return "a *:* rwm\n";
    const text = (bits: number): string => (["r", "w", "m"] as const).filter((letter) => bits & bit[letter]).join("");
    return [...this.exceptions].filter(([, bits]) => bits !== 0).map(([key, bits]) => `${key} ${text(bits)}\n`).join("");
  }

  /** __devcgroup_check_permission() */
  permits({ type, major, minor, access }: DeviceRequest): boolean {
    const matches = [...this.exceptions].filter(([key]) => {
      const [, numbers = ""] = key.split(" ");
      const [a, b] = numbers.split(":");
      return key.startsWith(type) && (a === "*" || Number(a) === major) && (b === "*" || Number(b) === minor);
    });
    return this.allowed ? !matches.some(([, bits]) => (bits & access) !== 0) : matches.some(([, bits]) => (access & ~bits) === 0);
  }
}

describe("devicePolicy()", () => {
  test("allows nothing without rules", () => expect(devicePolicy([])).toEqual({ allowed: false, exceptions: [] }));
  test("starts again with a rule for everything", () => {
    expect(written([{ allow: true, type: "c", major: 1, minor: 3, access: "r" }, DENY_ALL])).toEqual(["deny a *:* rwm"]);
    expect(written([DENY_ALL, { allow: true, type: "a", major: -1, minor: -1, access: "rwm" }])).toEqual(["allow a *:* rwm"]);
  });
  test("puts kinds of access together and takes them apart", () => {
    const rules: DeviceRule[] = [{ allow: true, type: "c", major: 1, minor: 3, access: "rm" }, { allow: true, type: "c", major: 1, minor: 3, access: "w" }];
    expect(written(rules)).toEqual(["deny a *:* rwm", "allow c 1:3 rwm"]);
    expect(written([...rules, { allow: false, type: "c", major: 1, minor: 3, access: "wm" }])).toEqual(["deny a *:* rwm", "allow c 1:3 r"]);
  });
  test("is not all devices for a rule without a type: that was a way to allow everything by mistake", () => {
    expect(written([DENY_ALL, { allow: true, major: 10, minor: 229 }])).toEqual(["deny a *:* rwm", "allow c 10:229 rwm", "allow b 10:229 rwm"]);
    expect(written([DENY_ALL, { allow: true, access: "m" }])).toEqual(["deny a *:* rwm", "allow c *:* m", "allow b *:* m"]);
  });
  test("denies what was allowed piece by piece when all of it is denied", () => {
    const rules: DeviceRule[] = [{ allow: true, type: "c", major: 1, minor: 3 }, { allow: true, type: "b", major: 8 }, { allow: false, type: "c" }];
    expect(written(rules)).toEqual(["deny a *:* rwm", "allow b 8:* rwm"]);
  });
  test.each<[string, DeviceRule, DeviceRule]>([
    ["a device out of a major", { allow: true, type: "c", major: 1 }, { allow: false, type: "c", major: 1, minor: 3, access: "r" }],
    ["a minor out of a major", { allow: true, type: "c", major: 1 }, { allow: false, type: "c", minor: 3 }],
    ["a device out of all", { allow: true, type: "b", access: "r" }, { allow: false, type: "b", major: 8, minor: 0 }],
  ])("refuses to cut %s", (_name, first, second) => {
    let error: unknown;
    try {
      devicePolicy([DENY_ALL, first, second]);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "CONFIG_INVALID", context: { from: "/linux/resources/devices/2" } });
  });
  test("lets a hole be where nothing was", () => {
    const rules: DeviceRule[] = [DENY_ALL, { allow: true, type: "c", major: 1, access: "r" }, { allow: false, type: "c", major: 1, minor: 3, access: "w" }];
    expect(written(rules)).toEqual(["deny a *:* rwm", "allow c 1:* r"]);
  });
});

describe("deviceRules()", () => {
  test("ends with what every container may use", () => {
    expect(lines(deviceWrites(devicePolicy(deviceRules({ linux: { resources: { devices: [DENY_ALL] } } }))))).toEqual([
      "deny a *:* rwm", "allow c *:* m", "allow b *:* m", "allow c 1:3 rwm", "allow c 1:8 rwm", "allow c 1:7 rwm", "allow c 5:0 rwm", "allow c 1:5 rwm", "allow c 1:9 rwm",
      "allow c 136:* rwm", "allow c 5:2 rwm", "allow c 10:200 rwm",
    ]);
    expect(deviceRules({})).toEqual(deviceRules({ linux: { resources: {} } }));
  });
  test("leaves a default device to the config that has it", () => {
    const config = { linux: { devices: [{ type: "c", path: "/dev/null", major: 1, minor: 3 }] } } as const;
    expect(lines(deviceWrites(devicePolicy(deviceRules(config))))).not.toContain("allow c 1:3 rwm");
  });
});

test("deviceTransition() touches only what differs, and starts again where the kernel does not say what is", () => {
  const policy = (...rules: DeviceRule[]): DevicePolicy => devicePolicy([DENY_ALL, ...rules]);
  const a: DeviceRule = { allow: true, type: "c", major: 1, minor: 3, access: "rw" };
  const b: DeviceRule = { allow: true, type: "c", major: 1, minor: 5, access: "r" };
  expect(lines(deviceTransition(policy(a, b), policy({ ...a, access: "rm" })))).toEqual(["allow c 1:3 m", "deny c 1:3 w", "deny c 1:5 r"]);
  expect(deviceTransition(policy(a), policy(a))).toEqual([]);
  expect(lines(deviceTransition(devicePolicy([{ allow: true }]), policy(a)))).toEqual(["deny a *:* rwm", "allow c 1:3 rw"]);
});

test("parseDeviceList() reads what the kernel shows", () => {
  expect(parseDeviceList("c 1:3 rwm\nb *:* m\nc 136:* rw\n")).toEqual({
    allowed: false,
    exceptions: [
      { type: "c", major: 1, minor: 3, access: 7 }, { type: "b", major: -1, minor: -1, access: 1 }, { type: "c", major: 136, minor: -1, access: 6 },
    ],
  });
  expect([parseDeviceList("a *:* rwm\n"), parseDeviceList("")]).toEqual([{ allowed: true, exceptions: [] }, { allowed: false, exceptions: [] }]);
});

// Few numbers, so that rules meet.
const number = fc.constantFrom(-1, 1, 2, 3);
const access = fc.subarray(["r", "w", "m"], { minLength: 1 }).map((letters) => letters.join(""));
const fields = { allow: fc.boolean(), type: fc.constantFrom("a", "c", "b"), major: number, minor: number, access };
const rule: fc.Arbitrary<DeviceRule> = fc.record(fields, { requiredKeys: ["allow"] });
const rules = fc.array(rule, { maxLength: 12 });
const request: fc.Arbitrary<DeviceRequest> = fc.record({
  type: fc.constantFrom("c", "b"), major: fc.constantFrom(1, 2, 3, 4), minor: fc.constantFrom(1, 2, 3, 4), access: fc.integer({ min: 1, max: 7 }),
});
const numRuns = 3000;

/** The last rule that names this kind of access to this device, and nothing allowed before the first. */
function plain(list: readonly DeviceRule[], { type, major, minor }: DeviceRequest, kind: "r" | "w" | "m"): boolean {
  return list.findLast(({ type: t = "a", major: a = -1, minor: b = -1, access: letters = "rwm" }) =>
    (t === "a" || t === type) && (a < 0 || a === major) && (b < 0 || b === minor) && letters.includes(kind))?.allow ?? false;
}

function policyOf(list: readonly DeviceRule[]): DevicePolicy | undefined {
  try {
    return devicePolicy(list);
  } catch (error) {
    if (error instanceof PidboxError && error.code === "CONFIG_INVALID") return undefined;
    throw error;
  }
}

describe("for any rules that are not refused", () => {
  test("the program allows just what the last rule for it allows, for one kind of access", () => {
    fc.assert(fc.property(rules, request, (list, asked) => {
      const policy = policyOf(list);
      fc.pre(policy !== undefined);
      for (const kind of ["r", "w", "m"] as const) {
        expect(runDeviceProgram(deviceProgram(policy), { ...asked, access: bit[kind] })).toBe(Number(plain(list, asked, kind)));
      }
    }), { numRuns });
  });

  test("the program never allows several kinds together of which one is denied", () => {
    fc.assert(fc.property(rules, request, (list, asked) => {
      const policy = policyOf(list);
      fc.pre(policy !== undefined);
      const each = (["r", "w", "m"] as const).filter((kind) => asked.access & bit[kind]).every((kind) => plain(list, asked, kind));
      if (runDeviceProgram(deviceProgram(policy), asked) === 1) expect(each).toBe(true);
    }), { numRuns });
  });

  test("the program answers as the v1 controller does", () => {
    fc.assert(fc.property(rules, request, (list, asked) => {
      const policy = policyOf(list);
      fc.pre(policy !== undefined);
      const controller = new Controller();
      for (const line of deviceWrites(policy)) controller.write(line);
      expect(runDeviceProgram(deviceProgram(policy), asked)).toBe(Number(controller.permits(asked)));
    }), { numRuns });
  });

  test("a transition ends where a new cgroup would, and takes nothing away on the way that both allow", () => {
    fc.assert(fc.property(rules, rules, request, (before, after, asked) => {
      const [from, to] = [policyOf(before), policyOf(after)];
      fc.pre(from !== undefined && to !== undefined);
      const [living, made] = [new Controller(), new Controller()];
      for (const line of deviceWrites(from)) living.write(line);
      for (const line of deviceWrites(to)) made.write(line);
      const both = living.permits(asked) && made.permits(asked) && !living.allowed && !made.allowed;
      for (const line of deviceTransition(parseDeviceList(living.list()), to)) {
        living.write(line);
        if (both) expect(living.permits(asked)).toBe(true);
      }
      expect(living.permits(asked)).toBe(made.permits(asked));
      expect(living.list()).toSatisfy((text: string) => text.split("\n").toSorted().join() === made.list().split("\n").toSorted().join());
    }), { numRuns });
  });

  test("refused is only what would cut a hole: each rule alone, and each list that only allows, is taken", () => {
    fc.assert(fc.property(rule, rules, (one, list) => {
      expect(policyOf([one])).toBeDefined();
      expect(policyOf(list.map((each) => ({ ...each, allow: true })))).toBeDefined();
    }), { numRuns: 300 });
  });
});
