/**
 * Known vulnerabilities as data with a date: those that pidbox brings along, or a newer file in the same form. Pure.
 *
 * An attacker may have written a file: every field is checked, and sizes are bounded.
 */
import { PidboxError } from "../../base/error.ts";
import { quote } from "../../base/text.ts";
import { SEVERITIES } from "../../report/finding.ts";
import type { Severity } from "../../report/finding.ts";
import type { FixPoints } from "./version.ts";

/** What must be in reach of a container for a vulnerability of the kernel to matter; all that a record names must. */
export const NEEDS = [
  "user-namespace", "sys-admin", "net-admin", "net-raw", "af-alg", "vsock", "io-uring", "bpf", "perf", "ktls", "rds", "rxrpc", "esp", "nf-tables",
  "ipv6", "cgroup-v1", "ptrace",
] as const;
export type Need = (typeof NEEDS)[number];

const DISTRIBUTIONS = ["debian", "ubuntu"] as const;

export interface PackageFix {
  readonly distribution: (typeof DISTRIBUTIONS)[number];
  readonly release: string;
  /** Source package. */
  readonly source: string;
  /** First version with the fix; `0`: never affected; null: none when the data was made. */
  readonly fixed: string | null;
}

export interface CveRecord extends FixPoints {
  readonly id: string;
  /** What it is, in a few words. */
  readonly name: string;
  /** `linux`, or the name of an engine's program. */
  readonly component: string;
  readonly severity: Severity;
  /** In CISA's list of those that are exploited. */
  readonly exploited?: boolean;
  /** The mistake is one distribution's own. */
  readonly only?: PackageFix["distribution"];
  /** Key of the engine's configuration without which it does not matter. */
  readonly setting?: string;
  readonly packages?: readonly PackageFix[];
  readonly needs?: readonly Need[];
}

/** Until when a branch gets fixes from its makers. */
export interface BranchEnd {
  readonly component: string;
  readonly branch: string;
  /** YYYY-MM-DD. */
  readonly end: string;
}

export interface CveData {
  /** Day of the newest record, YYYY-MM-DD: what came to light later is not in it. */
  readonly date: string;
  readonly records: readonly CveRecord[];
  readonly branches: readonly BranchEnd[];
}

/** Data older than this many days does not count as complete. */
export const STALE_DAYS = 120;
const DAY = 86_400_000;
const MOST_RECORDS = 20_000;

/** Whole days from the data's date to `now`, milliseconds since the epoch. */
export function ageOf({ date }: CveData, now: number): number {
  return Math.floor((now - Date.parse(`${date}T00:00:00Z`)) / DAY);
}

type Table = Readonly<Record<string, unknown>>;

function bad(cause: string): PidboxError {
  return new PidboxError("PARSE", `Cannot read the vulnerability data: ${cause}`, { hint: "`bun tools/gen-cves.ts` of pidbox's source writes such a file." });
}

function tableOf(value: unknown, what: string): Table {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(`${what} is no object`);
  return value as Table;
}

function listOf(value: unknown, what: string, most = 1000): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > most) throw bad(`${what} is no list of at most ${most}`);
  return value;
}

function word(value: unknown, what: string, pattern: RegExp): string {
  if (typeof value !== "string" || !pattern.test(value)) throw bad(`${what} is ${quote(JSON.stringify(value) ?? "absent", 60)}`);
  return value;
}

function oneOf<T extends string>(value: unknown, what: string, all: readonly T[]): T {
  const found = all.find((one) => one === value);
  if (found === undefined) throw bad(`${what} is ${quote(JSON.stringify(value) ?? "absent", 60)}`);
  return found;
}

const DATE = /^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$/;
const NAME = /^[a-z0-9][a-z0-9.+-]{0,60}$/;
const POINT = /^[0-9]{1,6}\.[0-9]{1,6}(\.[0-9]{1,6})?(-rc\.?[0-9]{1,4})?$/;
const PACKAGE = /^[0-9][A-Za-z0-9.+:~-]{0,80}$/;

function parseFix(value: unknown, at: string): PackageFix {
  const { distribution, release, source, fixed } = tableOf(value, at);
  return {
    distribution: oneOf(distribution, `${at}.distribution`, DISTRIBUTIONS), release: word(release, `${at}.release`, NAME),
    source: word(source, `${at}.source`, NAME), fixed: fixed === null ? null : word(fixed, `${at}.fixed`, PACKAGE),
  };
}

function parseRecord(value: unknown, i: number): CveRecord {
  const at = `records[${i}]`;
  const record = tableOf(value, at);
  const { introduced, only, setting } = record;
  const packages = listOf(record["packages"], `${at}.packages`).map((one, j) => parseFix(one, `${at}.packages[${j}]`));
  const needs = listOf(record["needs"], `${at}.needs`).map((one) => oneOf(one, `${at}.needs`, NEEDS));
  return {
    id: word(record["id"], `${at}.id`, /^(CVE-[0-9]{4}-[0-9]{4,8}|GHSA(-[0-9a-z]{4}){3})$/),
    name: word(record["name"], `${at}.name`, /^[^\0-\x1f\x7f]{1,120}$/), component: word(record["component"], `${at}.component`, NAME),
    severity: oneOf(record["severity"], `${at}.severity`, SEVERITIES),
    ...(introduced === undefined ? {} : { introduced: word(introduced, `${at}.introduced`, POINT) }),
    fixed: listOf(record["fixed"], `${at}.fixed`).map((one) => word(one, `${at}.fixed`, POINT)),
    ...(record["complete"] === true ? { complete: true } : {}), ...(record["exploited"] === true ? { exploited: true } : {}),
    ...(only === undefined ? {} : { only: oneOf(only, `${at}.only`, DISTRIBUTIONS) }),
    ...(setting === undefined ? {} : { setting: word(setting, `${at}.setting`, NAME) }),
    ...(packages.length === 0 ? {} : { packages }), ...(needs.length === 0 ? {} : { needs }),
  };
}

function parseBranch(value: unknown, i: number): BranchEnd {
  const { component, branch, end } = tableOf(value, `branches[${i}]`);
  return {
    component: word(component, `branches[${i}].component`, NAME), branch: word(branch, `branches[${i}].branch`, /^[0-9]{1,4}(\.[0-9]{1,4})?$/),
    end: word(end, `branches[${i}].end`, DATE),
  };
}

/** Vulnerability data in JSON. Throws PARSE on anything else. */
export function parseCveData(text: string): CveData {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw bad("it is no JSON");
  }
  const { date, records, branches } = tableOf(document, "the file");
  return {
    date: word(date, "date", DATE), records: listOf(records, "records", MOST_RECORDS).map(parseRecord), branches: listOf(branches, "branches").map(parseBranch),
  };
}
