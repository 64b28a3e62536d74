import { expect, test } from "bun:test";
import { answersOf, containerFacts, MOUNTS, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import type { SetuidFile } from "../facts-setuid.ts";
import { check } from "./setuid-files.ts";

const setuid: readonly SetuidFile[] = [{ path: "/usr/bin/su", kind: "set-uid", uid: 0 }];

test("files that work are found, lighter with users of its own", () => {
  expect(told(check)).toEqual(["pass: none in the usual directories"]);
  expect(told(check, { container: containerFacts({ setuid }) })).toEqual(["finding: /usr/bin/su"]);
  const own = task({ namespaces: { ...task().namespaces, user: 4026532999 } });
  expect(answersOf(check, { container: containerFacts({ setuid, task: own }) })[0]?.severity).toBe("low");
});

test("no_new_privs on every thread and nosuid stop them", () => {
  const bound = task({ status: status({ noNewPrivileges: true }) });
  expect(told(check, { container: containerFacts({ setuid, task: bound }) })).toEqual(["blocked by no_new_privs: /usr/bin/su"]);
  expect(told(check, { container: containerFacts({ setuid, tasks: [bound, task({ pid: 4712 })] }) })).toEqual(["finding: /usr/bin/su"]);
  const mounts = parseMountinfo(MOUNTS.replace("/ / rw,relatime", "/ / rw,nosuid"));
  expect(told(check, { container: containerFacts({ setuid, mounts }) })).toEqual(["blocked by mount nosuid: /usr/bin/su"]);
});

test("a root that a server answers for is unknown", () => {
  expect(told(check, { container: containerFacts({ setuid: -66 }) })).toEqual(["unknown: its programs could not be looked at"]);
});
