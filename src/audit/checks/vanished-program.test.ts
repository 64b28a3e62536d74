import { expect, test } from "bun:test";
import { answersOf, container, containerFacts, object, processFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./vanished-program.ts";

const memory = object({ mode: 0o100777, mountId: 1, device: { major: 0, minor: 1 } });

test("programs in files pass, removed ones and those in memory are found", () => {
  expect(told(check)).toEqual(["pass: each program is in a file"]);
  expect(told(check, { container: containerFacts({ processes: [processFacts({ program: "/usr/sbin/nginx (deleted)" })] }) })).toEqual(["finding: PID 4711 runs /usr/sbin/nginx, which was removed"]);
  const [answer] = answersOf(check, { container: containerFacts({ processes: [processFacts({ pid: 4712, program: "/memfd:x (deleted)", executable: memory })] }) });
  expect(answer).toMatchObject({ severity: "high", text: "PID 4712 runs /memfd:x (deleted) from memory" });
});

test("the init of a runtime is in memory by design, no other process is", () => {
  const init = processFacts({ program: "/memfd:pidbox (deleted)", executable: memory });
  expect(told(check, { container: containerFacts({ container: container({ engine: "pidbox" }), processes: [init] }) })).toEqual(["pass: each program is in a file"]);
  expect(told(check, { container: containerFacts({ processes: [{ ...init, pid: 4712 }] }) })[0]).toStartWith("finding");
});

test("a link that could not be read is unknown", () => {
  expect(told(check, { container: containerFacts({ processes: [processFacts({ program: -13, executable: -13 })] }) })).toEqual(["unknown: what PID 4711 runs could not be read"]);
});
