import { expect, test } from "bun:test";
import { hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./local-routing.ts";

test("on is found", () => {
  const setting = (text: string): string[] => told(check, { host: hostFacts({ files: new Map([["/proc/sys/net/ipv4/conf/all/route_localnet", text]]) }) });
  expect(setting("1")).toEqual(["finding: route_localnet is 1"]);
  expect(setting("0")).toEqual(["pass: 0"]);
});
