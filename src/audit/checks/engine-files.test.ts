import { expect, test } from "bun:test";
import { answersOf, hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./engine-files.ts";

const host = (path: string, mode: number, uid = 0): ReturnType<typeof hostFacts> => {
  return hostFacts({ paths: new Map([[path, { mode, uid, gid: 0, rdev: { major: 0, minor: 0 } }]]) });
};

test("directories of images that others may enter are found", () => {
  expect(told(check, { host: host("/var/lib/containerd", 0o040711) })).toEqual(["finding: /var/lib/containerd has mode 0711: other users run and read what is in images"]);
  expect(told(check, { host: host("/var/lib/docker", 0o040710) })).toEqual(["pass: 1 are root's alone"]);
  expect(told(check, { host: host("/var/lib/docker", 0o040711) })).toEqual(["finding: /var/lib/docker has mode 0711: other users run and read what is in images"]);
});

test("configuration that others may write is grave", () => {
  expect(answersOf(check, { host: host("/etc/docker/daemon.json", 0o100666) })[0]?.severity).toBe("high");
  expect(told(check, { host: host("/etc/docker/daemon.json", 0o100644, 1000) })).toEqual(["finding: /etc/docker/daemon.json belongs to uid 1000: who can change it becomes root with the next container"]);
  expect(told(check, { host: host("/etc/docker/daemon.json", 0o100644) })).toEqual(["pass: 1 are root's alone"]);
  expect(told(check)).toEqual(["not-applicable: no file of an engine is here"]);
});
