import { expect, test } from "bun:test";
import { mergeResources } from "./merge-resources.ts";

test("mergeResources() changes fields, not groups", () => {
  expect(mergeResources({ memory: { limit: 1, reservation: 2 }, pids: { limit: 3 } }, { memory: { limit: 5 }, cpu: { shares: 6 } })).toEqual({
    memory: { limit: 5, reservation: 2 }, pids: { limit: 3 }, cpu: { shares: 6 },
  });
});

test("mergeResources() replaces device rules and merges huge pages by size", () => {
  expect(
    mergeResources(
      { devices: [{ allow: false }], hugepageLimits: [{ pageSize: "2MB", limit: 1 }, { pageSize: "1GB", limit: 2 }] },
      { devices: [{ allow: true }], hugepageLimits: [{ pageSize: "2MB", limit: 9 }] },
    ),
  ).toEqual({ devices: [{ allow: true }], hugepageLimits: [{ pageSize: "2MB", limit: 9 }, { pageSize: "1GB", limit: 2 }] });
});

test("mergeResources() of nothing is what there was, without empty groups", () => {
  expect([mergeResources({}, {}), mergeResources({ cpu: { idle: 0 } }, {})]).toEqual([{}, { cpu: { idle: 0 } }]);
});
