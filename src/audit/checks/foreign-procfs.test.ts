import { expect, test } from "bun:test";
import { containerFacts, HOST_NAMESPACES, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./foreign-procfs.ts";

const showing = (...places: readonly (readonly [string, number])[]): string[] => told(check, { container: containerFacts({ procfs: new Map(places) }) });

test("its own passes, the host's is found", () => {
  expect(told(check)).toEqual(["pass: each shows its own processes"]);
  expect(showing(["/host/proc", HOST_NAMESPACES.pid ?? 0])).toEqual(["finding: /host/proc shows the host's processes"]);
  expect(showing(["/x", 4026539999])).toEqual(["finding: /x shows another container's processes"]);
});

test("none is not applicable, a hidden one unknown", () => {
  expect(showing()).toEqual(["not-applicable: it has no procfs"]);
  expect(showing(["/proc", -13])).toEqual(["unknown: whose processes /proc shows could not be told"]);
});
