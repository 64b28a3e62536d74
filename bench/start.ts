/**
 * Time from the start of the command to its end, interleaved: every contestant runs a few times in each round, so that noise hits all alike.
 * Needs root, runc, bwrap, hyperfine, busybox and a C compiler. Run: bun bench/start.ts [ROUNDS]
 */
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { contestants, unknownStarts } from "./contestants.ts";
import type { Contestant } from "./contestants.ts";
import { buildFloor } from "./floor.ts";
import { readyImage, tryImage } from "./image.ts";
import type { ReadyImage } from "./image.ts";
import { machine, mean, median, quantile, requireHost, ROOT, run, scratch, table, writeResult } from "./measure.ts";
import { makeRootfs } from "./rootfs.ts";

const RUNS = 5;
const ROUNDS = 8;

export interface Timing {
  readonly name: string;
  readonly note: string;
  /** Milliseconds; `processor` is the mean of user and system time of the process and all that it waited for. */
  readonly median: number;
  readonly least: number;
  readonly p90: number;
  readonly processor: number;
  readonly samples: number;
}

interface Export {
  readonly results: readonly { readonly times: readonly number[]; readonly user: number; readonly system: number }[];
}

const quoted = (word: string): string => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** One round of hyperfine over all contestants, with `prepare` before each run. Descriptors 3 to 5 are open for the launcher (see image.ts), so for all. */
async function round(all: readonly Contestant[], prepare: string, report: string): Promise<Export> {
  const nothing = openSync("/dev/null", "r");
  const prepares = all.map((one) => `--prepare=${one.prepare === undefined ? prepare : `sh -c '${prepare}; ${one.prepare}'`}`);
  const options = ["--shell=none", "--style=none", "--warmup=1", `--runs=${RUNS}`, ...prepares, `--export-json=${report}`];
  const commands = all.map(({ command }) => command.map(quoted).join(" "));
  const child = Bun.spawn(["hyperfine", ...options, ...commands], { cwd: ROOT, stdio: ["ignore", "ignore", "pipe", nothing, nothing, nothing] });
  const errors = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`hyperfine: ${errors}`);
  return JSON.parse(readFileSync(report, "utf8")) as Export;
}

async function rounds(all: readonly Contestant[], count: number, prepare: string, report: string): Promise<Timing[]> {
  const times = all.map((): number[] => []);
  const processor = all.map((): number[] => []);
  for (let n = 0; n < count; n++) {
    const { results } = await round(all, prepare, report);
    results.forEach((result, i) => {
      times[i]?.push(...result.times.map((seconds) => seconds * 1000));
      processor[i]?.push((result.user + result.system) * 1000);
    });
  }
  return all.map(({ name, note }, i) => {
    const own = times[i] ?? [];
    return { name, note, median: median(own), least: Math.min(...own), p90: quantile(own, 0.9), processor: mean(processor[i] ?? []), samples: own.length };
  });
}

/** The launcher with a ready plan, and the same plan as straight-line C. */
function bareContestants(image: ReadyImage, folder: string, verb: string): Contestant[] {
  const floor = join(folder, "floor");
  buildFloor(image.plan, folder, floor);
  for (const program of [image.path, floor]) tryImage(image, program);
  return [
    { name: `launcher alone, ${verb}`, command: [image.path], note: "the plan is ready: no Bun" },
    { name: `floor, ${verb}`, command: [floor], note: "the same system calls in C" },
  ];
}

/** Ratios that the project has goals for. */
function ratios(timings: readonly Timing[]): Record<string, { median: number; least: number; processor: number; goal?: number }> {
  const of = (name: string): Timing | undefined => timings.find((one) => one.name === name);
  const pairs: readonly (readonly [string, string, number?])[] = [
    ["pidbox do true", "runc run", 0.3], ["pidbox run /bin/true", "runc run", 0.3],
    ["pidbox do true", "bubblewrap, host", 2], ["pidbox run /bin/true", "bubblewrap, rootfs", 2],
    ["launcher alone, do", "floor, do", 1.3], ["launcher alone, run", "floor, run", 1.3], ["pidbox run /bin/true", "crun run"],
    ["pidbox do true, first start", "runc run, beside them"], ["pidbox do true, second start", "runc run, beside them"],
  ];
  return Object.fromEntries(pairs.flatMap(([upper, lower, goal]) => {
    const [a, b] = [of(upper), of(lower)];
    if (a === undefined || b === undefined) return [];
    const ratio = { median: a.median / b.median, least: a.least / b.least, processor: a.processor / b.processor };
    return [[`${upper} / ${lower}`, goal === undefined ? ratio : { ...ratio, goal }]];
  }));
}

/** Each must work before anything is measured; hyperfine would not say why one does not. */
function works({ name, command, optional }: Contestant): boolean {
  try {
    run(command);
    return true;
  } catch (error) {
    if (optional !== true || !(error instanceof Error)) throw error;
    console.error(`bench: without ${name}: ${error.message.trim()}`);
    return false;
  }
}

export interface StartResult {
  readonly machine: Record<string, string | number>;
  readonly timings: readonly Timing[];
  readonly ratios: ReturnType<typeof ratios>;
}

export async function benchStart(count = ROUNDS): Promise<StartResult> {
  requireHost("runc", "bwrap", "hyperfine", "busybox");
  using folder = scratch();
  const rootfs = makeRootfs(folder.path);
  const over = await readyImage(join(folder.path, "do"), ["do"], "");
  const inside = await readyImage(join(folder.path, "run"), ["run", "-i", "--rm", `dir:${rootfs}`], "/bin/");
  try {
    const bare = [...bareContestants(over, join(folder.path, "do"), "do"), ...bareContestants(inside, join(folder.path, "run"), "run")];
    const others = contestants(folder.path, rootfs).filter(works);
    const prepare = join(folder.path, "prepare");
    await Bun.write(prepare, `sh ${over.prepare}\nsh ${inside.prepare}\n`);
    const report = join(folder.path, "hyperfine.json");
    const known = await rounds([...others, ...bare], count, `sh ${prepare}`, report);
    // After all others, which would have to become known again.
    const unknown = await rounds(unknownStarts(folder.path), count, `sh ${prepare}`, report);
    const timings = [...known, ...unknown];
    const result = { machine: machine(), timings, ratios: ratios(timings) };
    writeResult("start", result);
    return result;
  } finally {
    over.remove();
    inside.remove();
  }
}

export function startTables(result: StartResult): string {
  const ms = (value: number): string => value.toFixed(1);
  const rows = result.timings.map((t) => [t.name, ms(t.median), ms(t.least), ms(t.p90), ms(t.processor), t.note]);
  const times = table(["ms", "median", "least", "p90", "processor", "with"], rows);
  const compared = table(["ratio", "median", "least", "processor", "goal"], Object.entries(result.ratios).map(([name, r]) => [
    name, r.median.toFixed(2), r.least.toFixed(2), r.processor.toFixed(2), r.goal === undefined ? "" : `<= ${r.goal}`,
  ]));
  return `${times}\n\n${compared}`;
}

if (import.meta.main) console.log(startTables(await benchStart(Number(process.argv[2] ?? ROUNDS))));
