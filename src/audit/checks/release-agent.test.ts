import { expect, test } from "bun:test";
import { containerFacts, HOST_NAMESPACES, MOUNTS, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import type { TaskFacts } from "../../engine/posture.ts";
import { check } from "./release-agent.ts";

const { capabilities } = status();
const admin = (changes: Partial<TaskFacts> = {}): TaskFacts =>
  task({ status: status({ capabilities: { ...capabilities, effective: capabilities.effective | (1n << 21n) } }), label: "unconfined", ...changes });
const hostCgroups = { ...task().namespaces, cgroup: HOST_NAMESPACES.cgroup ?? 0 };
const V1 = parseMountinfo(`${MOUNTS}700 605 0:33 / /sys/fs/cgroup/rdma rw - cgroup cgroup rw,rdma\n`);

test("Docker's default passes", () => {
  expect(told(check)).toEqual(["pass: no root of a hierarchy is mounted writable, and none can be mounted"]);
});

test("SYS_ADMIN in the host's cgroup namespace may mount, unless a security module or a user namespace stops it", () => {
  expect(told(check, { container: containerFacts({ task: admin({ namespaces: hostCgroups }) }) })).toEqual(["finding: it may mount a hierarchy and set its release agent"]);
  expect(told(check, { container: containerFacts({ task: admin({ namespaces: hostCgroups, label: "docker-default (enforce)" }) }) })[0]).toStartWith("pass");
  expect(told(check, { container: containerFacts({ task: admin({ namespaces: { ...hostCgroups, user: 4026532999 } }) }) })[0]).toStartWith("pass");
  expect(told(check, { container: containerFacts({ task: admin() }) })[0]).toStartWith("pass");
});

test("a root that is mounted writable is found, and takes SYS_ADMIN", () => {
  expect(told(check, { container: containerFacts({ task: admin(), mounts: V1 }) })).toEqual(["finding: /sys/fs/cgroup/rdma/release_agent"]);
  expect(told(check, { container: containerFacts({ task: task({ label: "unconfined" }), mounts: V1 }) })).toEqual([
    "blocked by capabilities: /sys/fs/cgroup/rdma/release_agent is mounted writable",
  ]);
  expect(told(check, { container: containerFacts({ mounts: -13 }) })).toEqual(["unknown: its mount table could not be read"]);
});
