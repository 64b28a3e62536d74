import { expect, test } from "bun:test";
import { container, containerFacts, hostFacts, object, task, told } from "../../../test/fixtures/audit/facts.ts";
import type { EngineSocket } from "../facts-sockets.ts";
import type { ContainerFacts } from "../facts.ts";
import { check } from "./engine-socket.ts";

const device = { major: 0, minor: 27 };
const docker: EngineSocket = { engine: "docker", path: "/run/docker.sock", device, inode: 99, pid: 700, place: { device, path: "/docker.sock" } };
const host = hostFacts({ engineSockets: [docker] });
function withSocket(path: string, inode: number): ContainerFacts {
  const sockets = [{ path, object: object({ mode: 0o140660, device, inode }) }];
  return containerFacts({ binds: { tables: new Map(), objects: new Map(), sockets, complete: true } });
}

test("a socket of an engine is found under any name, and by its name when it is not known", () => {
  expect(told(check, { host })).toEqual(["pass: none"]);
  expect(told(check, { host, container: withSocket("/tmp/x\n", 99) })).toEqual(["finding: /tmp/x\n is the socket of docker (PID 700), /run/docker.sock on the host"]);
  expect(told(check, { host, container: withSocket("/var/run/docker.sock", 5) })).toEqual(["finding: /var/run/docker.sock is the socket of docker by its name"]);
  expect(told(check, { host, container: withSocket("/run/app.sock", 5) })).toEqual(["pass: none"]);
});

test("sockets that were not looked for are unknown", () => {
  const binds = { tables: new Map(), objects: new Map(), sockets: [], complete: false };
  expect(told(check, { host, container: containerFacts({ binds }) })).toEqual(["unknown: it has more mounts of the host than are looked at"]);
});

test("an engine inside of the container is its own", () => {
  const inner = hostFacts({ engineSockets: [{ ...docker, pid: 4711 }] });
  expect(told(check, { host: inner, container: withSocket("/run/x", 99) })).toEqual(["pass: none"]);
});

test("with the host's mounts it does not apply; unread sockets are unknown", () => {
  const shared = containerFacts({ container: container({ sharedWithHost: ["mnt"] }), task: task() });
  expect(told(check, { host, container: shared })).toEqual(["not-applicable: it has the host's mounts, which is a finding of its own"]);
  expect(told(check, { host: hostFacts({ engineSockets: -1 }) })).toEqual(["unknown: the host's sockets could not be read"]);
  expect(told(check, { host, container: containerFacts({ mounts: -13 }) })).toEqual(["unknown: its mount table could not be read"]);
});
