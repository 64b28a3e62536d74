import { expect, test } from "bun:test";
import { containerFacts, MOUNTS, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./hidden-processes.ts";

const ids = { real: 33, effective: 33, saved: 33, filesystem: 33 };
const two = [task(), task({ pid: 4712, thread: 4712, status: status({ uids: ids }) })];

test("two users without hidepid are found", () => {
  expect(told(check)).toEqual(["not-applicable: all run as one user"]);
  expect(told(check, { container: containerFacts({ tasks: two }) })).toEqual(["finding: 2 users see each other"]);
  const hiding = parseMountinfo(MOUNTS.replace("- proc proc rw", "- proc proc rw,hidepid=invisible"));
  expect(told(check, { container: containerFacts({ tasks: two, mounts: hiding }) })).toEqual(["pass: hidepid=invisible"]);
});
