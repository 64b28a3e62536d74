import { expect, test } from "bun:test";
import type { ModuleState } from "../facts.ts";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian, DOCKER, STRICT, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./protocol-modules.ts";

const all = (state: ModuleState): ReturnType<typeof debian> =>
  debian({}, { modules: new Map(["rds", "can", "tipc", "rxrpc", "smc", "sctp", "dccp", "af_key", "esp4", "esp6"].map((name) => [name, state])) });

test("what the kernel loads by itself is in reach of Docker's filter, but ESP needs CAP_NET_ADMIN", () => {
  expect(told(check, { container: withFilter(DOCKER), host: debian() })).toEqual(["finding: can, tipc, rxrpc, smc, sctp"]);
  expect(told(check, { container: unfiltered(), host: all("loadable") })).toEqual(["finding: rds, can, tipc, rxrpc, smc, sctp, dccp, af_key, esp4, esp6"]);
});

test("strict allows sockets of the internet families, and with them SCTP and DCCP", () => {
  expect(told(check, { container: withFilter(STRICT), host: all("loadable") })).toEqual(["finding: sctp, dccp"]);
});

test("forbidden modules pass, and those that are not known are unknown", () => {
  expect(told(check, { container: unfiltered(), host: all("disabled") })).toEqual(["pass: none of them"]);
  expect(told(check, { container: unfiltered(), host: all("unknown") })[0]).toStartWith("unknown: rds, can");
});
