/** The audit for people: worst first, one line each, grouped by container. Pure. */
import { paint } from "../base/style.ts";
import type { Style } from "../base/style.ts";
import { columns, printable } from "../base/text.ts";
import type { AuditReport, CheckInfo, Result, Severity, Subject } from "./finding.ts";
import { AREAS, bySubject, byUrgency, countVerdicts, type Area, severityRank } from "./finding.ts";

const STYLES: Readonly<Record<Severity, Style>> = { critical: "red", high: "red", medium: "yellow", low: "cyan", info: "dim" };
const WIDEST = 110;

function cut(text: string): string {
  const shown = printable(text);
  return shown.length <= WIDEST ? shown : `${shown.slice(0, WIDEST - 3)}...`;
}

/** `docker web (0123456789ab)`. */
export function subjectText({ id, name, engine }: Subject): string {
  const short = /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : printable(id);
  if (id === "host") return "host";
  return name === null || name === id ? `${engine} ${short}` : `${engine} ${printable(name)} (${short})`;
}

/** `3 findings, 1 unknown, 20 passed`. */
export function countText(results: readonly Result[]): string {
  const counts = countVerdicts(results);
  const words = [
    counts.finding === 1 ? "1 finding" : `${counts.finding} findings`, ...(counts.blocked > 0 ? [`${counts.blocked} blocked`] : []),
    ...(counts.unknown > 0 ? [`${counts.unknown} unknown`] : []), `${counts.pass} passed`,
  ];
  return words.join(", ");
}

export interface TableOptions {
  readonly color: boolean;
  /** Lighter ones are counted but not listed. */
  readonly least: Severity;
  /** Also what passed, and what does not apply. */
  readonly all: boolean;
}

/** Rows of findings: answers of one check that are as grave as each other are one row. */
function findingRows(results: readonly Result[], checks: ReadonlyMap<string, CheckInfo>, color: boolean): string[][] {
  const groups = Map.groupBy(results, ({ check, severity }) => `${check} ${severity}`);
  return [...groups.values()].map((group) => {
    const [first] = group;
    const { check, severity } = first as Result;
    const texts = group.map(({ text }) => text).join("; ");
    return [`  ${paint(STYLES[severity], severity, color)}`, check, `${checks.get(check)?.title ?? ""}: ${cut(texts)}`];
  });
}

/** Rows of what is neither found nor passed: by what stops it, or by why it is not known. */
function otherRows(results: readonly Result[], color: boolean): string[][] {
  const groups = Map.groupBy(results, ({ verdict, by, text }) => `${verdict} ${by ?? text}`);
  return [...groups.values()].map((group) => {
    const { verdict, by, text } = group[0] as Result;
    const ids = [...new Set(group.map(({ check }) => check))];
    return [`  ${paint("dim", verdict, color)}`, `${ids.join(" ")}: ${by === undefined ? cut(text) : `by ${printable(by)}`}`];
  });
}

/** Rows of everything, one for each answer. */
function allRows(results: readonly Result[], checks: ReadonlyMap<string, CheckInfo>, color: boolean): string[][] {
  return results.map(({ verdict, severity, check, text, by }) => {
    const word = verdict === "finding" ? paint(STYLES[severity], severity, color) : paint("dim", verdict, color);
    const title = checks.get(check)?.title ?? "";
    return [`  ${word}`, check, verdict === "finding" ? `${title}: ${cut(text)}` : `${title}? ${by === undefined ? "" : `by ${printable(by)}: `}${cut(text)}`];
  });
}

/** The table; what came from a container is made printable here. Ends with a line that counts all results. */
export function auditTable(report: AuditReport, { color, least, all }: TableOptions): string {
  const checks = new Map(report.checks.map((check) => [check.id, check]));
  const blocks = bySubject(report)
    .toSorted((a, b) => (a.results[0] === undefined || b.results[0] === undefined ? 0 : byUrgency(a.results[0], b.results[0])))
    .map(({ subject, results }) => {
      const grave = results.filter(({ severity }) => severityRank(severity) <= severityRank(least));
      const found = grave.filter(({ verdict }) => verdict === "finding");
      const other = grave.filter(({ verdict }) => verdict === "unknown" || verdict === "blocked");
      const rows = all ? columns(allRows(grave, checks, color)) : columns(findingRows(found, checks, color)) + columns(otherRows(other, color));
      return `${paint("bold", subjectText(subject), color)}: ${countText(results)}\n${rows}`;
    });
  const count = report.subjects.filter(({ id }) => id !== "host").length;
  const total = `${count} container${count === 1 ? "" : "s"}, ${report.checks.length} checks: ${countText(report.results)}.\n`;
  return [...blocks, total].join("\n");
}

function areaText(id: string): string {
  const area = AREAS[id[0] as Area];
  return `${area.kind}: ${area.title.toLowerCase()}`;
}

/** The whole story of one check, with its results. */
export function explainCheck(check: CheckInfo, results: readonly Result[], color: boolean): string {
  const indented = (text: string): string[] => text.split("\n").map((line) => `    ${line}`);
  const { text: advice, ...engines } = check.remedy;
  const remedies = Object.entries(engines).flatMap(([engine, text]) => [`  ${engine}:`, ...indented(String(text))]);
  const told = results.flatMap((result) => [
    `  ${subjectText(result.subject)}: ${result.verdict}${result.by === undefined ? "" : ` (${printable(result.by)})`}: ${printable(result.text)}`,
    ...result.evidence.map(({ source, value, errno }) => `    ${printable(source)}: ${errno ?? printable(value)}`),
  ]);
  return [
    paint("bold", `${check.id} ${check.name}: ${check.title}`, color), `${check.severity}; ${areaText(check.id)}${check.references.length > 0 ? `; ${check.references.join(", ")}` : ""}`,
    "", check.why, "", `What to do: ${advice}.`, ...remedies, ...(told.length > 0 ? ["", "Here:", ...told] : []), "",
  ].join("\n");
}
