import { expect, test } from "bun:test";
import { container, containerFacts, DOCKER_CAPABILITIES, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./capabilities-beyond-docker.ts";

const { capabilities } = status();
const more = task({ status: status({ capabilities: { ...capabilities, effective: DOCKER_CAPABILITIES | (1n << 21n) } }) });

test("Docker's own pass, SYS_ADMIN is found", () => {
  expect(told(check)).toEqual(["pass: none beyond Docker's"]);
  expect(told(check, { container: containerFacts({ task: more }) })).toEqual(["finding: CAP_SYS_ADMIN"]);
});

test("a user namespace of its own stops it", () => {
  const own = containerFacts({ task: more, container: container({ sharedWithHost: ["time"] }) });
  expect(told(check, { container: own })).toEqual(["blocked by user namespace: CAP_SYS_ADMIN, over its own user namespace alone"]);
});
