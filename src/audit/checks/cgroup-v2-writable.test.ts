import { expect, test } from "bun:test";
import { answersOf, container, containerFacts, MOUNTS, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./cgroup-v2-writable.ts";

const writable = parseMountinfo(MOUNTS.replace("/sys/fs/cgroup ro", "/sys/fs/cgroup rw"));
const shared = (...sharedWithHost: readonly ("user" | "cgroup")[]): ReturnType<typeof containerFacts> =>
  containerFacts({ mounts: writable, container: container({ sharedWithHost }) });

test("Docker's read-only mount passes", () => {
  expect(told(check)).toEqual(["pass: read-only"]);
  expect(told(check, { container: containerFacts({ mounts: [] }) })).toEqual(["not-applicable: no cgroup2 in it"]);
});

test("a writable one is as bad as what it shows", () => {
  expect(answersOf(check, { container: shared("user", "cgroup") })[0]?.severity).toBe("critical");
  expect(answersOf(check, { container: shared("user") })[0]?.severity).toBe("low");
  expect(told(check, { container: shared() })).toEqual(["blocked by user namespace: /sys/fs/cgroup"]);
});
