import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import type { DeviceRule } from "../spec/runtime-config.ts";
import { devicePolicy, deviceRules } from "./device-rules.ts";
import { deviceProperties, expandSlice, parseScope, propertyWords, resourceProperties, scopeProperties } from "./systemd-unit.ts";

const INFINITY = "18446744073709551615";

describe("parseScope()", () => {
  test("takes slice, prefix and name, and has other runtimes' slices by default", () => {
    expect(parseScope("machine-a.slice:docker:1234", "id", false)).toEqual({ slice: "machine-a.slice", unit: "docker-1234.scope" });
    expect(parseScope(":docker:1", "id", false).slice).toBe("system.slice");
    expect(parseScope(":docker:1", "id", true).slice).toBe("user.slice");
    expect(parseScope(undefined, "id", false)).toEqual({ slice: "system.slice", unit: "pidbox-id.scope" });
    expect(parseScope("-.slice::one", "id", false)).toEqual({ slice: "-.slice", unit: "one.scope" });
  });
  test.each(["/a/b", "a.slice:b", "a.slice:b:c:d", "a.slice:b:", "a:b:c", "../x.slice:b:c", "a.slice:b:../../c", "a.slice:b:c d", "a.slice:b:c\n"])("refuses %j", (path) => {
    expect(() => parseScope(path, "id", false)).toThrow(PidboxError);
  });
});

describe("expandSlice()", () => {
  test("puts each slice into the one that its name begins with", () => {
    expect(["-.slice", "system.slice", "a-b-c.slice"].map(expandSlice)).toEqual(["", "/system.slice", "/a.slice/a-b.slice/a-b-c.slice"]);
  });
  test.each(["", ".slice", "a", "a.scope", "a--b.slice", "-a.slice", "a-.slice", "a/b.slice"])("refuses %j", (slice) => {
    expect(() => expandSlice(slice)).toThrow("invalid slice name");
  });
});

describe("resourceProperties() for v2", () => {
  test("has what systemd knows, as its files would be", () => {
    expect(resourceProperties({
      memory: { limit: 100, swap: 300, reservation: 50 }, cpu: { shares: 1024, quota: 25500, period: 50000, cpus: "0,9-10", mems: "0" }, pids: { limit: 20 },
    }, 2)).toEqual([
      ["MemoryMax", "t", "100"], ["MemoryLow", "t", "50"], ["MemorySwapMax", "t", "200"], ["CPUWeight", "t", "100"], ["CPUQuotaPeriodUSec", "t", "50000"],
      ["CPUQuotaPerSecUSec", "t", "510000"], ["AllowedCPUs", "ay", "2", "1", "6"], ["AllowedMemoryNodes", "ay", "1", "1"], ["TasksMax", "t", "20"],
    ]);
  });
  test("knows no limit, and that no process is no value", () => {
    expect(resourceProperties({ memory: { limit: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } }, 2)).toEqual([
      ["MemoryMax", "t", INFINITY], ["MemorySwapMax", "t", INFINITY], ["CPUQuotaPerSecUSec", "t", INFINITY], ["TasksMax", "t", INFINITY],
    ]);
    expect(resourceProperties({ pids: { limit: 0 } }, 2)).toEqual([["TasksMax", "t", "1"]]);
  });
  test("rounds a quota up to whole percents, for systemd keeps no others", () => {
    expect(resourceProperties({ cpu: { quota: 1234, period: 100000 } }, 2)).toContainEqual(["CPUQuotaPerSecUSec", "t", "20000"]);
  });
  test("takes unified files that have a property, over the other fields", () => {
    const unified = { "pids.max": "7", "memory.high": "max\n", "cpu.max": "max 50000", "cpuset.cpus": "1", "io.max": "8:0 rbps=1", "memory.oom.group": "1" };
    expect(resourceProperties({ pids: { limit: 5 }, unified }, 2)).toEqual([
      ["TasksMax", "t", "7"], ["MemoryHigh", "t", INFINITY], ["CPUQuotaPeriodUSec", "t", "50000"], ["CPUQuotaPerSecUSec", "t", INFINITY], ["AllowedCPUs", "ay", "1", "2"],
    ]);
  });
});

test("resourceProperties() for v1 has v1's names", () => {
  expect(resourceProperties({ memory: { limit: 100, swap: 200 }, cpu: { shares: 512 }, blockIO: { weight: 500 }, pids: { limit: 3 } }, 1)).toEqual([
    ["MemoryLimit", "t", "100"], ["CPUShares", "t", "512"], ["BlockIOWeight", "t", "500"], ["TasksMax", "t", "3"],
  ]);
});

describe("deviceProperties()", () => {
  test("lists what is allowed, and clears what was", () => {
    const rules: DeviceRule[] = [
      { allow: false }, { allow: true, type: "c", major: 1, minor: 3 },
      { allow: true, type: "b", major: 8, access: "r" }, { allow: true, type: "c", access: "m" },
    ];
    expect(deviceProperties(devicePolicy(rules))).toEqual([
      ["DevicePolicy", "s", "strict"], ["DeviceAllow", "a(ss)", "0"], ["DeviceAllow", "a(ss)", "3", "/dev/char/1:3", "rwm", "block-8", "r", "char-*", "m"],
    ]);
    expect(deviceProperties(devicePolicy(deviceRules({})))[2]?.[2]).toBe("11");
  });
  test("allows all where systemd has no words for the rules", () => {
    const all = [["DevicePolicy", "s", "auto"], ["DeviceAllow", "a(ss)", "0"]];
    expect(deviceProperties(devicePolicy([{ allow: true }]))).toEqual(all as never);
    expect(deviceProperties(devicePolicy([{ allow: true }, { allow: false, type: "c", major: 1 }]))).toEqual(all as never);
    expect(deviceProperties(devicePolicy([{ allow: false }, { allow: true, type: "c", minor: 3 }]))).toEqual(all as never);
  });
});

test("scopeProperties() and propertyWords() are what busctl takes", () => {
  const request = { slice: "a.slice", unit: "b.scope", description: "pidbox container c", pid: 42, version: 2, resources: { pids: { limit: 1 } } } as const;
  const words = propertyWords(scopeProperties(request));
  expect(words.join(" ")).toBe(
    "10 Description s pidbox container c Slice s a.slice Delegate b true PIDs au 1 42 MemoryAccounting b true CPUAccounting b true IOAccounting b true " +
    "TasksAccounting b true DefaultDependencies b false TasksMax t 1",
  );
});
