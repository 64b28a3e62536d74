import { expect, test } from "bun:test";
import { answersOf, container, containerFacts, object, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./chroot.ts";

const directory = object({ mode: 0o040755, inode: 7 });
const { capabilities } = status();

test("a root that is a mount passes, a directory is found, graver with the capability to leave it", () => {
  expect(told(check)).toEqual(["pass: a mount"]);
  expect(told(check, { container: containerFacts({ task: task({ root: directory }) }) })).toEqual(["finding: with the capability to leave it (CAP_SYS_CHROOT)"]);
  const weak = task({ root: directory, status: status({ capabilities: { ...capabilities, effective: 0n } }) });
  expect(answersOf(check, { container: containerFacts({ task: weak }) })[0]).toMatchObject({ verdict: "finding", text: "a directory" });
  expect(told(check, { container: containerFacts({ container: container({ sharedWithHost: ["mnt"] }) }) })[0]).toStartWith("not-applicable");
  expect(told(check, { container: containerFacts({ task: task({ root: -13 }) }) })).toEqual(["unknown: its root could not be looked at"]);
});
