import { expect, test } from "bun:test";
import { answersOf, containerFacts, HOST_MOUNTS, hostFacts, MOUNTS, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./kernel-filesystems.ts";

const withMount = (line: string, changes = {}): ReturnType<typeof containerFacts> => containerFacts({ mounts: parseMountinfo(`${MOUNTS}${line}\n`), ...changes });

test("debugfs is found, read-only it is lighter", () => {
  expect(told(check)).toEqual(["pass: none"]);
  expect(told(check, { container: withMount("700 604 0:7 / /sys/kernel/debug rw - debugfs debugfs rw") })).toEqual(["finding: debugfs on /sys/kernel/debug"]);
  expect(answersOf(check, { container: withMount("700 604 0:7 / /sys/kernel/debug ro - debugfs debugfs rw") })[0]?.severity).toBe("medium");
});

test("a bpffs of its own has nothing of the host, the host's has", () => {
  const own = withMount("700 604 0:88 / /sys/fs/bpf rw - bpf bpf rw");
  expect(told(check, { container: own })).toEqual(["pass: none"]);
  const host = hostFacts({ mounts: [...HOST_MOUNTS, ...parseMountinfo("30 24 0:88 / /sys/fs/bpf rw - bpf bpf rw\n")] });
  expect(told(check, { container: own, host })).toEqual(["finding: bpf on /sys/fs/bpf"]);
});

test("without the host's root it is blocked", () => {
  const own = task({ namespaces: { ...task().namespaces, user: 4026532999 } });
  const container = withMount("700 604 0:7 / /sys/kernel/debug rw - debugfs debugfs rw", { first: own, tasks: [own] });
  expect(told(check, { container })).toEqual(["blocked by user namespace: debugfs on /sys/kernel/debug, for root of the host alone"]);
  expect(told(check, { container: containerFacts({ mounts: -13 }) })).toEqual(["unknown: its mount table could not be read"]);
});
