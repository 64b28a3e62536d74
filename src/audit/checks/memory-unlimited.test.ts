import { expect, test } from "bun:test";
import { containerFacts, hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./memory-unlimited.ts";

const host = hostFacts({ files: new Map([["/proc/meminfo", "MemTotal:        2048000 kB\nMemFree:          100 kB"]]) });
const limited = (value: string): ReturnType<typeof containerFacts> =>
  containerFacts({ cgroups: new Map([["memory", "/m/x"]]), cgroupFiles: new Map([["/m/x/memory.limit_in_bytes", value]]) });

test("no limit, and one as large as the host, are found", () => {
  expect(told(check, { host })).toEqual(["finding: none in its cgroup and in those above it"]);
  expect(told(check, { host, container: limited("9223372036854771712") })).toEqual(["finding: none in its cgroup and in those above it"]);
  expect(told(check, { host, container: limited(String(2 ** 40)) })).toEqual(["finding: 1T is as much as the host has"]);
});

test("a limit passes, and nonsense is unknown", () => {
  expect(told(check, { host, container: limited("67108864") })).toEqual(["pass: at most 64M"]);
  expect(told(check, { container: limited("67108864") })).toEqual(["pass: at most 64M"]);
  expect(told(check, { host, container: limited("lots") })).toEqual(["unknown: the limit could not be read"]);
});
