/**
 * The commands of an OCI runtime, one by one: what an engine waits for. Each is timed by hyperfine for runc and for pidbox in turns, on the same bundle.
 * Needs root, runc, hyperfine and busybox. Run: bun bench/oci.ts [ROUNDS]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeBundle } from "./contestants.ts";
import { machine, median, requireHost, ROOT, run, scratch, table, writeResult } from "./measure.ts";
import { makeRootfs } from "./rootfs.ts";

const RUNS = 5;
const ROUNDS = 6;
const PIDBOX = join(ROOT, "dist/pidbox-oci");
const RUNTIMES: Readonly<Record<string, string>> = { runc: "runc", pidbox: PIDBOX };
const ID = "bench-oci";

interface Step {
  readonly name: string;
  /** Shell words; `R` is the runtime with its root. */
  readonly prepare: string;
  readonly command: string;
}

// The first process is waited for as a shim does: by its PID, until it is a zombie or gone.
const WAIT = "while s=$(cut -d' ' -f3 /proc/$(cat PID)/stat 2>/dev/null) && [ \"$s\" != Z ]; do :; done";
const CREATE = "R create --bundle TRUE --pid-file PID ID </dev/null >/dev/null";
const FRESH = "R delete -f ID 2>/dev/null";

const STEPS: readonly Step[] = [
  { name: "create", prepare: FRESH, command: "R create --bundle TRUE --pid-file PID ID" },
  { name: "start", prepare: `${FRESH}; ${CREATE}`, command: "R start ID" },
  { name: "delete", prepare: `${FRESH}; ${CREATE} && R start ID && ${WAIT}`, command: "R delete ID" },
  { name: "exec", prepare: "true", command: "R exec LIVING /bin/true" },
  { name: "state", prepare: "true", command: "R state LIVING" },
  { name: "run", prepare: FRESH, command: "R run --bundle TRUE ID" },
];

export interface OciTiming {
  readonly runtime: string;
  readonly command: string;
  /** Milliseconds. */
  readonly median: number;
  readonly least: number;
  readonly samples: number;
}

export interface OciResult {
  readonly machine: Record<string, string | number>;
  readonly timings: readonly OciTiming[];
  /** pidbox / runc. */
  readonly ratios: Readonly<Record<string, { readonly median: number; readonly least: number; readonly goal?: number }>>;
}

/** The samples of one round of a step, for each runtime in milliseconds. */
function round(step: Step, folder: string, bundle: string): Map<string, number[]> {
  const report = join(folder, "hyperfine.json");
  const words: string[] = [];
  for (const [name, runtime] of Object.entries(RUNTIMES)) {
    const fill = (text: string): string => text.replaceAll("LIVING", `${ID}-living`).replaceAll("TRUE", bundle).replaceAll("PID", join(folder, `${name}.pid`))
      .replaceAll(/\bID\b/g, ID).replaceAll(/\bR\b/g, `${runtime} --root ${join(folder, name)}`);
    const script = join(folder, `${step.name}-${name}.sh`);
    writeFileSync(script, `${fill(step.prepare)}\ntrue\n`);
    words.push("--prepare", `sh ${script}`, fill(step.command));
  }
  run(["hyperfine", "--shell=none", "--style=none", "--warmup=1", `--runs=${RUNS}`, `--export-json=${report}`, ...words]);
  const { results } = JSON.parse(readFileSync(report, "utf8")) as { readonly results: readonly { readonly times: readonly number[] }[] };
  return new Map(Object.keys(RUNTIMES).map((name, i) => [name, (results[i]?.times ?? []).map((seconds) => seconds * 1000)]));
}

function timingsOf(samples: ReadonlyMap<string, readonly number[]>): OciTiming[] {
  return [...samples].map(([key, times]) => {
    const [command = "", runtime = ""] = key.split(" ");
    return { runtime, command, median: median(times), least: Math.min(...times), samples: times.length };
  });
}

function ratiosOf(timings: readonly OciTiming[]): OciResult["ratios"] {
  const sum = (runtime: string, commands: readonly string[], what: "median" | "least"): number =>
    timings.filter((one) => one.runtime === runtime && commands.includes(one.command)).reduce((total, one) => total + one[what], 0);
  const ratio = (commands: readonly string[], goal?: number) => ({
    median: sum("pidbox", commands, "median") / sum("runc", commands, "median"), least: sum("pidbox", commands, "least") / sum("runc", commands, "least"),
    ...(goal === undefined ? {} : { goal }),
  });
  const single = ["create", "start", "delete", "state", "run"].map((one) => [one, ratio([one])] as const);
  return { "create + start + delete": ratio(["create", "start", "delete"], 0.5), exec: ratio(["exec"], 0.5), ...Object.fromEntries(single) };
}

export function benchOci(count = ROUNDS): OciResult {
  requireHost("runc", "hyperfine", "busybox");
  using folder = scratch();
  const rootfs = makeRootfs(folder.path);
  const short = makeBundle(folder.path, rootfs, ["/bin/true"], { users: false });
  const long = makeBundle(folder.path, rootfs, ["/bin/sleep", "100000"], { users: false });
  const call = (name: string, ...words: readonly string[]): string[] => [RUNTIMES[name] ?? "", "--root", join(folder.path, name), ...words];
  const samples = new Map<string, number[]>();
  try {
    // Detached, so that hyperfine's own pipes are not theirs.
    for (const name of Object.keys(RUNTIMES)) {
      run(["sh", "-c", `${call(name, "run", "-d", "--bundle", long, `${ID}-living`).join(" ")} </dev/null >/dev/null 2>&1`]);
    }
    for (let n = 0; n < count; n++) {
      for (const step of STEPS) {
        for (const [name, times] of round(step, folder.path, short)) {
          const key = `${step.name} ${name}`;
          samples.set(key, [...samples.get(key) ?? [], ...times]);
        }
      }
    }
  } finally {
    for (const name of Object.keys(RUNTIMES)) for (const id of [ID, `${ID}-living`]) Bun.spawnSync(call(name, "delete", "-f", id));
  }
  for (const name of Object.keys(RUNTIMES)) if (run(call(name, "list", "-q")).trim() !== "") throw new Error(`containers of ${name} are left`);
  const timings = timingsOf(samples);
  const result = { machine: machine(), timings, ratios: ratiosOf(timings) };
  writeResult("oci", result);
  return result;
}

export function ociTable(result: OciResult): string {
  const of = (runtime: string, command: string): OciTiming | undefined => result.timings.find((one) => one.runtime === runtime && one.command === command);
  const ms = (value: number | undefined): string => (value ?? Number.NaN).toFixed(1);
  const rows = STEPS.map(({ name }) => [name, ...["runc", "pidbox"].flatMap((runtime) => [ms(of(runtime, name)?.median), ms(of(runtime, name)?.least)])]);
  const times = table(["ms", "runc median", "least", "pidbox median", "least"], rows);
  const ratios = Object.entries(result.ratios).map(([name, one]) => [
    name, one.median.toFixed(2), one.least.toFixed(2), one.goal === undefined ? "" : `<= ${one.goal}`,
  ]);
  return `${times}\n\n${table(["pidbox / runc", "median", "least", "goal"], ratios)}`;
}

if (import.meta.main) console.log(ociTable(benchOci(Number(process.argv[2] ?? ROUNDS))));
