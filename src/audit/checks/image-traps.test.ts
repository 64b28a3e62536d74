import { expect, test } from "bun:test";
import { containerFacts, MOUNTS, object, processFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./image-traps.ts";

test("Docker's default passes", () => {
  expect(told(check)).toEqual(["pass: none of those that can be told from outside"]);
});

test("a /proc that is a link shows by where procfs is", () => {
  const moved = parseMountinfo(MOUNTS.split("\n").filter((line) => !line.includes(" /proc/")).join("\n").replace("/ /proc rw", "/ /data/proc rw"));
  expect(told(check, { container: containerFacts({ mounts: moved }) })).toEqual(["finding: what belongs on /proc is on /data/proc: the image has a link there"]);
});

test("variables of the loader and /etc/ld.so.preload are found", () => {
  expect(told(check, { container: containerFacts({ processes: [processFacts({ variables: ["PATH", "LD_PRELOAD"] })] }) })).toEqual(["finding: LD_PRELOAD in the environment of its first process"]);
  const paths = new Map([["/etc/ld.so.preload", { object: object({ size: 20 }) }]]);
  expect(told(check, { container: containerFacts({ paths }) })).toEqual(["finding: /etc/ld.so.preload has 20 bytes"]);
});

test("what could not be read is unknown", () => {
  const container = containerFacts({ processes: [processFacts({ variables: -13 })], paths: new Map([["/etc/ld.so.preload", { object: -66 }]]) });
  expect(told(check, { container })).toEqual(["unknown: the environment of its first process could not be read", "unknown: /etc/ld.so.preload could not be looked at"]);
});
