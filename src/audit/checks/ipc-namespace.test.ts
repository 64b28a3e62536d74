import { expect, test } from "bun:test";
import { container, containerFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./ipc-namespace.ts";

test("its own passes, the host's is found, and a hidden one is unknown", () => {
  const having = (changes: Parameters<typeof container>[0]): string[] => told(check, { container: containerFacts({ container: container(changes) }) });
  expect(having({ sharedWithHost: [] })[0]).toStartWith("pass: ");
  expect(having({ sharedWithHost: ["ipc"] })[0]).toStartWith("finding: ");
  expect(having({ sharedWithHost: [], unknown: ["ipc"] })).toEqual(["unknown: the kernel does not tell which one it is in"]);
});
