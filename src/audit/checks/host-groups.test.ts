import { expect, test } from "bun:test";
import { container, containerFacts, hostFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./host-groups.ts";

const host = hostFacts({ files: new Map([["/etc/group", "root:x:0:\ndisk:x:6:\naudio:x:29:\ndocker:x:998:alice"]]) });
const inGroups = (groups: readonly number[], sharedWithHost: readonly "user"[] = ["user"]): ReturnType<typeof containerFacts> =>
  containerFacts({
    task: task({ status: status({ groups }) }), container: container({ sharedWithHost }), gidMap: [{ inside: 0, outside: 100000, count: 65536 }],
  });

test("docker and disk are found, audio and root's own are not", () => {
  expect(told(check, { host, container: inGroups([0, 29]) })).toEqual(["pass: none"]);
  expect(told(check, { host, container: inGroups([0, 6, 998]) })).toEqual(["finding: disk (6), docker (998)"]);
});

test("ids without a mapping are nobody's", () => {
  expect(told(check, { host, container: inGroups([6], []) })).toEqual(["pass: none"]);
});
