import { expect, test } from "bun:test";
import type { ListenerFacts } from "../facts.ts";
import { answersOf, engineFacts, hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./engine-port.ts";

const programs = [{ name: "dockerd", path: "/usr/bin/dockerd", pids: [9], deleted: false }];
const listener = (changes: Partial<ListenerFacts>): ListenerFacts => {
  return { address: "0.0.0.0", port: 2375, pid: 9, program: "dockerd", command: ["dockerd"], ...changes };
};
const host = (listeners: readonly ListenerFacts[] | number, config: string | number = -2): ReturnType<typeof hostFacts> =>
  hostFacts({ engines: engineFacts({ programs, listeners }), files: new Map([["/etc/docker/daemon.json", config]]) });

test("the API without certificates is critical, on the loopback high", () => {
  expect(told(check, { host: host([listener({})]) })).toEqual(["finding: dockerd on 0.0.0.0:2375"]);
  expect(answersOf(check, { host: host([listener({})]) })[0]?.severity).toBe("critical");
  expect(answersOf(check, { host: host([listener({ address: "127.0.0.1" })]) })[0]?.severity).toBe("high");
});

test("certificates pass; swarm's and metrics' ports are not the API's", () => {
  expect(told(check, { host: host([listener({ command: ["dockerd", "--tlsverify"] })]) })).toEqual(["pass: dockerd on 0.0.0.0:2375 demands client certificates"]);
  expect(told(check, { host: host([listener({ port: 2377 }), listener({ port: 9323, command: ["dockerd", "--metrics-addr=0.0.0.0:9323"] })]) })).toEqual(["pass: none listens on TCP"]);
});

test("other ports are the API's where the arguments or daemon.json say so", () => {
  expect(told(check, { host: host([listener({ port: 4243, command: ["dockerd", "-H", "tcp://0.0.0.0:4243"] })]) })).toEqual(["finding: dockerd on 0.0.0.0:4243"]);
  expect(told(check, { host: host([listener({ port: 4244 })], "{\"hosts\": [\"tcp://:4244\"]}") })).toEqual(["finding: dockerd on 0.0.0.0:4244"]);
});

test("what cannot be read is unknown", () => {
  expect(told(check, { host: host(-13) })).toEqual(["unknown: which sockets the engines listen on could not be read"]);
  expect(told(check, { host: host([], -13) })).toEqual(["unknown: daemon.json could not be read"]);
  expect(told(check)).toEqual(["not-applicable: no engine runs that takes orders"]);
});
