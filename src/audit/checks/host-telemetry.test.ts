import { expect, test } from "bun:test";
import { containerFacts, object, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./host-telemetry.ts";

const on = (mountId: number): ReturnType<typeof containerFacts> =>
  containerFacts({ paths: new Map((check.reads?.inside ?? []).map((path) => [path, { object: object({ mountId }) }])) });

test("the kernel's own files are told, covers pass", () => {
  expect(told(check, { container: on(601) })[0]).toStartWith("finding: /proc/meminfo, ");
  expect(told(check, { container: on(600) })).toEqual(["pass: none of the kernel's own"]);
  expect(told(check)).toEqual(["unknown: /proc/meminfo could not be looked at"]);
});
