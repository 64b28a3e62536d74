import { expect, test } from "bun:test";
import { container, containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./default-capabilities.ts";

test("Docker's set is found, none passes, a user namespace stops it", () => {
  expect(told(check)[0]).toStartWith("finding: CAP_DAC_OVERRIDE, CAP_NET_RAW, CAP_SYS_CHROOT, CAP_MKNOD");
  const none = task({ status: status({ capabilities: { ...status().capabilities, effective: 0n } }) });
  expect(told(check, { container: containerFacts({ task: none }) })).toEqual(["pass: none of them"]);
  expect(told(check, { container: containerFacts({ container: container({ sharedWithHost: [] }) }) })[0]).toStartWith("blocked by user namespace: ");
});
