/** The forms that an audit is written in. */
import { auditHtml } from "../report/audit-html.ts";
import { auditJunit } from "../report/audit-junit.ts";
import { auditMarkdown } from "../report/audit-markdown.ts";
import { auditOcsf } from "../report/audit-ocsf.ts";
import { auditSarif } from "../report/audit-sarif.ts";
import type { AuditReport } from "../report/finding.ts";
import type { Outcome } from "./verb.ts";

/** Beside `table` and `json`, which every verb has. */
export const DOCUMENTS = ["sarif", "junit", "ocsf", "markdown", "html"] as const;
export type DocumentFormat = (typeof DOCUMENTS)[number];

/** The report as a document of a format. JSON forms go through what is safe on a terminal, as all JSON does. */
export function documentOutcome(report: AuditReport, format: DocumentFormat, exit: number): Outcome {
  switch (format) {
    case "sarif": return { exit, data: auditSarif(report) };
    case "ocsf": return { exit, data: auditOcsf(report) };
    case "junit": return { exit, text: () => auditJunit(report) };
    case "markdown": return { exit, text: () => auditMarkdown(report) };
    case "html": return { exit, text: () => auditHtml(report) };
  }
}
