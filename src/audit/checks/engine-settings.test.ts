import { expect, test } from "bun:test";
import { answersOf, engineFacts, hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./engine-settings.ts";

const programs = [{ name: "dockerd", path: "/usr/bin/dockerd", pids: [9], deleted: false }];
const host = (config: string | number, command: readonly string[] = ["dockerd"]): ReturnType<typeof hostFacts> =>
  hostFacts({ engines: engineFacts({ programs, commands: new Map([["dockerd", command]]) }), files: new Map([["/etc/docker/daemon.json", config]]) });

test("the defaults are found, what is set passes", () => {
  expect(told(check, { host: host(-2) })).toHaveLength(3);
  const good = "{\"userns-remap\": \"default\", \"icc\": false, \"no-new-privileges\": true}";
  expect(told(check, { host: host(good) })).toEqual(["pass: userns-remap, icc and no-new-privileges are set"]);
  expect(told(check, { host: host(-2, ["dockerd", "--userns-remap=default", "--icc=false", "--no-new-privileges"]) })).toEqual(["pass: userns-remap, icc and no-new-privileges are set"]);
});

test("no filter for anybody is grave", () => {
  const config = "{\"userns-remap\": \"default\", \"icc\": false, \"no-new-privileges\": true, \"seccomp-profile\": \"unconfined\", \"insecure-registries\": [\"r:5000\"]}";
  expect(answersOf(check, { host: host(config) }).map(({ severity, text }) => `${severity}: ${text}`)).toEqual([
    "high: seccomp-profile: containers may make every system call", "medium: insecure-registries: whoever is on the way to the registry chooses the image",
  ]);
});

test("what cannot be read is unknown, and no Docker is no question", () => {
  expect(told(check, { host: host(-13) })).toEqual(["unknown: daemon.json could not be read"]);
  expect(told(check, { host: host("{") })[0]).toStartWith("unknown: Cannot read daemon.json");
  expect(told(check, { host: host(-2, ["dockerd", "--config-file", "/srv/d.json"]) })).toEqual(["unknown: dockerd reads its settings from /srv/d.json"]);
  expect(told(check)).toEqual(["not-applicable: there is no dockerd"]);
});
