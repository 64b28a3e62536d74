import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import AjvDraft04 from "ajv-draft-04";
import { auditHtml } from "./audit-html.ts";
import { auditJunit } from "./audit-junit.ts";
import { auditMarkdown } from "./audit-markdown.ts";
import { auditOcsf } from "./audit-ocsf.ts";
import { auditSarif } from "./audit-sarif.ts";
import { auditTable, explainCheck } from "./audit-table.ts";
import type { AuditReport, CheckInfo, Result, Subject } from "./finding.ts";
import { HOST } from "./finding.ts";

const HOSTILE = '\u001b[31m<script>alert("x")</script>|`\n]]>&\ud800';
const WEB: Subject = { id: "ab".padEnd(64, "0"), name: `web${HOSTILE}`, engine: "docker", initPid: 4711 };
const check = (id: string, severity: CheckInfo["severity"]): CheckInfo => ({
  id, name: `check-${id.toLowerCase()}`, title: `Title of ${id}`, severity, why: "Because.", references: ["CIS Docker 5.4"],
  remedy: { text: "Do less", docker: "docker run ```" },
});
const answer = (id: string, verdict: Result["verdict"], changes: Partial<Result> = {}): Result => ({
  check: id, subject: WEB, severity: "high", verdict, text: `text ${HOSTILE}`,
  evidence: [{ source: "/proc/4711/status", value: HOSTILE }, { source: "/x", value: "", errno: "EACCES" }],
  ...changes,
});
const REPORT: AuditReport = {
  data: { date: "2026-09-04", days: 81, stale: false },
  taken: Date.UTC(2026, 10, 24, 18), version: "0.1.0", kernel: "6.1.0", limits: ["The picture is not whole."], subjects: [HOST, WEB],
  checks: [check("C01", "high"), check("L01", "critical"), check("Q04", "low")],
  results: [
    answer("C01", "finding"), answer("L01", "finding", { waived: { reason: "wanted", owner: "ops", expires: "2027-01-01" }, known: true }),
    answer("Q04", "unknown"), answer("Q04", "blocked", { by: "seccomp" }), answer("C01", "pass", { subject: HOST }),
    answer("L01", "not-applicable", { subject: HOST }),
  ],
};

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

test("SARIF is valid against its schema, and tells verdicts apart", () => {
  const schema = JSON.parse(readFileSync(join(import.meta.dir, "../../test/fixtures/schema/sarif-2.1.0-rtm.5.json"), "utf8")) as object;
  const validate = new AjvDraft04({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(schema);
  const sarif = auditSarif(REPORT) as { runs: { results: { kind: string; level: string; suppressions?: unknown; partialFingerprints: object }[] }[] };
  expect([validate(sarif), validate.errors]).toEqual([true, null]);
  const kinds = sarif.runs[0]?.results.map(({ kind, level }) => `${kind} ${level}`);
  expect(kinds).toEqual(["fail error", "fail error", "open none", "review none", "pass none", "notApplicable none"]);
  expect(sarif.runs[0]?.results[1]?.suppressions).toBeDefined();
});

test("JUnit has no markup and no control character of a container, and counts what is open", () => {
  const xml = auditJunit(REPORT);
  expect(CONTROL.test(xml)).toBe(false);
  expect(xml).not.toContain("<script>");
  expect(xml).toContain('tests="3" failures="1" errors="1" skipped="0"');
  expect(xml).toContain('tests="2" failures="0" errors="0" skipped="1"');
});

test("OCSF has an event for each answer", () => {
  const events = auditOcsf(REPORT) as { class_uid: number; compliance: { status: string }; severity_id: number }[];
  expect(events.map(({ class_uid, compliance, severity_id }) => [class_uid, compliance.status, severity_id])).toEqual([
    [2003, "Fail", 4], [2003, "Fail", 4], [2003, "Unknown", 1], [2003, "Warning", 1], [2003, "Pass", 1], [2003, "Not applicable", 1],
  ]);
});

test("Markdown and HTML let nothing of a container be markup", () => {
  const markdown = auditMarkdown(REPORT);
  expect(CONTROL.test(markdown)).toBe(false);
  expect(markdown).not.toContain("<script>");
  // The fence is longer than what it holds.
  expect(markdown).toContain("````\ndocker run ```\n````");
  const html = auditHtml(REPORT);
  expect(CONTROL.test(html)).toBe(false);
  expect(html).not.toContain("<script>");
  expect(html).toContain("Taken by ops until 2027-01-01: wanted");
});

test("the table counts all, lists what matters, and groups what is stopped", () => {
  const table = auditTable(REPORT, { color: false, least: "low", all: false });
  expect(CONTROL.test(table)).toBe(false);
  expect(table).toContain("2 findings, 1 blocked, 1 unknown, 0 passed");
  expect(table).toContain("  blocked  Q04: by seccomp");
  expect(table).not.toContain("not-applicable");
  expect(auditTable(REPORT, { color: false, least: "low", all: true })).toContain("not-applicable");
  expect(CONTROL.test(explainCheck(check("C01", "high"), REPORT.results, false))).toBe(false);
});
