import { expect, test } from "bun:test";
import { answersOf, container, containerFacts, object, told } from "../../../test/fixtures/audit/facts.ts";
import type { PathFacts } from "../../engine/posture.ts";
import { check } from "./masked-paths.ts";

const NULL: PathFacts = { object: object({ mode: 0o020666, mountId: 617, rdev: { major: 1, minor: 3 } }) };
const EMPTY: PathFacts = { object: object({ mode: 0o040555, mountId: 616, mountRoot: true }), empty: true };
const ABSENT: PathFacts = { object: -2 };
const names = check.reads?.inside ?? [];
const paths = new Map(names.map((path): [string, PathFacts] => [path, path === "/proc/acpi" ? EMPTY : path === "/proc/kcore" ? NULL : ABSENT]));
const changed = (path: string, facts: PathFacts): ReturnType<typeof containerFacts> => containerFacts({ paths: new Map([...paths, [path, facts]]) });

test("Docker's masks pass", () => {
  expect(told(check, { container: containerFacts({ paths }) })).toEqual(["pass: covered, or not there"]);
});

test("an open path is found, less grave for users of its own", () => {
  const open = changed("/proc/keys", { object: object({ mountId: 601 }) });
  expect(told(check, { container: open })).toEqual(["finding: /proc/keys"]);
  expect(answersOf(check, { container: { ...open, container: container({ sharedWithHost: [] }) } })[0]?.severity).toBe("low");
});

test("a mask that could be written through, or cannot be looked at, does not pass", () => {
  const writable = object({ mode: 0o040555, mountId: 602, mountRoot: true });
  expect(told(check, { container: changed("/proc/acpi", { object: writable, empty: true }) })).toEqual(["finding: /proc/acpi"]);
  expect(told(check, { container: changed("/proc/acpi", { object: -13 }) })[0]).toStartWith("unknown: /proc/acpi ");
});
