/**
 * Runs test sets and sums them up: the last line is `N passed, N failed` (and `, N skipped`).
 * Run: bun tools/test.ts [SET...]; sets are folders or files that `bun test` takes, and without one every set runs.
 *
 * PIDBOX_REQUIRE names parts of the host (commas or spaces; see test/parts.ts) that must be there: a test that was skipped for want of one is a failure.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");

/** Each set is one run of `bun test`; those that drive dist/pidbox come after the ones that need no build. */
const SETS: readonly (readonly string[])[] = [
  ["src", "tools", "test/golden", "test/seccomp", "test/fuzz"], ["test/e2e"], ["test/oci"], ["test/conformance"], ["test/engines"], ["test/escape"], ["test/guest"],
];

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Failed tests: name and message. */
  readonly failures: readonly string[];
  readonly skipped: number;
  /** Names of skipped tests, each with the names of its describe blocks. */
  readonly skippedNames: readonly string[];
}

const ENTITIES: Readonly<Record<string, string>> = { "&quot;": '"', "&apos;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&", "&#10;": "\n" };

function attribute(tag: string, name: string): string {
  const raw = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
  return raw.replace(/&(quot|apos|lt|gt|amp|#10);/g, (entity) => ENTITIES[entity] ?? entity);
}

/** The counts of a JUnit report as `bun test` writes it: one <testcase> a test, with <failure>, <error> or <skipped> inside. */
export function parseJunit(xml: string): Counts {
  let passed = 0;
  const [failures, skippedNames]: [string[], string[]] = [[], []];
  for (const match of xml.matchAll(/<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const [, tag = "", body = ""] = match;
    const name = `${attribute(tag, "classname")} ${attribute(tag, "name")}`.trim();
    const failure = /<(?:failure|error)\b(?:[^>"]|"[^"]*")*>/.exec(body)?.[0];
    if (failure !== undefined) failures.push(`${attribute(tag, "file")}: ${name}: ${attribute(failure, "message")}`.trim());
    else if (/<skipped\b/.test(body)) skippedNames.push(name);
    else passed++;
  }
  return { passed, failed: failures.length, failures, skipped: skippedNames.length, skippedNames };
}

/** The skipped tests whose name says `[needs PART...]` with a part that is required. */
export function brokenPromises(skippedNames: readonly string[], required: readonly string[]): string[] {
  return skippedNames.filter((name) =>
    (/\[needs ([^\]]*)\]/.exec(name)?.[1] ?? "").split(/[\s,]+/).some((part) => part !== "" && (required.includes(part) || required.includes("all"))),
  );
}

export function closingLine(counts: Counts): string {
  const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
  return `${counts.passed} passed, ${counts.failed} failed${skipped}`;
}

/** Milliseconds for a test: many times what the longest needs, for machines that have more to do. */
const LIMIT = 300_000;

/** One run of `bun test`. A run that ends badly without a failed test (a file that does not load, a crash) counts as one failure. */
async function runSet(targets: readonly string[], report: string): Promise<Counts> {
  const command = [process.execPath, "test", `--timeout=${LIMIT}`, "--reporter=junit", `--reporter-outfile=${report}`, ...targets.map((target) => `./${target}`)];
  console.log(`== ${targets.join(" ")}`);
  const child = Bun.spawn(command, { cwd: ROOT, stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  const code = await child.exited;
  const counts = existsSync(report) ? parseJunit(readFileSync(report, "utf8")) : { passed: 0, failed: 0, failures: [], skipped: 0, skippedNames: [] };
  if (code !== 0 && counts.failed === 0) console.error(`test: bun test ${targets.join(" ")} exited with ${code}`);
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

async function main(chosen: readonly string[]): Promise<number> {
  const sets = chosen.length > 0 ? [chosen] : SETS.map((set) => set.filter((target) => existsSync(join(ROOT, target)))).filter((set) => set.length > 0);
  const required = (process.env["PIDBOX_REQUIRE"] ?? "").split(/[\s,]+/).filter((part) => part !== "");
  const folder = mkdtempSync(join(tmpdir(), "pidbox-test-"));
  const all: Counts[] = [];
  try {
    for (const [i, set] of sets.entries()) all.push(await runSet(set, join(folder, `${i}.xml`)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const sum = (of: (counts: Counts) => number): number => all.reduce((total, counts) => total + of(counts), 0);
  const broken = brokenPromises(all.flatMap((counts) => counts.skippedNames), required);
  for (const name of broken) console.error(`test: skipped, but PIDBOX_REQUIRE asks for it: ${name}`);
  const counts: Counts = {
    passed: sum((c) => c.passed), failed: sum((c) => c.failed) + broken.length, failures: all.flatMap(({ failures }) => failures),
    skipped: sum((c) => c.skipped) - broken.length, skippedNames: [],
  };
  // Once more at the end, for whoever sees only that.
  for (const failure of counts.failures) console.error(`test: failed: ${failure}`);
  if (counts.passed === 0) console.error("test: nothing ran");
  console.log(closingLine(counts));
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
