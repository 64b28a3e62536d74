import { expect, test } from "bun:test";
import { containerFacts, networkFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./raw-packets.ts";

test("the capability on a link is found; loopback alone reaches nobody", () => {
  expect(told(check)).toEqual(["finding: on eth0"]);
  expect(told(check, { container: containerFacts({ network: networkFacts({ interfaces: ["lo", "sit0"] }) }) })).toEqual(["not-applicable: it has loopback alone"]);
  const none = task({ status: status({ capabilities: { ...status().capabilities, effective: 0n } }) });
  expect(told(check, { container: containerFacts({ task: none }) })).toEqual(["pass: it has no CAP_NET_RAW"]);
  expect(told(check, { container: containerFacts({ network: undefined }) })).toEqual(["unknown: its interfaces could not be read"]);
});
