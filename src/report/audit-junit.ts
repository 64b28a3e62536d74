/** The audit as JUnit XML: a suite for each container, a case for each check. Pure. */
import { subjectText } from "./audit-table.ts";
import type { AuditReport, Result } from "./finding.ts";
import { bySubject, isOpen } from "./finding.ts";
import { xmlText } from "./xml.ts";

function evidenceText({ evidence }: Result): string {
  return evidence.map(({ source, value, errno }) => `${source}: ${errno ?? value}`).join("\n");
}

function caseOf(report: AuditReport, name: string, results: readonly Result[]): string {
  const [first] = results;
  const title = report.checks.find(({ id }) => id === first?.check)?.title ?? "";
  const head = `    <testcase classname="${xmlText(name)}" name="${xmlText(`${first?.check ?? ""} ${title}`)}"`;
  const failed = results.filter(isOpen);
  const dark = results.filter(({ verdict }) => verdict === "unknown");
  if (failed.length > 0) {
    const text = failed.map((result) => `${result.severity}: ${result.text}\n${evidenceText(result)}`).join("\n");
    return `${head}>\n      <failure message="${xmlText(failed.map((result) => result.text).join("; "))}" type="${failed[0]?.severity ?? ""}">${xmlText(text)}</failure>\n    </testcase>\n`;
  }
  if (dark.length > 0) return `${head}>\n      <error message="${xmlText(dark.map(({ text }) => text).join("; "))}" type="unknown"/>\n    </testcase>\n`;
  return first?.verdict === "not-applicable" ? `${head}>\n      <skipped message="${xmlText(first.text)}"/>\n    </testcase>\n` : `${head}/>\n`;
}

export function auditJunit(report: AuditReport): string {
  const suites = bySubject(report).map(({ subject, results: all }) => {
    const name = subjectText(subject);
    const cases = [...Map.groupBy(all, ({ check }) => check).values()];
    const count = (test: (results: readonly Result[]) => boolean): number => cases.filter(test).length;
    const failures = count((results) => results.some(isOpen));
    const errors = count((results) => !results.some(isOpen) && results.some(({ verdict }) => verdict === "unknown"));
    const skipped = count((results) => results.every(({ verdict }) => verdict === "not-applicable"));
    const head = `  <testsuite name="${xmlText(name)}" tests="${cases.length}" failures="${failures}" errors="${errors}" skipped="${skipped}" timestamp="${new Date(report.taken).toISOString()}">\n`;
    return `${head}${cases.map((results) => caseOf(report, name, results)).join("")}  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="pidbox audit">\n${suites.join("")}</testsuites>\n`;
}
