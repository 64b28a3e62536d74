import { expect, test } from "bun:test";
import { containerFacts, hostFacts, MOUNTS, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./kernel-switches.ts";

const open = parseMountinfo(MOUNTS.split("\n").filter((line) => !line.includes("sysrq-trigger")).join("\n"));
const free = containerFacts({ task: task({ label: "unconfined" }), mounts: open });

test("sysrq-trigger is found where nothing is mounted over it", () => {
  expect(told(check)).toEqual(["pass: read-only, covered or not there"]);
  expect(told(check, { container: free })).toEqual(["finding: /proc/sysrq-trigger can be written"]);
  expect(told(check, { container: containerFacts({ mounts: open }) })).toEqual(["blocked by AppArmor: /proc/sysrq-trigger can be written as far as mounts go"]);
});

test("a kernel without it has nothing to cover", () => {
  expect(told(check, { container: free, host: hostFacts({ paths: new Map([["/proc/sysrq-trigger", -2]]) }) })).toEqual(["pass: read-only, covered or not there"]);
});
