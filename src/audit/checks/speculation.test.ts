import { expect, test } from "bun:test";
import { containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./speculation.ts";

const words = (storeBypass: string, indirectBranch: string): ReturnType<typeof containerFacts> =>
  containerFacts({ task: task({ status: status({ storeBypass, indirectBranch }) }) });

test("the kernel's words decide", () => {
  expect(told(check, { container: words("thread vulnerable", "conditional enabled") })).toEqual(["finding: thread vulnerable"]);
  expect(told(check, { container: words("thread force mitigated", "conditional force disabled") })).toEqual(["pass: mitigated, off, or the CPU needs none"]);
  expect(told(check, { container: words("not vulnerable", "not affected") })).toEqual(["pass: mitigated, off, or the CPU needs none"]);
  expect(told(check)).toEqual(["unknown: this kernel does not tell"]);
});
