/** The audit as one HTML file without scripts and without anything from elsewhere; it prints well. Pure. */
import { countText, subjectText } from "./audit-table.ts";
import type { AuditReport, CheckInfo, Result } from "./finding.ts";
import { bySubject } from "./finding.ts";
import { xmlText } from "./xml.ts";

const STYLE = [
  ":root{color-scheme:light dark;--line:#8884;--mild:#777}body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}",
  "h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}table{border-collapse:collapse;width:100%}",
  "td,th{border-bottom:1px solid var(--line);padding:.35rem .5rem;text-align:left;vertical-align:top}td:first-child{white-space:nowrap;width:7rem}",
  ".critical,.high{color:#c22;font-weight:600}.medium{color:#a60}.low,.info,.pass,.blocked,.unknown,.not-applicable{color:var(--mild)}",
  "code,pre{font:13px/1.4 ui-monospace,monospace}pre{margin:.2rem 0;white-space:pre-wrap;overflow-wrap:anywhere}summary{cursor:pointer}",
  "@media print{details{display:block}body{max-width:none}}",
].join("");

function evidence(result: Result): string {
  return result.evidence.map(({ source, value, errno }) => `${xmlText(source)}: ${xmlText(errno ?? value)}`).join("\n");
}

function remedy(check: CheckInfo): string {
  const { text, ...engines } = check.remedy;
  const lines = Object.entries(engines).map(([engine, words]) => `<p>${xmlText(engine)}</p><pre>${xmlText(String(words))}</pre>`);
  return `<p>${xmlText(check.why)}</p><p>${xmlText(text)}.</p>${lines.join("")}`;
}

function row(result: Result, check: CheckInfo | undefined): string {
  const word = result.verdict === "finding" ? result.severity : result.verdict;
  const taken = result.waived === undefined ? "" : `<p>Taken by ${xmlText(result.waived.owner)} until ${xmlText(result.waived.expires)}: ${xmlText(result.waived.reason)}</p>`;
  const by = result.by === undefined ? "" : `stopped by ${xmlText(result.by)}: `;
  const story = check === undefined ? "" : remedy(check);
  const details = `<details><summary>${xmlText(check?.title ?? result.check)}: ${by}${xmlText(result.text)}</summary><pre>${evidence(result)}</pre>${taken}${story}</details>`;
  return `<tr><td class="${word}">${word}</td><td>${xmlText(result.check)}</td><td>${details}</td></tr>`;
}

export function auditHtml(report: AuditReport): string {
  const checks = new Map(report.checks.map((check) => [check.id, check]));
  const blocks = bySubject(report).map(({ subject, results }) => {
    const shown = results.filter(({ verdict }) => verdict !== "pass" && verdict !== "not-applicable");
    const rows = shown.map((result) => row(result, checks.get(result.check))).join("\n");
    return `<h2>${xmlText(subjectText(subject))}</h2>\n<p>${xmlText(countText(results))}</p>\n<table><thead><tr><th>Severity</th><th>Check</th><th>What</th></tr></thead><tbody>\n${rows}\n</tbody></table>`;
  });
  const when = new Date(report.taken).toISOString().replace("T", " ").slice(0, 16);
  const limits = report.limits.map((text) => `<p>${xmlText(text)}</p>`).join("\n");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>pidbox audit</title><style>${STYLE}</style></head><body>
<h1>Audit of ${when} UTC</h1>
<p>pidbox ${xmlText(report.version)}, Linux ${xmlText(report.kernel)}: ${xmlText(countText(report.results))}</p>
${limits}
${blocks.join("\n")}
</body></html>
`;
}
