/** The audit as OCSF 1.3 Compliance Finding events (class 2003), one for each answer: what SIEMs read. Pure. */
import type { AuditReport, Result, Severity, Verdict } from "./finding.ts";
import { fingerprint } from "./finding.ts";

const SEVERITIES: Readonly<Record<Severity, number>> = { critical: 5, high: 4, medium: 3, low: 2, info: 1 };
/** compliance.status_id: 1 Pass, 2 Warning, 3 Fail, 0 Unknown, 99 Other. */
const STATUSES: Readonly<Record<Verdict, number>> = { "finding": 3, "blocked": 2, "unknown": 0, "pass": 1, "not-applicable": 99 };
const NAMES: Readonly<Record<number, string>> = { 0: "Unknown", 1: "Pass", 2: "Warning", 3: "Fail", 99: "Not applicable" };

function event(report: AuditReport, result: Result): object {
  const check = report.checks.find(({ id }) => id === result.check);
  const status = STATUSES[result.verdict];
  const { subject } = result;
  return {
    category_uid: 2, class_uid: 2003, activity_id: 1, type_uid: 200_301, time: report.taken,
    severity_id: result.verdict === "finding" ? SEVERITIES[result.severity] : 1,
    metadata: { version: "1.3.0", product: { name: "pidbox", vendor_name: "pidbox", version: report.version } },
    finding_info: {
      uid: fingerprint(result), title: check?.title ?? result.check, desc: result.text, types: [check?.name ?? result.check], created_time: report.taken,
    },
    compliance: { control: result.check, standards: ["pidbox", ...(check?.references ?? [])], status: NAMES[status], status_id: status },
    remediation: { desc: check?.remedy.text ?? "" },
    resources: [{ uid: subject.id, name: subject.name ?? subject.id, type: subject.id === "host" ? "host" : "container", labels: [`engine:${subject.engine}`] }],
    observables: [],
    unmapped: {
      evidence: result.evidence, ...(result.by === undefined ? {} : { blocked_by: result.by }),
      ...(result.waived === undefined ? {} : { waived: result.waived }),
    },
  };
}

/** Events in the order of the results. */
export function auditOcsf(report: AuditReport): readonly object[] {
  return report.results.map((result) => event(report, result));
}
