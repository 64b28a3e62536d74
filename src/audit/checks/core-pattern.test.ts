import { expect, test } from "bun:test";
import { containerFacts, hostFacts, MOUNTS, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import type { TaskFacts } from "../../engine/posture.ts";
import { check } from "./core-pattern.ts";

const OPEN = MOUNTS.split("\n").filter((line) => !line.includes(" /proc/sys ")).join("\n");
const open = (first: TaskFacts): ReturnType<typeof containerFacts> => containerFacts({ task: first, mounts: parseMountinfo(OPEN) });
const free = task({ label: "unconfined" });

test("a read-only /proc/sys passes", () => {
  expect(told(check)).toEqual(["pass: read-only, covered or not there"]);
});

test("a writable one is found, there or on another procfs", () => {
  expect(told(check, { container: open(free) })).toEqual(["finding: /proc/sys/kernel/core_pattern can be written"]);
  const other = containerFacts({ task: free, mounts: parseMountinfo(`${MOUNTS}700 600 0:21 / /host/proc rw - proc proc rw\n`) });
  expect(told(check, { container: other })).toEqual(["finding: /host/proc/sys/kernel/core_pattern can be written"]);
});

test("AppArmor, SELinux, users and permissions stop it", () => {
  const text = "/proc/sys/kernel/core_pattern can be written as far as mounts go";
  expect(told(check, { container: open(task()) })).toEqual([`blocked by AppArmor: ${text}`]);
  expect(told(check, { container: open(task({ label: "docker-default (complain)" })) })[0]).toStartWith("finding");
  const selinux = open(task({ label: "system_u:system_r:container_t:s0:c1,c2" }));
  expect(told(check, { container: selinux, host: hostFacts({ files: new Map([["/sys/fs/selinux/enforce", "1"]]) }) })).toEqual([`blocked by SELinux: ${text}`]);
  expect(told(check, { container: selinux, host: hostFacts({ files: new Map([["/sys/fs/selinux/enforce", "0"]]) }) })[0]).toStartWith("finding");
  expect(told(check, { container: open(task({ label: "unconfined", namespaces: { ...task().namespaces, user: 4026532999 } })) })).toEqual([`blocked by user namespace: ${text}`]);
  const user = task({ label: "unconfined", status: status({ uids: { real: 33, effective: 33, saved: 33, filesystem: 33 } }) });
  expect(told(check, { container: open(user) })).toEqual([`blocked by file permissions: ${text}`]);
  expect(told(check, { container: { ...open(user), tasks: [user, free] } })[0]).toStartWith("finding");
});

test("a table that could not be read is unknown", () => {
  expect(told(check, { container: containerFacts({ mounts: -13 }) })).toEqual(["unknown: its mount table could not be read"]);
});
