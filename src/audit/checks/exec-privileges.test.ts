import { expect, test } from "bun:test";
import { containerFacts, DOCKER_CAPABILITIES, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./exec-privileges.ts";

const { capabilities } = status();
const first = task();
const beside = (other: ReturnType<typeof task>): string[] => told(check, { container: containerFacts({ first, tasks: [first, other] }) });
const second = { pid: 4800, thread: 4800 };

test("equals pass, and so does one with less", () => {
  expect(told(check)).toEqual(["pass: none has more than the first"]);
  expect(beside(task({ ...second, status: status({ capabilities: { ...capabilities, effective: 0n, permitted: 0n } }) }))).toEqual(["pass: none has more than the first"]);
});

test("capabilities, a filter less and an open label are found", () => {
  const more = DOCKER_CAPABILITIES | (1n << 21n);
  const strong = task({ ...second, label: "unconfined", status: status({ seccomp: 0, capabilities: { ...capabilities, effective: more, permitted: more } }) });
  expect(beside(strong)).toEqual(["finding: PID 4800 (sleep): CAP_SYS_ADMIN; no seccomp filter; label unconfined"]);
});
