/** `pidbox audit`: what is wrong with the containers of this host, whoever started them. */
import { version } from "../../package.json";
import { CHECKS } from "../audit/catalog.ts";
import type { Check } from "../audit/check.ts";
import { type CveData, parseCveData } from "../audit/cve/data.ts";
import { CVE_DATA } from "../audit/cve/records.ts";
import { evaluate } from "../audit/evaluation.ts";
import { readAuditFacts } from "../audit/facts-read.ts";
import { EXIT, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { readSurvey, selectContainer } from "../engine/discover-survey.ts";
import { auditTable, explainCheck } from "../report/audit-table.ts";
import type { AuditReport, Severity } from "../report/finding.ts";
import { SEVERITIES, severityRank } from "../report/finding.ts";
import { readOwnFilters } from "../engine/own-filters.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { readText } from "../kernel/file.ts";
import { readStoredOf, stateRootOf } from "./stored-containers.ts";
import type { Arguments, Verb } from "./verb.ts";

const isSeverity = (text: string): text is Severity => (SEVERITIES as readonly string[]).includes(text);

function severityOf(args: Arguments, option: string, fallback: Severity): Severity {
  const given = args.value(option) ?? fallback;
  if (!isSeverity(given)) throw new PidboxError("USAGE", `--${option}: ${quote(given)} is not one of ${SEVERITIES.join(", ")}`);
  return given;
}

/** The checks that words name: an id, a name, or a letter of an area. */
function named(words: readonly string[], option: string): Set<Check> {
  const found = new Set<Check>();
  for (const word of words.flatMap((value) => value.split(","))) {
    const matches = CHECKS.filter(({ id, name }) => id === word || name === word || (word.length === 1 && id.startsWith(word)));
    if (matches.length === 0) throw new PidboxError("USAGE", `--${option}: there is no check ${quote(word)}`, { hint: "`pidbox audit --list` lists them." });
    for (const check of matches) found.add(check);
  }
  return found;
}

function chosenChecks(args: Arguments): readonly Check[] {
  const only = named(args.values("checks"), "checks");
  const skip = named(args.values("skip"), "skip");
  return CHECKS.filter((check) => (only.size === 0 || only.has(check)) && !skip.has(check));
}

const DATA_LIMIT = 64 << 20;

function readData(path: string | undefined): CveData {
  if (path === undefined) return CVE_DATA;
  const text = readText(path, DATA_LIMIT);
  if (typeof text === "string") return parseCveData(text);
  throw new PidboxError("IO", `Cannot read ${quote(path)}: ${errnoName(text)}`, { context: { path, errno: errnoName(text) } });
}

/** A finding counts before an unknown: it is certain. */
function exitOf({ results, data }: AuditReport, failOn: Severity): number {
  const counts = results.filter(({ severity }) => severityRank(severity) <= severityRank(failOn));
  if (counts.some(({ verdict }) => verdict === "finding")) return EXIT.findings;
  if (counts.some(({ verdict }) => verdict === "unknown")) return EXIT.incomplete;
  return data.stale ? EXIT.stale : EXIT.ok;
}

export const audit: Verb = {
  name: "audit",
  summary: "Find what is wrong with the containers of this host, whoever started them",
  description:
    "Reads facts of every container from the kernel's own files, with no engine's help, and asks them of a catalogue of checks. Each answer is a finding, blocked (the weakness is there, and something named stops it), " +
    "passed, not applicable, or unknown: what could not be read, and why. Unknown never counts as passed. Nothing of a container is executed, and nothing is changed.",
  options: [
    { name: "all", short: "a", help: "Also list what passed and what does not apply" },
    { name: "host", help: "Ask the host alone" },
    { name: "severity", value: "SEVERITY", choices: SEVERITIES, help: "List only what is at least this grave; low if not given" },
    { name: "fail-on", value: "SEVERITY", choices: SEVERITIES, help: "Exit with 2 only for findings that are at least this grave; low if not given" },
    { name: "checks", value: "CHECK,...", repeat: true, help: "Only these checks: ids, names, or the letter of an area" },
    { name: "skip", value: "CHECK,...", repeat: true, help: "Without these checks" },
    { name: "explain", value: "CHECK", help: "The whole story of one check: why, evidence, and what to do" },
    { name: "stop", help: "Read seccomp filters from the kernel, which stops the first process of each container, and at most three others, for a moment: a call that waits may answer EINTR" },
    { name: "data", value: "FILE", help: "Known vulnerabilities from this file, for those that are newer than this pidbox" },
    { name: "list", help: "List the checks" },
    { name: "format", value: "FORMAT", choices: ["table", "json"], help: "How to print: table for people, json for programs" },
  ],
  operands: [{ name: "CONTAINER", repeat: true, help: "Id, beginning of an id, name, or the host PID of any process in it; all containers and the host if none is given" }],
  examples: [
    { command: "pidbox audit", text: "All containers and the host" },
    { command: "pidbox audit web --severity high", text: "What is high or critical of one container" },
    { command: "pidbox audit --explain pid-namespace", text: "One check with all that it saw" },
  ],
  exitCodes: [
    { code: EXIT.ok, text: "no finding as grave as --fail-on" },
    { code: EXIT.failure, text: "there is no such container or check" },
    { code: EXIT.findings, text: "findings" },
    { code: EXIT.incomplete, text: "no findings, and something could not be read" },
    { code: EXIT.stale, text: "nothing of these, but the known vulnerabilities are older than four months" },
  ],
  run(args, context) {
    const explained = args.value("explain");
    const checks = explained === undefined ? chosenChecks(args) : [...named([explained], "explain")];
    if (args.flag("list")) {
      const rows = checks.map(({ evaluate: _evaluate, reads: _reads, ...info }) => info);
      return { exit: EXIT.ok, data: rows, text: () => rows.map(({ id, name, severity, title }) => `${id}  ${severity.padEnd(8)}  ${name}: ${title}\n`).join("") };
    }
    const view = readSurvey(readStoredOf(context));
    const containers = args.flag("host") ? [] : args.operands.length === 0 ? view.containers : args.operands.map((operand) => selectContainer(view, operand));
    const facts = readAuditFacts(view, {
      checks, containers, version, now: Date.now(), cves: readData(args.value("data")),
      filters: { stop: args.flag("stop"), own: readOwnFilters(stateRootOf(context)) },
    });
    const report = evaluate(facts, checks, args.flag("host") || args.operands.length === 0);
    for (const limit of report.limits) context.note(limit);
    const least = severityOf(args, "severity", "low");
    const color = context.color === true;
    return {
      exit: exitOf(report, severityOf(args, "fail-on", "low")),
      data: report,
      text: () =>
        explained === undefined
          ? auditTable(report, { color, least, all: args.flag("all") })
          : report.checks.map((check) => explainCheck(check, report.results.filter((result) => result.check === check.id), color)).join("\n"),
    };
  },
};
