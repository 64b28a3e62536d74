import { expect, test } from "bun:test";
import { container, containerFacts, MOUNTS, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./cgroup-v1-writable.ts";

const mounts = (options: string): ReturnType<typeof parseMountinfo> =>
  parseMountinfo(`${MOUNTS}700 604 0:33 /docker/x /sys/fs/cgroup/memory ${options} - cgroup cgroup rw,memory\n`);

test("writable is found, read-only passes, v2 alone has none", () => {
  expect(told(check)).toEqual(["not-applicable: no hierarchy of v1 in it"]);
  expect(told(check, { container: containerFacts({ mounts: mounts("rw,nosuid") }) })).toEqual(["finding: /sys/fs/cgroup/memory"]);
  expect(told(check, { container: containerFacts({ mounts: mounts("ro,nosuid") }) })).toEqual(["pass: read-only"]);
});

test("users of its own own no file there", () => {
  const own = containerFacts({ mounts: mounts("rw"), container: container({ sharedWithHost: [] }) });
  expect(told(check, { container: own })).toEqual(["blocked by user namespace: /sys/fs/cgroup/memory"]);
  expect(told(check, { container: containerFacts({ mounts: -13 }) })).toEqual(["unknown: its mount table could not be read"]);
});
