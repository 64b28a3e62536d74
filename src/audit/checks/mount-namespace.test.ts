import { expect, test } from "bun:test";
import { answersOf, container, containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./mount-namespace.ts";

const shared = container({ sharedWithHost: ["mnt", "user"] });

test("one of its own passes, the host's is found, and what is hidden is unknown", () => {
  expect(told(check)).toEqual(["pass: a mount namespace of its own"]);
  expect(told(check, { container: containerFacts({ container: shared, task: task({ label: "unconfined" }) }) })).toEqual(["finding: as root of the host"]);
  const user = task({ label: "unconfined", status: status({ uids: { real: 33, effective: 33, saved: 33, filesystem: 33 } }) });
  expect(answersOf(check, { container: containerFacts({ container: shared, task: user }) })[0]?.severity).toBe("high");
  expect(told(check, { container: containerFacts({ container: container({ unknown: ["mnt"] }) }) })[0]).toStartWith("unknown");
});
