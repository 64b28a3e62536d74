import { expect, test } from "bun:test";
import { containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { debian, DOCKER, STRICT, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./af-alg.ts";

const unconfined = task({ label: "unconfined" });

test("a filter that denies it passes, one that does not is found", () => {
  expect(told(check, { container: withFilter(STRICT), host: debian() })).toEqual(["pass: the seccomp filter refuses it"]);
  expect(told(check, { container: withFilter(DOCKER, { task: unconfined }), host: debian() })).toEqual(["finding: AF_ALG sockets can be made"]);
});

test("under an AppArmor profile it is not known", () => {
  expect(told(check, { container: withFilter(DOCKER), host: debian() })).toEqual(["unknown: seccomp lets AF_ALG through, and whether its AppArmor profile does is not known"]);
});

test("a kernel that has none, or may not load it, passes", () => {
  const container = containerFacts({ task: task({ label: "unconfined", status: status({ seccomp: 0 }) }) });
  expect(told(check, { container, host: debian({}, { modules: new Map([["af_alg", "absent"]]) }) })).toEqual(["pass: this kernel has no af_alg"]);
  expect(told(check, { container, host: debian({}, { modules: new Map([["af_alg", "disabled"]]) }) })).toEqual(["pass: af_alg is not loaded by itself"]);
  expect(told(check, { container, host: debian({}, { modules: new Map() }) })).toEqual(["unknown: whether the module af_alg is there is not known"]);
});
