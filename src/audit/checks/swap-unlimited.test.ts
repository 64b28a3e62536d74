import { expect, test } from "bun:test";
import { containerFacts, hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./swap-unlimited.ts";

const swapping = hostFacts({ files: new Map([["/proc/swaps", "Filename Type Size Used Priority\n/dev/sdb1 partition 100 0 -2"]]) });
const none = containerFacts({ cgroups: new Map([["unified", "/c/x"]]), cgroupFiles: new Map([["/c/x/memory.swap.max", "0"]]) });

test("a host without swap has nothing to limit", () => {
  expect(told(check, { host: hostFacts({ files: new Map([["/proc/swaps", "Filename Type Size Used Priority"]]) }) })).toEqual(["not-applicable: the host has no swap"]);
});

test("no limit is found, zero passes", () => {
  expect(told(check, { host: swapping })).toEqual(["finding: none"]);
  expect(told(check, { host: swapping, container: none })).toEqual(["pass: at most 0"]);
});
