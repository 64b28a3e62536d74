/** `pidbox audit`: what is wrong with the containers of this host, whoever started them. */
import { version } from "../../package.json";
import { applyBaseline, parseBaseline } from "../audit/baseline.ts";
import { CHECKS } from "../audit/catalog.ts";
import type { Check } from "../audit/check.ts";
import { type CveData, parseCveData } from "../audit/cve/data.ts";
import { CVE_DATA } from "../audit/cve/records.ts";
import { evaluate } from "../audit/evaluation.ts";
import type { AuditFacts } from "../audit/facts.ts";
import { readAuditFacts } from "../audit/facts-read.ts";
import { parseProfile, PROFILES } from "../audit/profile.ts";
import { formatRecording, parseRecording } from "../audit/recording.ts";
import { applyWaivers, parseWaivers } from "../audit/waiver.ts";
import { EXIT, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { readSurvey, selectContainer } from "../engine/discover-survey.ts";
import { readOwnFilters } from "../engine/own-filters.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { AT_FDCWD, cString, readText, writeFile } from "../kernel/file.ts";
import { auditTable, explainCheck } from "../report/audit-table.ts";
import type { AuditReport, Severity } from "../report/finding.ts";
import { isOpen, SEVERITIES, severityRank } from "../report/finding.ts";
import { type DocumentFormat, documentOutcome, DOCUMENTS } from "./audit-output.ts";
import { readStoredOf, stateRootOf } from "./stored-containers.ts";
import type { Arguments, Context, Outcome, Verb } from "./verb.ts";

const FILE = "facts.json";
const MOST = 256 << 20;

function severityOf(args: Arguments, option: string, fallback: Severity): Severity {
  return SEVERITIES.find((one) => one === args.value(option)) ?? fallback;
}

/** The checks that words name: an id, a name, or the letter of an area. */
function named(words: readonly string[], option: string): Set<Check> {
  const found = new Set<Check>();
  for (const word of words.flatMap((value) => value.split(","))) {
    const matches = CHECKS.filter(({ id, name }) => id === word || name === word || (word.length === 1 && id.startsWith(word)));
    if (matches.length === 0) throw new PidboxError("USAGE", `--${option}: there is no check ${quote(word)}`, { hint: "`pidbox audit --list` lists them." });
    for (const check of matches) found.add(check);
  }
  return found;
}

function absolute(path: string, context: Context): string {
  return path.startsWith("/") ? path : `${context.cwd}/${path}`;
}

function readWhole(path: string, context: Context): string {
  const text = readText(absolute(path, context), MOST);
  if (typeof text === "string") return text;
  throw new PidboxError("IO", `Cannot read ${quote(path)}: ${errnoName(text)}`, { context: { path, errno: errnoName(text) } });
}

function readData(path: string | undefined, context: Context): CveData {
  return path === undefined ? CVE_DATA : parseCveData(readWhole(path, context));
}

/** A YAML document; JSON is one too. */
function readYaml(path: string, context: Context): unknown {
  const text = readWhole(path, context);
  try {
    return Bun.YAML.parse(text);
  } catch (error) {
    throw new PidboxError("PARSE", `Cannot read ${quote(path)}: it is no YAML: ${error instanceof Error ? error.message : ""}`, { context: { path } });
  }
}

function profileChecks(name: string | undefined, context: Context): readonly Check[] {
  if (name === undefined) return CHECKS;
  const profile = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined;
  return profile === undefined ? parseProfile(readYaml(name, context), CHECKS) : CHECKS.filter(profile.includes);
}

function chosenChecks(args: Arguments, context: Context): readonly Check[] {
  const explained = args.value("explain");
  if (explained !== undefined) return [...named([explained], "explain")];
  const only = named(args.values("checks"), "checks");
  const skip = named(args.values("skip"), "skip");
  // A profile may grade a check anew: it is known by its id.
  const has = (checks: ReadonlySet<Check>, { id }: Check): boolean => [...checks].some((check) => check.id === id);
  return profileChecks(args.value("profile"), context).filter((check) => (only.size === 0 || has(only, check)) && !has(skip, check));
}

/** What is open counts before what is not known: it is certain. */
function exitOf({ results, data }: AuditReport, failOn: Severity): number {
  const counted = results.filter(({ severity }) => severityRank(severity) <= severityRank(failOn));
  if (counted.some(isOpen)) return EXIT.findings;
  if (counted.some(({ verdict }) => verdict === "unknown")) return EXIT.incomplete;
  return data.stale ? EXIT.stale : EXIT.ok;
}

function record(directory: string, facts: AuditFacts, context: Context): void {
  const path = absolute(directory, context);
  syscall(SYSCALLS.mkdirat, AT_FDCWD, address(cString(path)), 0o700);
  // What is in it is worth hiding: a map of the host.
  const result = writeFile(`${path}/${FILE}`, formatRecording(facts), { mode: 0o600 });
  if (result < 0) throw new PidboxError("IO", `Cannot write ${quote(`${directory}/${FILE}`)}: ${errnoName(result)}`, { context: { path, errno: errnoName(result) } });
}

function takeFacts(args: Arguments, checks: readonly Check[], context: Context): { readonly facts: AuditFacts; readonly host: boolean } {
  const host = args.flag("host") || args.operands.length === 0;
  const replayed = args.value("replay");
  if (replayed !== undefined) {
    const recorded = parseRecording(readWhole(`${replayed}/${FILE}`, context));
    const facts = args.value("data") === undefined ? recorded : { ...recorded, cves: readData(args.value("data"), context) };
    const meant = ({ id, name }: AuditFacts["containers"][number]["container"]): boolean => args.operands.some((word) => name === word || id.startsWith(word));
    const chosen = facts.containers.filter(({ container }) => args.operands.length === 0 || meant(container));
    if (args.operands.length > 0 && chosen.length === 0) throw new PidboxError("NOT_FOUND", `The recording ${quote(replayed)} has no container ${args.operands.map((word) => quote(word)).join(", ")}`);
    return { facts: { ...facts, containers: args.flag("host") ? [] : chosen }, host };
  }
  const view = readSurvey(readStoredOf(context));
  const containers = args.flag("host") ? [] : args.operands.length === 0 ? view.containers : args.operands.map((operand) => selectContainer(view, operand));
  const recording = args.value("record");
  // A recording is asked of later, by whatever checks.
  const facts = readAuditFacts(view, {
    checks: recording === undefined ? checks : CHECKS, containers, version, now: Date.now(), cves: readData(args.value("data"), context),
    filters: { stop: args.flag("stop"), own: readOwnFilters(stateRootOf(context)) },
  });
  if (recording !== undefined) record(recording, facts, context);
  return { facts, host };
}

function decided(report: AuditReport, args: Arguments, context: Context): AuditReport {
  const waivers = args.value("waivers");
  const waived = waivers === undefined ? report : applyWaivers(report, parseWaivers(readYaml(waivers, context)), Date.now());
  const baseline = args.value("baseline");
  return baseline === undefined ? waived : applyBaseline(waived, parseBaseline(readYaml(baseline, context)));
}

function listing(checks: readonly Check[]): Outcome {
  const rows = checks.map(({ id, name, severity, title, references, scope }) => ({ id, name, severity, title, references, scope }));
  return { exit: EXIT.ok, data: rows, text: () => rows.map(({ id, name, severity, title }) => `${id}  ${severity.padEnd(8)}  ${name}: ${title}\n`).join("") };
}

export const audit: Verb = {
  name: "audit",
  summary: "Find what is wrong with the containers of this host, whoever started them",
  description:
    "Reads facts of every container from the kernel's own files, with no engine's help, and asks them of a catalogue of checks (docs/checks). Each answer is a finding, blocked (the weakness is there, and something named stops it), " +
    "passed, not applicable, or unknown: what could not be read, and why. Unknown never counts as passed. Nothing of a container is executed, and nothing is changed.\n\n" +
    "A profile chooses among the checks: " + Object.entries(PROFILES).map(([name, { text }]) => `${name} (${text})`).join(", ") + "; or a YAML file with a list of ids, names, or maps with check and severity.\n\n" +
    "Waivers are a YAML list of maps with check, reason, owner, expires (YYYY-MM-DD) and, for some containers alone, container (a name or id, with * for any letters). What they waive is shown and fails nothing; one that has expired is a finding itself.",
  options: [
    { name: "all", short: "a", help: "Also list what passed and what does not apply" },
    { name: "host", help: "Ask the host alone" },
    { name: "severity", value: "SEVERITY", choices: SEVERITIES, help: "List only what is at least this grave; low if not given" },
    { name: "fail-on", value: "SEVERITY", choices: SEVERITIES, help: "Exit with 2 only for findings that are at least this grave; low if not given" },
    { name: "profile", value: "PROFILE", help: `Only the checks of a profile: ${Object.keys(PROFILES).join(", ")}, or a file` },
    { name: "checks", value: "CHECK,...", repeat: true, help: "Only these checks: ids, names, or the letter of an area" },
    { name: "skip", value: "CHECK,...", repeat: true, help: "Without these checks" },
    { name: "explain", value: "CHECK", help: "The whole story of one check: why, evidence, and what to do" },
    { name: "stop", help: "Read seccomp filters from the kernel and not from what was declared, which stops the first process of each container, and at most three others, for a moment: a call that waits may answer EINTR" },
    { name: "data", value: "FILE", help: "Known vulnerabilities from this file, for those that are newer than this pidbox" },
    { name: "list", help: "List the checks" },
    { name: "waivers", value: "FILE", help: "Findings that somebody took, with reason, owner and expiry" },
    { name: "baseline", value: "FILE", help: "A report of --format json: what it has already fails nothing" },
    { name: "record", value: "DIRECTORY", help: "Keep all facts, to audit them elsewhere" },
    { name: "replay", value: "DIRECTORY", help: "Audit the facts of a recording instead of this host; needs no privileges" },
    { name: "format", value: "FORMAT", choices: ["table", "json", ...DOCUMENTS], help: "How to print: table for people, json for programs, or a document" },
  ],
  operands: [{ name: "CONTAINER", repeat: true, help: "Id, beginning of an id, name, or the host PID of any process in it; all containers and the host if none is given" }],
  examples: [
    { command: "pidbox audit", text: "All containers and the host" },
    { command: "pidbox audit web --severity high", text: "What is high or critical of one container" },
    { command: "pidbox audit --explain pid-namespace", text: "One check with all that it saw" },
    { command: "pidbox audit --format sarif --fail-on high --waivers waivers.yaml >audit.sarif", text: "In CI" },
  ],
  exitCodes: [
    { code: EXIT.ok, text: "no finding as grave as --fail-on" },
    { code: EXIT.failure, text: "there is no such container, check or file" },
    { code: EXIT.findings, text: "findings" },
    { code: EXIT.incomplete, text: "no findings, and something could not be read" },
    { code: EXIT.stale, text: "nothing of these, but the known vulnerabilities are older than four months" },
  ],
  run(args, context) {
    const checks = chosenChecks(args, context);
    if (args.flag("list")) return listing(checks);
    const { facts, host } = takeFacts(args, checks, context);
    const report = decided(evaluate(facts, checks, host), args, context);
    for (const limit of report.limits) context.note(limit);
    const exit = exitOf(report, severityOf(args, "fail-on", "low"));
    const format = args.value("format");
    const document = DOCUMENTS.find((one): one is DocumentFormat => one === format);
    if (document !== undefined) return documentOutcome(report, document, exit);
    const color = context.color === true;
    return {
      exit, data: report,
      text: () =>
        args.value("explain") === undefined
          ? auditTable(report, { color, least: severityOf(args, "severity", "low"), all: args.flag("all") })
          : report.checks.map((check) => explainCheck(check, report.results.filter((result) => result.check === check.id), color)).join("\n"),
    };
  },
};
