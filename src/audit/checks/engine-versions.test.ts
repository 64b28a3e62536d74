import { expect, test } from "bun:test";
import { engineFacts, hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./engine-versions.ts";

const program = { path: "/usr/bin/runc", name: "runc", pids: [], deleted: false };

test("from the program, else from its package, else not at all", () => {
  const programs = [
    { ...program, version: "1.3.3" },
    { ...program, path: "/usr/bin/crun", name: "crun", pids: [1, 2], package: { name: "crun", version: "1.8.1-1+deb12u1", source: "crun" } },
    { ...program, package: { name: "containerd.io", version: "1.7.27-1", source: "containerd.io" } },
  ];
  expect(told(check, { host: hostFacts({ engines: engineFacts({ programs }) }) })).toEqual(["pass: runc 1.3.3", "pass: crun 1.8.1, 2 running", "unknown: /usr/bin/runc"]);
  expect(told(check)).toEqual(["not-applicable: no program of an engine was found"]);
});
