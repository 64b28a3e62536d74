import { expect, test } from "bun:test";
import { containerFacts, processFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./nested-service.ts";

const running = (...programs: readonly string[]): ReturnType<typeof containerFacts> =>
  containerFacts({ processes: programs.map((program, i) => processFacts({ pid: 4711 + i, program })) });

test("engines and logins are found by their program", () => {
  expect(told(check)).toEqual(["pass: none among its programs"]);
  expect(told(check, { container: running("/bin/sh", "/usr/sbin/sshd (deleted)", "/usr/bin/dockerd") })).toEqual(["finding: sshd (a login service), dockerd (an engine)"]);
});
