/** What an earlier report had already: findings that are not new. Pure. */
import { PidboxError } from "../base/error.ts";
import type { AuditReport, Result } from "../report/finding.ts";
import { fingerprint } from "../report/finding.ts";

/** Fingerprints of the findings of a report that was written with `--format json`. Throws PARSE on anything else. */
export function parseBaseline(document: unknown): ReadonlySet<string> {
  const { results } = (typeof document === "object" && document !== null ? document : {}) as { readonly results?: unknown };
  const bad = new PidboxError("PARSE", "Cannot use the baseline: it is no report of pidbox audit", { hint: "Write one with `pidbox audit --format json`." });
  if (!Array.isArray(results)) throw bad;
  const found = new Set<string>();
  for (const result of results as readonly Partial<Result>[]) {
    const { check, text, verdict, subject } = result ?? {};
    if (typeof check !== "string" || typeof text !== "string" || typeof subject?.engine !== "string" || typeof subject.id !== "string") throw bad;
    if (verdict === "finding") found.add(fingerprint(result as Result));
  }
  return found;
}

/** The report with what is `known` marked so, and everything else as new. */
export function applyBaseline(report: AuditReport, known: ReadonlySet<string>): AuditReport {
  return { ...report, results: report.results.map((result) => ({ ...result, known: known.has(fingerprint(result)) })) };
}
