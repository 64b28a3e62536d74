import { expect, test } from "bun:test";
import { containerFacts, processFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./nested-service.ts";

const running = (...programs: readonly string[]): ReturnType<typeof containerFacts> =>
  containerFacts({ processes: programs.map((program, i) => processFacts({ pid: 4711 + i, program })) });

test("engines and logins are found by their program", () => {
  expect(told(check)).toEqual(["pass: none among its programs"]);
  expect(told(check, { container: running("/bin/sh", "/usr/sbin/sshd (deleted)", "/usr/bin/dockerd") })).toEqual(["finding: sshd (a login service), dockerd (an engine)"]);
});

test("a program that is hidden is not taken for a harmless one; a zombie has none", () => {
  const one = (program: number): ReturnType<typeof containerFacts> => containerFacts({ processes: [processFacts({ program })] });
  expect(told(check, { container: one(-13) })).toEqual(["unknown: what PID 4711 runs could not be read"]);
  expect(told(check, { container: one(-2) })).toEqual(["pass: none among its programs"]);
});
