/**
 * Findings that somebody took, from a YAML file:
 * ```yaml
 * - check: C01          # id or name
 *   container: web      # name or id, `*` for any letters; absent: all
 *   reason: needs NET_ADMIN for its VPN
 *   owner: ops@example.org
 *   expires: 2027-03-31
 * ```
 * Pure. One that has expired waives nothing and is a finding itself.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import type { AuditReport, CheckInfo, Result, Waiver } from "../report/finding.ts";
import { byUrgency, HOST } from "../report/finding.ts";

export interface WaiverRule extends Waiver {
  /** Id or name of a check. */
  readonly check: string;
  readonly container?: string;
}

/** What an expired waiver is found by. */
export const EXPIRED: CheckInfo = {
  id: "O31",
  name: "expired-waiver",
  title: "A waiver has expired",
  severity: "medium",
  why: "What was taken for a time has to be looked at again: the finding counts from now on, and so does this one until somebody decides.",
  references: [],
  remedy: { text: "Mend what it waived, or decide again and write a new date" },
};

const KEYS = ["check", "container", "reason", "owner", "expires"];
const MOST = 10_000;

function bad(place: string, cause: string): PidboxError {
  return new PidboxError("CONFIG_INVALID", `Cannot use the waiver at ${place}: ${cause}`, { hint: "Each is a map with check, reason, owner and expires, and with container where it is for some alone." });
}

function parseRule(value: unknown, at: number): WaiverRule {
  const place = `/${at}`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(place, "it is no map");
  const fields = value as Readonly<Record<string, unknown>>;
  const odd = Object.keys(fields).find((key) => !KEYS.includes(key));
  // A misspelt `container` would waive everywhere.
  if (odd !== undefined) throw bad(place, `${quote(odd, 40)} is not known`);
  const text = (key: string): string => {
    const field = fields[key];
    if (typeof field !== "string" || field.trim() === "") throw bad(`${place}/${key}`, "it is missing, or no text");
    return field;
  };
  const expires = text("expires");
  const time = Date.parse(`${expires}T00:00:00Z`);
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(expires) || Number.isNaN(time)) throw bad(`${place}/expires`, `${quote(expires, 40)} is no date as YYYY-MM-DD`);
  return { check: text("check"), ...("container" in fields ? { container: text("container") } : {}), reason: text("reason"), owner: text("owner"), expires };
}

/** The rules of a document that was YAML. Throws CONFIG_INVALID with the place. */
export function parseWaivers(document: unknown): readonly WaiverRule[] {
  if (document === null || document === undefined) return [];
  if (!Array.isArray(document) || document.length > MOST) throw bad("/", "it is no list");
  return document.map(parseRule);
}

function matches(pattern: string, { name, id }: Result["subject"]): boolean {
  const expression = new RegExp(`^${pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`, "s");
  return (name !== null && expression.test(name)) || expression.test(id);
}

/** The report with what `rules` waive; those that have expired at `now` (milliseconds since the epoch) are findings about the host. */
export function applyWaivers(report: AuditReport, rules: readonly WaiverRule[], now: number): AuditReport {
  const names = new Map(report.checks.map(({ id, name }) => [id, name]));
  // The last day counts whole, wherever on earth it is read.
  const expired = rules.filter(({ expires }) => Date.parse(`${expires}T00:00:00Z`) + 36 * 3_600_000 < now);
  const valid = rules.filter((rule) => !expired.includes(rule));
  const results = report.results.map((result): Result => {
    if (result.verdict !== "finding") return result;
    const rule = valid.find(({ check, container }) =>
      (check === result.check || check === names.get(result.check)) && (container === undefined || matches(container, result.subject)));
    return rule === undefined ? result : { ...result, waived: { reason: rule.reason, owner: rule.owner, expires: rule.expires } };
  });
  if (expired.length === 0) return { ...report, results };
  const stale = expired.map(({ check, container, owner, expires }): Result => ({
    check: EXPIRED.id, subject: HOST, severity: EXPIRED.severity, verdict: "finding", text: `${check}${container === undefined ? "" : ` of ${container}`}, taken by ${owner} until ${expires}`,
    evidence: [{ source: "waivers", value: expires }],
  }));
  const subjects = report.subjects.includes(HOST) ? report.subjects : [HOST, ...report.subjects];
  return { ...report, subjects, checks: [...report.checks, EXPIRED], results: [...results, ...stale].toSorted(byUrgency) };
}
