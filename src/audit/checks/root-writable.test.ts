import { expect, test } from "bun:test";
import { containerFacts, MOUNTS, object, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./root-writable.ts";

test("a writable root is found, a read-only one passes, one that is nowhere is unknown", () => {
  expect(told(check)).toEqual(["finding: overlay"]);
  expect(told(check, { container: containerFacts({ mounts: parseMountinfo(MOUNTS.replace("/ / rw,relatime", "/ / ro,relatime")) }) })).toEqual(["pass: read-only"]);
  expect(told(check, { container: containerFacts({ mounts: [], task: task({ root: object({ mountId: 5 }) }) }) })).toEqual(["unknown: its root is on no mount of its table"]);
  expect(told(check, { container: containerFacts({ mounts: -13 }) })).toEqual(["unknown: its mount table could not be read"]);
});
