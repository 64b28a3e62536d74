/** What every benchmark shares: summaries of samples, the machine they were taken on, tables, and result files. */
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";

export const ROOT = join(import.meta.dir, "..");
export const BINARY = join(ROOT, "dist/pidbox");
const RESULTS = join(import.meta.dir, "results");

/** The sample below which the share `q` of all lies. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const upper = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[upper] ?? Number.NaN) : ((sorted[upper - 1] ?? Number.NaN) + (sorted[upper] ?? Number.NaN)) / 2;
}

export function mean(samples: readonly number[]): number {
  return samples.reduce((sum, one) => sum + one, 0) / samples.length;
}

/** Runs a program to its end. Throws with its output when it fails. */
export function run(command: readonly string[]): string {
  const result = Bun.spawnSync([...command], { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const output = result.stdout.toString();
  if (result.exitCode !== 0) throw new Error(`${command.slice(0, 6).join(" ")} exited with ${result.exitCode}: ${result.stderr.toString()}${output}`);
  return output;
}

function versionOf(command: readonly string[]): string | undefined {
  if (Bun.which(command[0] ?? "") === null) return undefined;
  return run(command).split("\n")[0]?.trim();
}

/** The machine and the programs: part of every result. */
export function machine(): Record<string, string | number> {
  const programs: Readonly<Record<string, string>> = { runc: "runc", crun: "crun", bubblewrap: "bwrap", unshare: "unshare", hyperfine: "hyperfine" };
  const versions = Object.entries(programs).map(([name, program]) => [name, versionOf([program, "--version"])]);
  const known = [["pidbox", versionOf([BINARY, "version"])?.replace(/^version\s+/, "")], ...versions].filter(([, version]) => version !== undefined);
  return {
    date: new Date().toISOString().slice(0, 10), processor: cpus()[0]?.model ?? "unknown", processors: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30), kernel: release(), load: Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]),
    ...Object.fromEntries(known),
  };
}

/** A Markdown table, columns padded so that it also reads well in a terminal. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((cell, i) => Math.max(3, cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const cell = (text: string, width: number, i: number): string => (i === 0 ? text.padEnd(width) : text.padStart(width));
  const line = (cells: readonly string[]): string => `| ${widths.map((width, i) => cell(cells[i] ?? "", width, i)).join(" | ")} |`;
  const rule = widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|");
  return [line(header), `|${rule}|`, ...rows.map(line)].join("\n");
}

export function writeResult(name: string, result: unknown): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
}

/** runc gives what it has as standard streams to the container's user, the host's /dev/null among it (fixStdioPermissions): back to root with it. */
function restoreNull(): void {
  if (process.getuid?.() === 0) chownSync("/dev/null", 0, 0);
}

/** A temporary directory that is removed at the end of the block that holds it, which is that of a benchmark. */
export function scratch(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "pidbox-bench-"));
  return {
    path,
    [Symbol.dispose]() {
      restoreNull();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** What must be true of the host before anything is measured. */
export function requireHost(...programs: readonly string[]): void {
  if (process.getuid?.() !== 0) throw new Error("Benchmarks run as root: they compare whole containers with cgroup limits");
  const missing = programs.filter((program) => Bun.which(program) === null);
  if (missing.length > 0) throw new Error(`Missing: ${missing.join(", ")}`);
}
