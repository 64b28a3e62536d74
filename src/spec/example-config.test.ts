import { expect, test } from "bun:test";
import { exampleConfig, rootlessConfig } from "./example-config.ts";
import { validateConfig } from "./validate.ts";

test("the examples obey every clause", () => {
  for (const unified of [true, false]) {
    const example = exampleConfig("1.3.0", unified);
    expect(validateConfig(example)).toEqual([]);
    expect(validateConfig(rootlessConfig(example, 1000, 1000))).toEqual([]);
    expect(example.linux?.namespaces?.some(({ type }) => type === "cgroup")).toBe(unified);
  }
});
