/**
 * Runs test sets and sums them up: what failed tests printed is said again at the end, and the last line is `N passed, N failed` (and `, N skipped`).
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
  readonly skipped: number;
  /** Names of skipped tests, each with the names of its describe blocks. */
  readonly skippedNames: readonly string[];
}

const ENTITIES: Readonly<Record<string, string>> = { "&quot;": '"', "&apos;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&" };

function attribute(tag: string, name: string): string {
  const raw = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
  return raw.replace(/&(quot|apos|lt|gt|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}

/** The counts of a JUnit report as `bun test` writes it: one <testcase> a test, with <failure>, <error> or <skipped> inside. */
export function parseJunit(xml: string): Counts {
  let [passed, failed] = [0, 0];
  const skippedNames: string[] = [];
  for (const match of xml.matchAll(/<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const body = match[2] ?? "";
    if (/<(failure|error)\b/.test(body)) failed++;
    else if (/<skipped\b/.test(body)) skippedNames.push(`${attribute(match[1] ?? "", "classname")} ${attribute(match[1] ?? "", "name")}`.trim());
    else passed++;
  }
  return { passed, failed, skipped: skippedNames.length, skippedNames };
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

/** Takes lines of `bun test`, and keeps those of failed tests: what was printed since the result before, its last lines, and the result. */
export function failureCollector(most = 40): { readonly failures: readonly string[]; readonly take: (line: string) => void } {
  const failures: string[] = [];
  let since: string[] = [];
  return {
    failures,
    take(line) {
      since.push(line);
      if (!/^\((pass|fail|skip|todo)\) /.test(line)) return;
      if (line.startsWith("(fail)")) failures.push(since.slice(-most).join("\n").trim());
      since = [];
    },
  };
}

/** Passes on what a stream says, and gives it line by line. */
async function relay(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    process.stderr.write(chunk);
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
  }
}

/** One run of `bun test`. A run that ends badly without a failed test (a file that does not load, a crash) counts as one failure. */
async function runSet(targets: readonly string[], report: string, take: (line: string) => void): Promise<Counts> {
  const command = [process.execPath, "test", "--timeout=60000", "--reporter=junit", `--reporter-outfile=${report}`, ...targets.map((target) => `./${target}`)];
  console.log(`== ${targets.join(" ")}`);
  const child = Bun.spawn(command, { cwd: ROOT, stdin: "ignore", stdout: "inherit", stderr: "pipe" });
  const said = relay(child.stderr, take);
  const code = await child.exited;
  // What a test left running may hold the other end for ever.
  await Promise.race([said, Bun.sleep(2000)]);
  const counts = existsSync(report) ? parseJunit(readFileSync(report, "utf8")) : { passed: 0, failed: 0, skipped: 0, skippedNames: [] };
  if (code !== 0 && counts.failed === 0) console.error(`test: bun test ${targets.join(" ")} exited with ${code}`);
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

async function main(chosen: readonly string[]): Promise<number> {
  const sets = chosen.length > 0 ? [chosen] : SETS.map((set) => set.filter((target) => existsSync(join(ROOT, target)))).filter((set) => set.length > 0);
  const required = (process.env["PIDBOX_REQUIRE"] ?? "").split(/[\s,]+/).filter((part) => part !== "");
  const folder = mkdtempSync(join(tmpdir(), "pidbox-test-"));
  const all: Counts[] = [];
  const collector = failureCollector();
  try {
    for (const [i, set] of sets.entries()) all.push(await runSet(set, join(folder, `${i}.xml`), collector.take));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const sum = (of: (counts: Counts) => number): number => all.reduce((total, counts) => total + of(counts), 0);
  const broken = brokenPromises(all.flatMap((counts) => counts.skippedNames), required);
  for (const name of broken) console.error(`test: skipped, but PIDBOX_REQUIRE asks for it: ${name}`);
  const counts: Counts = {
    passed: sum((c) => c.passed), failed: sum((c) => c.failed) + broken.length, skipped: sum((c) => c.skipped) - broken.length, skippedNames: [],
  };
  for (const failure of collector.failures) console.error(`== failed\n${failure}`);
  if (counts.passed === 0) console.error("test: nothing ran");
  console.log(closingLine(counts));
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
