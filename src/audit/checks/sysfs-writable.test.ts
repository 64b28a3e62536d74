import { expect, test } from "bun:test";
import { containerFacts, MOUNTS, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./sysfs-writable.ts";

const rw = parseMountinfo(MOUNTS.replace("/ /sys ro", "/ /sys rw").replace("sysfs sysfs ro", "sysfs sysfs rw"));

test("read-only passes, writable is found, with users of its own it is blocked", () => {
  expect(told(check)).toEqual(["pass: read-only, covered or not there"]);
  expect(told(check, { container: containerFacts({ mounts: rw, task: task({ label: "unconfined" }) }) })[0]).toStartWith("finding: /sys/class, ");
  const own = task({ namespaces: { ...task().namespaces, user: 4026532999 } });
  expect(told(check, { container: containerFacts({ mounts: rw, task: own }) })[0]).toStartWith("blocked by user namespace: /sys/class, ");
  expect(told(check, { container: containerFacts({ mounts: -13 }) })).toEqual(["unknown: its mount table could not be read"]);
});
