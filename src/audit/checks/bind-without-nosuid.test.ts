import { expect, test } from "bun:test";
import { containerFacts, hostFacts, MOUNTS, object, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import type { TaskFacts } from "../../engine/posture.ts";
import { check } from "./bind-without-nosuid.ts";

const withMount = (line: string, first: TaskFacts = task(), mode = 0o040755): ReturnType<typeof containerFacts> => containerFacts({
  task: first, mounts: parseMountinfo(`${MOUNTS}${line}\n`),
  binds: { tables: new Map(), objects: new Map([[700, object({ mode })], [608, object()], [609, object()], [610, object()]]), sockets: [], complete: true },
});
const BIND = "700 600 8:1 /srv/data /data rw,relatime - ext4 /dev/sda1 rw";

test("a directory that is writable is found; files, volumes, read-only and nosuid are not", () => {
  const clean = ["pass: no directory of the host is writable and without nosuid"];
  expect(told(check, { container: withMount(BIND) })).toEqual(["finding: /srv/data of the host on /data, writable without nosuid"]);
  expect(told(check, { container: withMount(BIND, task(), 0o100644) })).toEqual(clean);
  expect(told(check, { container: withMount(BIND.replace("/srv/data", "/var/lib/docker/volumes/x/_data")) })).toEqual(clean);
  expect(told(check, { container: withMount(BIND.replace("rw,relatime", "ro")) })).toEqual(clean);
  expect(told(check, { container: withMount(BIND.replace("rw,relatime", "rw,nosuid")) })).toEqual(clean);
  const host = hostFacts({ mounts: parseMountinfo("22 1 8:1 / / rw,nosuid - ext4 /dev/sda1 rw\n") });
  expect(told(check, { container: withMount(BIND), host })).toEqual(clean);
});

test("who is not the host's root leaves files that are not root's", () => {
  const user = task({ status: status({ uids: { real: 1000, effective: 1000, saved: 1000, filesystem: 1000 } }) });
  expect(told(check, { container: withMount(BIND, user) })[0]).toStartWith("blocked by file permissions: /srv/data");
  const own = task({ namespaces: { ...task().namespaces, user: 4026532999 } });
  expect(told(check, { container: withMount(BIND, own) })[0]).toStartWith("blocked by user namespace: /srv/data");
});
