import { expect, test } from "bun:test";
import { answersOf, containerFacts, descriptor, HOST_NAMESPACES, object, task, told } from "../../../test/fixtures/audit/facts.ts";
import type { DescriptorFacts } from "../../engine/posture.ts";
import type { HandleFacts } from "../facts-handles.ts";
import { check } from "./dangerous-descriptor.ts";

const handles: HandleFacts = { pidfds: new Map([["4711/4711/8", 1]]), hostSockets: new Map([[55, "unix, connected with /run/docker.sock"], [56, "tcp"]]) };
const holding = (...descriptors: DescriptorFacts[]): ReturnType<typeof containerFacts> => containerFacts({ task: task({ descriptors }), handles });
const severities = (...descriptors: DescriptorFacts[]): string[] =>
  answersOf(check, { container: holding(...descriptors) }).map(({ severity, text }) => `${severity ?? ""} ${text}`);
const kernel = object({ mountId: 9 });

test("what every program may have passes", () => {
  const own = holding(
    descriptor(3, "anon_inode:[eventpoll]", kernel), descriptor(4, "anon_inode:[io_uring]", kernel), descriptor(5, `net:[${task().namespaces.net ?? 0}]`, kernel), descriptor(6, "socket:[9]", kernel),
    descriptor(7, "anon_inode:[pidfd]", kernel), descriptor(1, "socket:[56]", kernel),
  );
  expect(told(check)).toEqual(["pass: none"]);
  expect(told(check, { container: own })).toEqual(["pass: none"]);
});

test("handles on the host are found, each kind by itself", () => {
  expect(severities(descriptor(3, `mnt:[${HOST_NAMESPACES.mnt ?? 0}]`, kernel), descriptor(8, "anon_inode:[pidfd]", kernel))).toEqual([
    "critical PID 4711 (sleep): the host's mnt namespace", "high PID 4711 (sleep): process 1, which is not its own",
  ]);
  expect(severities(descriptor(9, "socket:[55]", kernel))).toEqual(["critical PID 4711 (sleep): a socket of the host's network namespace (unix, connected with /run/docker.sock)"]);
  expect(severities(descriptor(3, "anon_inode:bpf-prog", kernel), descriptor(4, "anon_inode:bpf-map", kernel))).toEqual(["medium PID 4711 (sleep): anon_inode:bpf-prog, and 1 more such"]);
  expect(severities(descriptor(3, "net:[4026599999]", kernel))).toEqual(["medium PID 4711 (sleep): a net namespace that is not its own"]);
  expect(severities(descriptor(3, "/dev/sda", object({ mode: 0o060660, rdev: { major: 8, minor: 0 } })))).toEqual(["critical PID 4711 (sleep): /dev/sda (block device)"]);
});

test("descriptors that could not be read are unknown", () => {
  expect(told(check, { container: containerFacts({ task: task({ descriptors: -13 }) }) })).toEqual(["unknown: the descriptors of PID 4711 could not be read"]);
});
