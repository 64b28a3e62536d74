import { expect, test } from "bun:test";
import { answersOf, container, containerFacts, descriptor, object, task, told } from "../../../test/fixtures/audit/facts.ts";
import type { DescriptorFacts } from "../../engine/posture.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./foreign-descriptor.ts";

const holding = (...descriptors: DescriptorFacts[]): ReturnType<typeof containerFacts> => containerFacts({ task: task({ descriptors }) });
const hosts = (changes = {}): ReturnType<typeof object> => object({ mountId: 22, device: { major: 8, minor: 1 }, ...changes });

test("pipes, sockets, memfds and files of its own pass", () => {
  expect(told(check)).toEqual(["pass: none"]);
  const memory = descriptor(4, "/memfd:x (deleted)", object({ mountId: 1 }));
  const event = descriptor(5, "anon_inode:[eventfd]", object({ mountId: 9 }));
  expect(told(check, { container: holding(descriptor(3, "/bin/sh", object()), memory, event) })).toEqual(["pass: none"]);
});

test("a directory of the host is critical, whatever its number; a file is high", () => {
  const directory = holding(descriptor(1, "/", hosts({ mode: 0o040755 })));
  expect(told(check, { container: directory })).toEqual(["finding: PID 4711 (sleep) holds the directory / as 1, on a mount of the host"]);
  expect(answersOf(check, { container: directory })[0]?.severity).toBe("critical");
  expect(answersOf(check, { container: holding(descriptor(7, "/usr/bin/runc", hosts({ mode: 0o100755 }))) })[0]?.severity).toBe("high");
});

test("streams that were handed in and /dev/null are nothing", () => {
  const sink = descriptor(9, "/dev/null", hosts({ mode: 0o020666, rdev: { major: 1, minor: 3 } }));
  expect(told(check, { container: holding(descriptor(1, "/var/log/x", hosts()), sink) })).toEqual(["pass: none"]);
});

test("mounts of a namespace that another thread has are its own; one that was taken away is less grave", () => {
  const [mount] = answersOf(check, { container: holding(descriptor(3, "/x", object({ mountId: 4000 }))) });
  expect(mount).toMatchObject({ verdict: "finding", severity: "medium" });
  const tables = new Map([[4026532888, parseMountinfo("4000 600 0:60 / / rw - overlay overlay rw\n")]]);
  const nested = { ...holding(descriptor(3, "/x", object({ mountId: 4000 }))), binds: { tables, objects: new Map(), sockets: [], complete: true } };
  expect(told(check, { container: nested })).toEqual(["pass: none"]);
});

test("a fifo is a stream; what was closed meanwhile is nothing, what cannot be looked at is unknown", () => {
  expect(told(check, { container: holding(descriptor(5, "/run/runc/x/exec.fifo", hosts({ mode: 0o010600 })), descriptor(6, "", -2)) })).toEqual(["pass: none"]);
  expect(told(check, { container: holding(descriptor(6, "/x", -5)) })).toEqual(["unknown: the descriptors of PID 4711 could not be read"]);
});

test("what could not be read is unknown, and with the host's mounts it does not apply", () => {
  expect(told(check, { container: containerFacts({ task: task({ descriptors: -13 }) }) })).toEqual(["unknown: the descriptors of PID 4711 could not be read"]);
  expect(told(check, { container: containerFacts({ container: container({ sharedWithHost: ["mnt"] }) }) })[0]).toStartWith("not-applicable");
});
