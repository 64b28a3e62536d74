import { expect, test } from "bun:test";
import { containerFacts, object, told } from "../../../test/fixtures/audit/facts.ts";
import type { KernelObject } from "../../kernel/object.ts";
import { check } from "./mask-identity.ts";

const kcore = (changes: Partial<KernelObject>): ReturnType<typeof containerFacts> =>
  containerFacts({ paths: new Map([["/proc/kcore", { object: object({ mountId: 617, mountRoot: true, ...changes }) }]]) });

test("the null device and an empty file pass", () => {
  expect(told(check, { container: kcore({ mode: 0o020666, rdev: { major: 1, minor: 3 } }) })).toEqual(["pass: the null device, or an empty file"]);
  expect(told(check, { container: kcore({ mode: 0o100444, size: 0 }) })).toEqual(["pass: the null device, or an empty file"]);
  expect(told(check)).toEqual(["not-applicable: nothing is bound over them"]);
});

test("another device, and a file of the container's root, are found", () => {
  expect(told(check, { container: kcore({ mode: 0o020666, rdev: { major: 1, minor: 5 } }) })).toEqual(["finding: /proc/kcore"]);
  expect(told(check, { container: kcore({ mode: 0o100644, size: 0, mountId: 600 }) })).toEqual(["finding: /proc/kcore"]);
});
