/** What doctor found, as data and as text. Pure. */
import { columns, printable } from "../base/text.ts";
import type { InstalledEngine } from "../engine/installed.ts";
import type { Feature, FeatureAnswer, FeatureNeed } from "../kernel/feature-facts.ts";
import type { DirectoryReport } from "./doctor-directories.ts";

export interface DoctorReport {
  /** Whether `do` and `run` have all that they need: "unknown" if something could not be told and nothing is known to be missing. */
  readonly ready: FeatureAnswer;
  readonly kernel: string;
  readonly effectiveUid: number;
  readonly features: readonly Feature[];
  readonly directories: readonly DirectoryReport[];
  readonly engines: readonly InstalledEngine[];
}

/** Whether everything that the main job needs is there. */
export function readiness(features: readonly Feature[], directories: readonly DirectoryReport[]): FeatureAnswer {
  const answers = features.filter((feature) => feature.need === "main").map((feature) => feature.answer);
  for (const directory of directories) if (directory.use === "state") answers.push(directory.usable);
  return answers.includes("no") ? "no" : answers.includes("unknown") ? "unknown" : "yes";
}

const SECTIONS: readonly { readonly need: FeatureNeed; readonly title: string }[] = [
  { need: "main", title: "Needed by do and run" },
  { need: "layer", title: "Layers of the wall" },
  { need: "information", title: "For information" },
];
const CELL = 110;

function cut(text: string): string {
  const shown = printable(text);
  return shown.length > CELL ? `${shown.slice(0, CELL - 3)}...` : shown;
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  return `${title}\n${columns(rows.map((row) => ["", ...row]))}\n`;
}

function featureRow(feature: Feature): readonly string[] {
  const evidence = feature.evidence.map(({ source, value }) => `${source}: ${value}`).join("; ");
  return [feature.answer, printable(feature.title), cut(feature.reason === undefined ? evidence : `${feature.reason} (${evidence})`)];
}

function directoryRow(directory: DirectoryReport): readonly string[] {
  const state = directory.reason ?? "exists";
  return [directory.usable, directory.use, cut(`${directory.path ?? "nowhere"}: ${state}`)];
}

function engineRows(engine: InstalledEngine): (readonly string[])[] {
  const head = [engine.name, cut([...engine.programs, ...engine.configs].join(" "))];
  return [head, ...engine.problems.map((problem) => ["", cut(`${problem.severity}: ${problem.path}${problem.key === undefined ? "" : ` ${problem.key}`}: ${problem.found}: ${problem.reason}`)])];
}

/** How to have each engine run its containers by pidbox-oci. */
function registrationText(engines: readonly InstalledEngine[]): string {
  const parts = engines.flatMap(({ name, registration }) => {
    if (registration === undefined) return [];
    const { registered, file, lines, next } = registration;
    if (registered.length > 0) return [`  ${printable(name)}: registered as ${printable(registered.join(", "))}\n`];
    const shown = [...lines, ...next.map((line) => `# ${line}`)];
    return [`  ${printable(name)}, in ${printable(file)}\n${shown.map((line) => `    ${printable(line)}\n`).join("")}`];
  });
  return parts.length === 0 ? "" : `To run containers of an engine by pidbox-oci (first: sudo pidbox install)\n${parts.join("")}\n`;
}

interface Mend {
  readonly title: string;
  readonly remedy: string;
}

// One remedy often mends several features: it is shown once, under all their titles.
function mends(report: DoctorReport): Mend[] {
  const found = new Map<string, string[]>();
  const add = (title: string, remedy: string | undefined): void => {
    if (remedy !== undefined) found.set(remedy, [...(found.get(remedy) ?? []), title]);
  };
  for (const { need } of SECTIONS) {
    for (const feature of report.features) if (feature.need === need && feature.answer !== "yes") add(feature.title, feature.remedy);
  }
  for (const directory of report.directories) if (directory.usable !== "yes") add(`${directory.use} directory`, directory.remedy);
  for (const engine of report.engines) for (const problem of engine.problems) add(`${engine.name}${problem.key === undefined ? "" : ` ${problem.key}`}`, problem.remedy);
  return [...found].map(([remedy, titles]) => ({ title: titles.join(", "), remedy }));
}

function mendText(mend: Mend): string {
  // Line breaks are ours (profile texts); everything else in a line is made printable.
  return `  ${printable(mend.title)}\n${mend.remedy.split("\n").map((line) => `    ${printable(line)}\n`).join("")}`;
}

function verdict(report: DoctorReport): string {
  const titles = (answer: FeatureAnswer): string => {
    const features = report.features.filter((feature) => feature.need === "main" && feature.answer === answer).map((feature) => feature.title);
    const state = report.directories.filter((directory) => directory.use === "state" && directory.usable === answer).map(() => "state directory");
    return printable([...features, ...state].join(", "));
  };
  if (report.ready === "yes") return "Everything that do and run need is here.\n";
  return report.ready === "no" ? `Missing for do and run: ${titles("no")}.\n` : `Could not tell for do and run: ${titles("unknown")}.\n`;
}

/** The report for people. */
export function doctorText(report: DoctorReport): string {
  const mending = mends(report).map(mendText).join("");
  return [
    `Linux ${printable(report.kernel)}, ${report.effectiveUid === 0 ? "as root" : `rootless, uid ${report.effectiveUid}`}\n\n`,
    ...SECTIONS.map(({ need, title }) => section(title, report.features.filter((feature) => feature.need === need).map(featureRow))),
    section("Directories", report.directories.map(directoryRow)),
    section("Engines on this host", report.engines.flatMap(engineRows)),
    registrationText(report.engines),
    mending === "" ? "" : `To mend\n${mending}\n`,
    verdict(report),
  ].join("");
}
