/**
 * Writes vulnerability data for `pidbox audit --data FILE` from what pidbox knows and newer public records, which are read from files. Nothing is downloaded.
 * Run: bun tools/gen-cves.ts --date 2026-11-01 [--debian FILE] [--osv FILE]... > cves.json
 *
 * --debian: the JSON of Debian's security tracker (security-tracker.debian.org/tracker/data/json). --osv: a record of osv.dev, or an array of them: of the
 * ecosystems Linux (upstream's versions), Debian:N and Ubuntu:N. Only records that pidbox has are brought up to date: what a new one needs to be in reach is
 * for a person to say, in src/audit/cve/records-kernel.ts.
 */
import { readFileSync } from "node:fs";
import type { CveData, CveRecord, PackageFix } from "../src/audit/cve/data.ts";
import { parseCveData } from "../src/audit/cve/data.ts";
import { CVE_DATA } from "../src/audit/cve/records.ts";

/** Code names by the number that osv.dev has. */
const RELEASES: Readonly<Record<string, string>> = {
  "Debian:10": "buster", "Debian:11": "bullseye", "Debian:12": "bookworm", "Debian:13": "trixie", "Debian:14": "forky",
  "Ubuntu:20.04": "focal", "Ubuntu:22.04": "jammy", "Ubuntu:24.04": "noble", "Ubuntu:25.10": "questing", "Ubuntu:26.04": "resolute",
};
/** Source packages of each component that distributions have. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  linux: ["linux"], runc: ["runc", "runc-app"], crun: ["crun"], containerd: ["containerd", "containerd-app"], dockerd: ["docker.io", "docker.io-app"],
  podman: ["podman", "libpod"],
};

type Json = Readonly<Record<string, unknown>>;
const tableOf = (value: unknown): Json => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {});
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** `record` with `fixes` in the place of those for the same releases. */
function withFixes(record: CveRecord, fixes: readonly PackageFix[]): CveRecord {
  const key = ({ distribution, release, source }: PackageFix): string => `${distribution} ${release} ${source}`;
  const newer = new Set(fixes.map(key));
  const packages = [...(record.packages ?? []).filter((one) => !newer.has(key(one))), ...fixes];
  return packages.length === 0 ? record : { ...record, packages };
}

/** What Debian's tracker says of the records: source package -> CVE -> releases. */
export function mergeDebian(data: CveData, tracker: unknown): CveData {
  return {
    ...data,
    records: data.records.map((record) => {
      const fixes = (SOURCES[record.component] ?? []).flatMap((source) => {
        const releases = tableOf(tableOf(tableOf(tableOf(tracker)[source])[record.id])["releases"]);
        return Object.entries(releases).flatMap(([release, value]): PackageFix[] => {
          const { status, fixed_version: version } = tableOf(value);
          if (status === "open") return [{ distribution: "debian", release, source, fixed: null }];
          const fixed = textOf(version);
          return status === "resolved" && fixed !== undefined ? [{ distribution: "debian", release, source, fixed }] : [];
        });
      });
      return withFixes(record, fixes);
    }),
  };
}

interface Events {
  readonly introduced: string | undefined;
  readonly fixed: string | undefined;
}

function eventsOf(affected: Json): Events[] {
  return listOf(affected["ranges"]).map(tableOf).filter(({ type }) => type === "ECOSYSTEM" || type === "SEMVER").map((range) => {
    const events = listOf(range["events"]).map(tableOf);
    const find = (name: string): string | undefined => events.map((event) => textOf(event[name])).find((value) => value !== undefined);
    return { introduced: find("introduced"), fixed: find("fixed") };
  });
}

function upstreamPoints(ranges: readonly Events[]): Pick<CveRecord, "fixed" | "introduced"> | undefined {
  const fixed = ranges.flatMap((range) => (range.fixed === undefined ? [] : [range.fixed]));
  const since = ranges.map((range) => range.introduced).find((value) => value !== undefined && value !== "0");
  return fixed.length === 0 ? undefined : { fixed, ...(since === undefined ? {} : { introduced: since }) };
}

function packageFixes(ecosystem: string, source: string, ranges: readonly Events[]): PackageFix[] {
  const release = RELEASES[ecosystem.split(":").slice(0, 2).join(":")];
  if (release === undefined) return [];
  const distribution = ecosystem.startsWith("Debian") ? "debian" : "ubuntu";
  return ranges.map(({ fixed }) => ({ distribution, release, source, fixed: fixed ?? null }));
}

/** The CVEs that a record of osv.dev is about: its id, aliases, and what it came from (`UBUNTU-CVE-2024-1086`, `DEBIAN-CVE-...`). */
function cvesOf(document: Json): Set<string> {
  const words = [document["id"], ...listOf(document["aliases"]), ...listOf(document["upstream"])];
  return new Set(words.flatMap((word) => textOf(word)?.match(/CVE-[0-9]{4}-[0-9]{4,8}/) ?? []));
}

/** What one record of osv.dev says. */
export function mergeOsv(data: CveData, value: unknown): CveData {
  const document = tableOf(value);
  const ids = cvesOf(document);
  const affected = listOf(document["affected"]).map(tableOf);
  return {
    ...data,
    records: data.records.map((record) => {
      if (!ids.has(record.id)) return record;
      return affected.reduce((merged: CveRecord, one) => {
        const { ecosystem, name } = tableOf(one["package"]);
        const ranges = eventsOf(one);
        if (ecosystem === "Linux" && merged.component === "linux") return { ...merged, ...upstreamPoints(ranges) };
        const source = textOf(name) ?? "";
        return (SOURCES[merged.component] ?? []).includes(source) ? withFixes(merged, packageFixes(textOf(ecosystem) ?? "", source, ranges)) : merged;
      }, record);
    }),
  };
}

function main(args: readonly string[]): void {
  let data = CVE_DATA;
  for (let i = 0; i < args.length; i += 2) {
    const [option, value] = [args[i], args[i + 1]];
    if (value === undefined) throw new Error(`${option ?? ""} needs a value`);
    if (option === "--date") data = { ...data, date: value };
    else if (option === "--debian") data = mergeDebian(data, JSON.parse(readFileSync(value, "utf8")));
    else if (option === "--osv") for (const one of [JSON.parse(readFileSync(value, "utf8")) as unknown].flat()) data = mergeOsv(data, one);
    else throw new Error(`unknown option ${option ?? ""}: --date, --debian and --osv are known`);
  }
  // What is written is what pidbox reads.
  const text = `${JSON.stringify(data, null, 1)}\n`;
  parseCveData(text);
  process.stdout.write(text);
}

if (import.meta.main) main(process.argv.slice(2));
