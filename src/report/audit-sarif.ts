/** The audit as SARIF 2.1.0 (OASIS standard, 2020): each check a rule, each answer a result, passes included. Pure. */
import { subjectText } from "./audit-table.ts";
import type { AuditReport, CheckInfo, Result, Severity, Verdict } from "./finding.ts";
import { AREAS, fingerprint, type Area } from "./finding.ts";

const LEVELS: Readonly<Record<Severity, string>> = { critical: "error", high: "error", medium: "warning", low: "note", info: "note" };
/** GitHub orders by this number (code scanning: security-severity). */
const SCORES: Readonly<Record<Severity, string>> = { critical: "9.5", high: "8.0", medium: "5.0", low: "2.0", info: "0.5" };
const KINDS: Readonly<Record<Verdict, string>> = { "finding": "fail", "unknown": "open", "blocked": "review", "pass": "pass", "not-applicable": "notApplicable" };

function rule(check: CheckInfo): object {
  const { remedy } = check;
  return {
    id: check.id, name: check.name, shortDescription: { text: check.title }, fullDescription: { text: check.why }, help: { text: `${remedy.text}.` },
    defaultConfiguration: { level: LEVELS[check.severity] },
    properties: { "security-severity": SCORES[check.severity], "tags": ["security", AREAS[check.id[0] as Area].kind, ...check.references] },
  };
}

/** Results need a file: there is none, so each container has a path that stays the same. */
function location(result: Result): object {
  const { subject } = result;
  // A name may hold half a character, which has no place in a URI.
  const name = encodeURIComponent((subject.name ?? subject.id).toWellFormed());
  return {
    physicalLocation: { artifactLocation: { uri: subject.id === "host" ? "host" : `containers/${encodeURIComponent(subject.engine)}/${name}` } },
    logicalLocations: [{ name: subject.name ?? subject.id, fullyQualifiedName: `${subject.engine}/${subject.id}`, kind: subject.id === "host" ? "host" : "container" }],
  };
}

function resultOf(result: Result, indexes: ReadonlyMap<string, number>): object {
  const { check, verdict, severity, text, by, evidence, waived, known } = result;
  const ruleIndex = indexes.get(check);
  return {
    ruleId: check, ...(ruleIndex === undefined ? {} : { ruleIndex }), kind: KINDS[verdict],
    // The standard allows a level for failures alone.
    level: verdict === "finding" ? LEVELS[severity] : "none",
    message: { text: `${subjectText(result.subject)}: ${by === undefined ? "" : `stopped by ${by}: `}${text}` },
    locations: [location(result)], partialFingerprints: { "pidboxFinding/v1": fingerprint(result) },
    ...(known === undefined ? {} : { baselineState: known ? "unchanged" : "new" }),
    ...(waived === undefined ? {} : { suppressions: [{ kind: "external", status: "accepted", justification: `${waived.reason} (${waived.owner}, until ${waived.expires})` }] }),
    properties: { severity, evidence },
  };
}

export function auditSarif(report: AuditReport): object {
  const indexes = new Map(report.checks.map(({ id }, i) => [id, i]));
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0",
    runs: [{
      tool: { driver: { name: "pidbox", version: report.version, rules: report.checks.map(rule) } },
      invocations: [{
        executionSuccessful: true, endTimeUtc: new Date(report.taken).toISOString(),
        toolExecutionNotifications: report.limits.map((text) => ({ level: "warning", message: { text } })),
      }],
      results: report.results.map((result) => resultOf(result, indexes)), columnKind: "utf16CodeUnits",
    }],
  };
}
