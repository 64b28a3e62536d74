import { expect, test } from "bun:test";
import { answersOf, container, containerFacts, MOUNTS, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./cgroup-v1-writable.ts";

const mounts = (options: string, root = "/docker/x"): ReturnType<typeof parseMountinfo> =>
  parseMountinfo(`${MOUNTS}700 604 0:33 ${root} /sys/fs/cgroup/memory ${options} - cgroup cgroup rw,memory\n`);

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

test("its own cgroup is less than the hierarchy's root, or than what CAP_SYS_ADMIN may write there", () => {
  const { capabilities } = status();
  const admin = task({ status: status({ capabilities: { ...capabilities, effective: 1n << 21n } }) });
  const severity = (facts: Parameters<typeof containerFacts>[0]): unknown => answersOf(check, { container: containerFacts(facts) })[0]?.severity;
  expect(severity({ mounts: mounts("rw") })).toBe("high");
  expect(severity({ mounts: mounts("rw"), task: admin })).toBe("critical");
  expect(severity({ mounts: mounts("rw", "/") })).toBe("critical");
});
