import { expect, test } from "bun:test";
import type { CveData, CveRecord } from "../src/audit/cve/data.ts";
import { parseCveData } from "../src/audit/cve/data.ts";
import { mergeDebian, mergeOsv } from "./gen-cves.ts";

const record: CveRecord = {
  id: "CVE-2024-1086", name: "verdicts", component: "linux", severity: "high", introduced: "3.15", fixed: ["6.8"], needs: ["net-admin"],
  packages: [{ distribution: "debian", release: "bookworm", source: "linux", fixed: null }],
};
const data: CveData = { date: "2026-09-04", records: [record, { ...record, id: "CVE-2024-9999" }], branches: [] };

test("Debian's tracker: resolved, open, never affected, undetermined", () => {
  const releases = {
    bookworm: { status: "resolved", fixed_version: "6.1.76-1", urgency: "not yet assigned" }, sid: { status: "open" },
    buster: { status: "resolved", fixed_version: "0" }, trixie: { status: "undetermined" },
  };
  const merged = mergeDebian(data, { linux: { "CVE-2024-1086": { description: "x", releases } }, other: 1 });
  expect(merged.records[0]?.packages?.map(({ release, fixed }) => [release, fixed])).toEqual([["bookworm", "6.1.76-1"], ["sid", null], ["buster", "0"]]);
  expect(merged.records[1]).toEqual({ ...record, id: "CVE-2024-9999" });
});

test("osv.dev: upstream's points and Ubuntu's packages, of records that are known", () => {
  const range = (introduced: string, fixed?: string): object => ({ type: "ECOSYSTEM", events: [{ introduced }, ...(fixed === undefined ? [] : [{ fixed }])] });
  const osv = {
    id: "UBUNTU-CVE-2024-1086",
    affected: [
      { package: { ecosystem: "Linux", name: "Kernel" }, ranges: [{ type: "GIT", events: [] }, range("3.15.0", "6.1.76"), range("6.2.0", "6.6.15")] },
      { package: { ecosystem: "Ubuntu:22.04:LTS", name: "linux" }, ranges: [range("0", "5.15.0-101.111")] },
      { package: { ecosystem: "Ubuntu:24.04:LTS", name: "linux" }, ranges: [range("0")] },
      { package: { ecosystem: "Ubuntu:22.04:LTS", name: "linux-aws" }, ranges: [range("0", "5.15.0-1056.61")] },
    ],
  };
  const [merged, other] = mergeOsv(data, osv).records;
  expect([merged?.introduced, merged?.fixed]).toEqual(["3.15.0", ["6.1.76", "6.6.15"]]);
  expect(merged?.packages?.map(({ release, fixed }) => [release, fixed])).toEqual([["bookworm", null], ["jammy", "5.15.0-101.111"], ["noble", null]]);
  expect(other?.fixed).toEqual(["6.8"]);
  expect(parseCveData(JSON.stringify(mergeOsv(data, osv))).records).toHaveLength(2);
});

test("documents of another form change nothing", () => {
  const others = [null, 1, [], { id: 3, affected: "x" }, { id: "CVE-2024-1086", affected: [{ ranges: [3] }] }];
  for (const document of others) expect(mergeOsv(data, document)).toEqual(data);
  expect(mergeDebian(data, { linux: [] })).toEqual(data);
});

test("the program writes what pidbox reads", () => {
  const run = Bun.spawnSync([process.execPath, `${import.meta.dir}/gen-cves.ts`, "--date", "2026-11-01"]);
  expect(run.stderr.toString()).toBe("");
  expect(parseCveData(run.stdout.toString()).date).toBe("2026-11-01");
});
