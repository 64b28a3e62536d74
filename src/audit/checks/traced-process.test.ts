import { expect, test } from "bun:test";
import { containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./traced-process.ts";

test("a tracer is found, with where it is", () => {
  expect(told(check)).toEqual(["pass: none is"]);
  const traced = task({ status: status({ tracer: 99 }) });
  expect(told(check, { container: containerFacts({ task: traced }) })).toEqual(["finding: by PID 99, outside"]);
  const tracer = task({ pid: 99, thread: 99 });
  expect(told(check, { container: containerFacts({ first: traced, tasks: [traced, tracer] }) })).toEqual(["finding: PID 4711 (sleep): by PID 99, in the container"]);
});
