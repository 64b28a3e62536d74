/** `pidbox version`: what was built and what it runs on. */
import { version as pidboxVersion } from "../../package.json";
import { readText } from "../kernel/file.ts";
import { columns, printable } from "../base/text.ts";
import type { Verb } from "./verb.ts";

/** Set by tools/build.ts with --define; a run from source has none. */
declare const PIDBOX_COMMIT: string | undefined;

export interface VersionReport {
  readonly version: string;
  /** Git commit of the source, with `+` when the tree had changes; null for a build outside of git or a run from source. */
  readonly commit: string | null;
  readonly bun: string;
  /** Release of the running kernel, as uname -r. */
  readonly kernel: string;
  /** Architecture that the binary was built for, as Node names it. */
  readonly arch: string;
}

function versionReport(): VersionReport {
  const release = readText("/proc/sys/kernel/osrelease", 4096);
  return {
    version: pidboxVersion,
    commit: typeof PIDBOX_COMMIT === "string" ? PIDBOX_COMMIT : null,
    bun: Bun.version,
    kernel: typeof release === "string" ? release.trim() : "unknown",
    arch: process.arch,
  };
}

function versionText(report: VersionReport): string {
  const rows = Object.entries(report).map(([name, value]: [string, string | null]) => [name, printable(value ?? "unknown")]);
  return columns(rows);
}

export const version: Verb = {
  name: "version",
  summary: "Print the version of pidbox, of Bun inside it, and of the kernel",
  description: "Prints the version and the commit that pidbox was built from, the version of the Bun runtime inside the binary, the release of the running kernel and the architecture.",
  options: [{ name: "format", value: "FORMAT", choices: ["table", "json"], help: "How to print: table for people, json for programs" }],
  operands: [],
  examples: [{ command: "pidbox version --format json", text: "The same as one JSON document, for bug reports and scripts" }],
  run() {
    const report = versionReport();
    return { exit: 0, data: report, text: () => versionText(report) };
  },
};
