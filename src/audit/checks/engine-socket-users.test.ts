import { expect, test } from "bun:test";
import { hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./engine-socket-users.ts";

const host = (mode: number, uid = 0, gid = 0): ReturnType<typeof hostFacts> =>
  hostFacts({
    paths: new Map([["/run/docker.sock", { mode: 0o140000 | mode, uid, gid, rdev: { major: 0, minor: 0 } }]]),
    files: new Map([["/etc/group", "root:x:0:\ndocker:x:998:ada,bob\nempty:x:997:"]]),
  });

test("who may write is found", () => {
  expect(told(check, { host: host(0o666) })).toEqual(["finding: every user may write to /run/docker.sock"]);
  expect(told(check, { host: host(0o660, 0, 998) })).toEqual(["finding: ada, bob of the group docker may write to /run/docker.sock"]);
  expect(told(check, { host: host(0o660, 0, 5) })).toEqual(["finding: the group 5 may write to /run/docker.sock"]);
  expect(told(check, { host: host(0o600, 1000) })).toEqual(["finding: /run/docker.sock belongs to uid 1000"]);
});

test("root alone, a group without members, and no socket", () => {
  expect(told(check, { host: host(0o660, 0, 0) })).toEqual(["pass: /run/docker.sock is root's"]);
  expect(told(check, { host: host(0o660, 0, 997) })).toEqual(["pass: /run/docker.sock is root's and of the group empty, which has no members"]);
  expect(told(check)).toEqual(["not-applicable: no engine has a socket here"]);
});
