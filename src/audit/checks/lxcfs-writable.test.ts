import { expect, test } from "bun:test";
import { containerFacts, MOUNTS, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./lxcfs-writable.ts";

const withMount = (line: string): ReturnType<typeof containerFacts> =>
  containerFacts({ task: task({ label: "unconfined" }), mounts: parseMountinfo(`${MOUNTS}${line}\n`) });

test("the whole tree is found, the files that LXC mounts are not", () => {
  expect(told(check)).toEqual(["pass: no, or single files only"]);
  expect(told(check, { container: withMount("700 600 0:70 / /var/lib/lxcfs rw - fuse.lxcfs lxcfs rw") })).toEqual(["finding: / of LXCFS on /var/lib/lxcfs"]);
  expect(told(check, { container: withMount("700 601 0:70 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw") })).toEqual(["pass: no, or single files only"]);
  expect(told(check, { container: withMount("700 600 0:70 / /var/lib/lxcfs ro - fuse.lxcfs lxcfs rw") })).toEqual(["pass: no, or single files only"]);
  expect(told(check, { container: containerFacts({ mounts: -13 }) })).toEqual(["unknown: its mount table could not be read"]);
});
