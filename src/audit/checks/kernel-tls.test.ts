import { expect, test } from "bun:test";
import { told } from "../../../test/fixtures/audit/facts.ts";
import { debian, DOCKER, unfiltered, withFilter } from "../../../test/fixtures/audit/filters.ts";
import { check } from "./kernel-tls.ts";

const tls = (state: "loaded" | "loadable" | "absent"): ReturnType<typeof debian> => debian({}, { modules: new Map([["tls", state]]) });

test("a loaded module is in reach of every filter that allows setsockopt", () => {
  expect(told(check, { container: withFilter(DOCKER), host: tls("loaded") })).toEqual(["finding: kTLS can be switched on for any TCP socket"]);
});

test("only CAP_NET_ADMIN of the host loads it", () => {
  const refused = "pass: the module tls is not loaded, and loading it takes CAP_NET_ADMIN of the host";
  expect(told(check, { container: unfiltered(), host: tls("loadable") })).toEqual([refused]);
  expect(told(check, { container: unfiltered(1n << 12n), host: tls("loadable") })).toEqual(["finding: kTLS can be switched on for any TCP socket"]);
  expect(told(check, { container: unfiltered(), host: tls("absent") })).toEqual(["pass: this kernel has no tls"]);
});
