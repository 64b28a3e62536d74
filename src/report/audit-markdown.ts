/** The audit as Markdown, for tickets and pull requests. Pure. */
import { printable } from "../base/text.ts";
import { countText, subjectText } from "./audit-table.ts";
import type { AuditReport, Result } from "./finding.ts";
import { bySubject, isOpen } from "./finding.ts";

/** `text` in a cell: nothing in it is markup. */
function cell(text: string): string {
  return printable(text).replace(/[\\`*_{}[\]<>()#+!|~-]/g, "\\$&");
}

/** What a fence holds cannot end it. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text.split("\n").map(printable).join("\n")}\n${fence}\n`;
}

function line(report: AuditReport, result: Result): string {
  const title = report.checks.find(({ id }) => id === result.check)?.title ?? "";
  const state = result.waived === undefined ? (result.known === true ? " (known)" : "") : ` (taken by ${cell(result.waived.owner)} until ${cell(result.waived.expires)}: ${cell(result.waived.reason)})`;
  return `| ${result.severity} | ${result.check} | ${cell(title)}: ${cell(result.text)}${state} |\n`;
}

export function auditMarkdown(report: AuditReport): string {
  const blocks = bySubject(report).map(({ subject, results }) => {
    const found = results.filter(({ verdict }) => verdict === "finding");
    const dark = results.filter(({ verdict }) => verdict === "unknown");
    const table = found.length === 0 ? "" : `| Severity | Check | What |\n|---|---|---|\n${found.map((result) => line(report, result)).join("")}\n`;
    const unknown = dark.length === 0 ? "" : `Not known: ${dark.map(({ check, text }) => `${check} (${cell(text)})`).join(", ")}.\n\n`;
    return `## ${cell(subjectText(subject))}\n\n${countText(results)}.\n\n${table}${unknown}`;
  });
  const open = new Set(report.results.filter(isOpen).map(({ check }) => check));
  const remedies = report.checks.filter(({ id }) => open.has(id)).map((check) => {
    const { text, ...engines } = check.remedy;
    const lines = Object.entries(engines).map(([engine, words]) => `${engine}:\n\n${fenced(String(words))}`);
    return `### ${check.id} ${cell(check.title)}\n\n${cell(check.why)}\n\n${cell(text)}.\n\n${lines.join("\n")}\n`;
  });
  const when = new Date(report.taken).toISOString().replace("T", " ").slice(0, 16);
  return `# Audit of ${when} UTC\n\npidbox ${report.version}, Linux ${cell(report.kernel)}: ${countText(report.results)}.\n\n${blocks.join("")}${remedies.length === 0 ? "" : `## What to do\n\n${remedies.join("\n")}`}`;
}
