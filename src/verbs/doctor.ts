/** `pidbox doctor`: what this host can do for containers, what is missing, and the command that mends it. */
import { EXIT, PidboxError } from "../base/error.ts";
import { absolute } from "../base/path.ts";
import { quote } from "../base/text.ts";
import { readInstalledEngines } from "../engine/installed.ts";
import { OCI_PROGRAM } from "../engine/installed-registration.ts";
import { resultText } from "../kernel/feature-facts.ts";
import type { FeatureAnswer } from "../kernel/feature-facts.ts";
import { readFeatureFacts } from "../kernel/feature-probe.ts";
import { judgeFeatures } from "../kernel/features.ts";
import { O, close, open, readLink } from "../kernel/file.ts";
import { configHome, readDirectories } from "./doctor-directories.ts";
import { doctorText, readiness } from "./doctor-report.ts";
import type { DoctorReport } from "./doctor-report.ts";
import type { Context, Verb } from "./verb.ts";

const EXIT_BY_ANSWER: Readonly<Record<FeatureAnswer, number>> = { yes: EXIT.ok, no: EXIT.findings, unknown: EXIT.incomplete };

/** The absolute path behind `path`, links resolved, as the kernel names it. */
function resolvePath(path: string, cwd: string): string {
  const whole = absolute(path, cwd);
  const fd = whole.includes("\0") ? -2 : open(whole, O.PATH);
  if (fd < 0) throw new PidboxError("NOT_FOUND", `Cannot open ${quote(path)}: ${resultText(fd)}`, { context: { path, errno: resultText(fd) } });
  const real = readLink(`/proc/self/fd/${fd}`);
  close(fd);
  return typeof real === "number" ? whole : real;
}

/** Where an engine should find pidbox-oci: beside this binary, or where `pidbox install` puts it if this one is in a build or in node_modules. */
function runtimePath(executable: string): string {
  const directory = executable.slice(0, executable.lastIndexOf("/"));
  return /\/s?bin$/.test(directory) ? `${directory}/${OCI_PROGRAM}` : `/usr/local/bin/${OCI_PROGRAM}`;
}

/** Probes the host that `context` runs on. */
export function readDoctorReport(context: Context, paths: readonly string[]): DoctorReport {
  const path = context.environment["PATH"] ?? "";
  const idmapPaths = paths.length === 0 ? ["/"] : paths.map((operand) => resolvePath(operand, context.cwd));
  const facts = readFeatureFacts({ executable: context.executable, path, idmapPaths });
  const features = judgeFeatures(facts);
  const directories = readDirectories(facts.effectiveUid, context.environment);
  return {
    ready: readiness(features, directories), kernel: facts.release.text, effectiveUid: facts.effectiveUid, features, directories,
    engines: readInstalledEngines({ path, configHome: configHome(context.environment), runtime: runtimePath(context.executable) }),
  };
}

export const doctor: Verb = {
  name: "doctor",
  summary: "Say what this host can do for containers, what is missing and how to mend it",
  description:
    "Asks the kernel, one by one, for the features that pidbox uses. Each answer is yes, no or unknown, with what was asked and what came back; unknown is never counted as yes. " +
    "Then come the directories that pidbox uses, the container engines on this host with what is wrong in their configuration, the exact commands that mend what is missing, and the lines that make pidbox-oci a runtime of each engine. " +
    "No probe leaves anything behind: no process, mount, namespace or file; no engine is executed.\n\n" +
    "Whether a filesystem has id-mapped mounts is told from a table by its type and the kernel's version; give PATH to ask about the filesystem of a root directory instead of that of /.",
  options: [{ name: "format", value: "FORMAT", choices: ["table", "json"], help: "How to print: table for people, json for programs" }],
  operands: [{ name: "PATH", help: "A root directory whose filesystem is asked about; / if none is given", repeat: true }],
  examples: [
    { command: "pidbox doctor", text: "The whole report" },
    { command: "pidbox doctor --format json /srv/rootfs", text: "As one JSON document, for the filesystem that holds /srv/rootfs" },
  ],
  exitCodes: [
    { code: EXIT.ok, text: "Everything that do and run need is here" },
    { code: EXIT.findings, text: "Something that they need is missing" },
    { code: EXIT.incomplete, text: "Whether something that they need is here could not be told" },
  ],
  run(args, context) {
    const report = readDoctorReport(context, args.operands);
    return { exit: EXIT_BY_ANSWER[report.ready], data: report, text: () => doctorText(report) };
  },
};
