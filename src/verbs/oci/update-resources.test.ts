import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "../../base/error.ts";
import { UPDATE_OPTIONS } from "./update-options.ts";
import { resourcesFromOptions, withoutZeros } from "./update-resources.ts";
import type { OciArguments } from "./verb.ts";

/** Arguments with these values; integers are decimal already. */
function given(values: Readonly<Record<string, string>>): OciArguments {
  return { operands: ["id"], flag: () => false, value: (name) => values[name], values: () => [] };
}

describe("resourcesFromOptions()", () => {
  test.each<[Record<string, string>, unknown]>([
    [{}, {}],
    [{ memory: "100M", "memory-reservation": "1g", "memory-swap": "-1" }, { memory: { limit: 100 << 20, reservation: 1 << 30, swap: -1 } }],
    // runc: no limit of memory means none of memory and swap either.
    [{ memory: "-1" }, { memory: { limit: -1, swap: -1 } }],
    [{ memory: "-1", "memory-swap": "1g" }, { memory: { limit: -1, swap: 1 << 30 } }],
    [{ memory: "0" }, {}],
    [{ "cpu-quota": "-1", "cpu-period": "50000", "cpu-share": "200" }, { cpu: { quota: -1, period: 50000, shares: 200 } }],
    [{ "cpu-burst": "0", "cpu-idle": "0" }, { cpu: { burst: 0, idle: 0 } }],
    [{ "cpu-rt-period": "1000000", "cpu-rt-runtime": "950000" }, { cpu: { realtimePeriod: 1000000, realtimeRuntime: 950000 } }],
    [{ "cpuset-cpus": "0-1", "cpuset-mems": "" }, { cpu: { cpus: "0-1" } }],
    [{ "blkio-weight": "500", "pids-limit": "0" }, { blockIO: { weight: 500 } }],
    [{ "pids-limit": "-5" }, { pids: { limit: -1 } }],
  ])("%j", (values, expected) => expect(resourcesFromOptions(given(values)) as unknown).toEqual(expected));

  test.each([
    [{ memory: "much" }], [{ memory: "-2" }], [{ "cpu-quota": "x" }], [{ "cpu-period": "-1" }], [{ "cpu-share": "1.5" }], [{ "cpu-idle": "2" }],
    [{ "cpuset-cpus": "a" }], [{ "blkio-weight": "5" }], [{ "cpu-share": "99999999999999999999" }], [{ memory: "1g", "memory-swap": "1m" }],
  ])("refuses %j", (values) => expect(() => resourcesFromOptions(given(values as unknown as Record<string, string>))).toThrow(PidboxError));

  test("gives resources or PidboxError for any words", () => {
    const names = UPDATE_OPTIONS.filter(({ kind }) => kind === "text").map(({ name }) => name);
    const value = fc.oneof(fc.string(), fc.integer().map(String), fc.constantFrom("-1", "1k", "0-3", ""));
    fc.assert(fc.property(fc.dictionary(fc.constantFrom(...names), value), (values) => {
      try {
        expect(typeof resourcesFromOptions(given(values))).toBe("object");
      } catch (error) {
        expect(error).toBeInstanceOf(PidboxError);
      }
    }));
  });
});

test("withoutZeros() takes off what Go programs write for nothing, and keeps zeros that mean something", () => {
  const memory = { limit: 5, reservation: 0, swap: 0n, swappiness: 0 };
  const docker = { memory, cpu: { shares: 0, burst: 0 }, blockIO: { weight: 0 }, pids: { limit: 0 } };
  expect(withoutZeros({ ...docker, unified: { "memory.high": "0" }, devices: [] })).toEqual({
    memory: { limit: 5, swappiness: 0 }, cpu: { burst: 0 }, pids: { limit: 0 }, unified: { "memory.high": "0" }, devices: [],
  });
});
