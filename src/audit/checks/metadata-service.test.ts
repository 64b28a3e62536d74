import { expect, test } from "bun:test";
import { containerFacts, hostFacts, networkFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./metadata-service.ts";

const cloud = hostFacts({ files: new Map([["/sys/class/dmi/id/sys_vendor", "Amazon EC2"]]) });

test("no route passes; a route in a cloud is not known to be shut", () => {
  expect(told(check)).toEqual(["not-applicable: the host is not known as a cloud's"]);
  expect(told(check, { host: cloud })).toEqual(["unknown: it has a way out, and what filters on it is not asked"]);
  expect(told(check, { host: cloud, container: containerFacts({ network: networkFacts({ routes: [] }) }) })).toEqual(["pass: no way out"]);
});
