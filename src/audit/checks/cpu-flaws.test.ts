import { expect, test } from "bun:test";
import { hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./cpu-flaws.ts";

const DIRECTORY = "/sys/devices/system/cpu/vulnerabilities";
const flawed = (flaws: Readonly<Record<string, string>>): ReturnType<typeof hostFacts> =>
  hostFacts({ directories: new Map([[DIRECTORY, Object.keys(flaws)]]), files: new Map(Object.entries(flaws).map(([name, text]) => [`${DIRECTORY}/${name}`, text])) });

test("what is vulnerable is found, each by its name", () => {
  const host = flawed({ mds: "Vulnerable: Clear CPU buffers attempted, no microcode; SMT Host state unknown", meltdown: "Not affected", spectre_v1: "Mitigation: usercopy/swapgs barriers" });
  expect(told(check, { host })).toEqual(["finding: mds: Vulnerable: Clear CPU buffers attempted, no microcode; SMT Host state unknown"]);
});

test("mitigated passes, what nobody knows is unknown", () => {
  expect(told(check, { host: flawed({ meltdown: "Mitigation: PTI", l1tf: "Not affected" }) })).toEqual(["pass: 2 flaws, each mitigated or absent"]);
  expect(told(check, { host: flawed({ mmio_stale_data: "Unknown: No mitigations" }) })).toEqual(["unknown: mmio_stale_data"]);
  expect(told(check, { host: hostFacts() })).toEqual(["unknown: this kernel does not tell"]);
});
