import { expect, test } from "bun:test";
import { containerFacts, hostFacts, MOUNTS, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./kernel-helpers.ts";

const free = task({ label: "unconfined" });
const without = (place: string): ReturnType<typeof parseMountinfo> =>
  parseMountinfo(MOUNTS.split("\n").filter((line) => !line.includes(` ${place} `)).join("\n"));

test("read-only trees pass, writable ones are found", () => {
  expect(told(check)).toEqual(["pass: read-only, covered or not there"]);
  const proc = containerFacts({ task: free, mounts: without("/proc/sys") });
  expect(told(check, { container: proc })).toEqual(["finding: /proc/sys/kernel/modprobe, /proc/sys/kernel/hotplug, /proc/sys/kernel/poweroff_cmd can be written"]);
  const sys = parseMountinfo(MOUNTS.replace("/ /sys ro", "/ /sys rw").replace("sysfs sysfs ro", "sysfs sysfs rw"));
  expect(told(check, { container: containerFacts({ task: free, mounts: sys }) })).toEqual(["finding: /sys/kernel/uevent_helper can be written"]);
  const binfmt = parseMountinfo(`${MOUNTS}700 614 0:99 / /proc/sys/fs/binfmt_misc rw - binfmt_misc binfmt_misc rw\n`);
  expect(told(check, { container: containerFacts({ task: free, mounts: binfmt }) })).toEqual(["finding: /proc/sys/fs/binfmt_misc/register can be written"]);
});

test("what this kernel does not have is not asked about", () => {
  const host = hostFacts({ paths: new Map([["/proc/sys/kernel/hotplug", -2], ["/proc/sys/kernel/modprobe", -2]]) });
  expect(told(check, { host, container: containerFacts({ task: free, mounts: without("/proc/sys") }) })).toEqual(["finding: /proc/sys/kernel/poweroff_cmd can be written"]);
});

test("a table that could not be read is unknown", () => {
  expect(told(check, { container: containerFacts({ mounts: -13 }) })).toEqual(["unknown: its mount table could not be read"]);
});
