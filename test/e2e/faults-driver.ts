/**
 * Fails every op of a plan on purpose, one start each, and looks for what stays behind. Runs in isolation.ts, so that every process, mount, cgroup and
 * state file that it sees is its own doing.
 */
import { closeSync, openSync, readFileSync, unlinkSync } from "node:fs";
import { listenForDescriptors } from "../oci/socket.ts";
import { traces, vanished } from "./traces.ts";
import type { Place } from "./traces.ts";

/** What to start. Two run at once: `{n}` in a word is their number. */
export interface Variant {
  /** The command line as far as its verb, and what comes after `--fault=N`. */
  readonly command: readonly string[];
  readonly rest: readonly string[];
  /** Options that make it print its plan as JSON. */
  readonly explain: readonly string[];
  readonly terminal: boolean;
  readonly state: Place;
  /** Exit code of a command whose plan failed. */
  readonly failure: number;
  /** `pidbox-oci create`: commands that give the word, and that delete the container. */
  readonly later?: { readonly start: readonly string[]; readonly state: readonly string[]; readonly delete: readonly string[] };
  /** A command that makes what all starts need, and one that takes it away. */
  readonly around?: { readonly before: readonly string[]; readonly after: readonly string[] };
  /** `--pid-file`: of a start that succeeds it stays. */
  readonly pidFile?: string;
  /** Where `--console-socket` leads. */
  readonly sockets?: readonly string[];
}

/** An op of `--explain --format json`. */
export interface ExplainedOp {
  readonly index: number;
  readonly does: string;
  /** Absent in tests of fates(). */
  readonly from?: string;
}

export interface ExplainedPlan {
  readonly onFailure: number;
  readonly ops: readonly ExplainedOp[];
}

/** always: it runs in each start that succeeds. never: only after an exec or an end that did not come. cleanUp: the part that no failure can stop. */
export type Fate = "always" | "perhaps" | "never" | "cleanUp";

/** Which ops run in a start that succeeds, from the jumps of the plan alone. */
export function fates(plan: ExplainedPlan): Fate[] {
  const jumped = new Set<number>();
  const cloned = new Map<number, Fate>();
  let open = 0;
  let state: Fate = "always";
  return plan.ops.map(({ index, does }) => {
    if (index === plan.onFailure) state = "cleanUp";
    const parted = cloned.get(index);
    if (parted !== undefined) state = parted;
    else if (state === "never" && jumped.has(index)) state = "perhaps";
    const fate = state === "always" && index < open ? "perhaps" : state;
    const target = Number(/(?:go to|goes on at|up to) (\d+)/.exec(does)?.[1] ?? -1);
    // A helper's fork without a place to go on: the parent is the one that jumps.
    const forked = /^clone(3\(\)|\()/.test(plan.ops[index - 1]?.does ?? "");
    if (does.startsWith("clone3") || forked) cloned.set(target, state);
    if (does.startsWith("clone3")) return fate;
    if (/go to \d+$/.test(does) || does.startsWith("for each of 0 ")) {
      jumped.add(target);
      if (state === "always") open = Math.max(open, target);
    }
    const terminal = /^(exit\(|be PID 1|execve the first)/.test(does);
    if (terminal && index + 1 >= open) state = "never";
    return fate;
  });
}

interface End {
  readonly code: number;
  readonly said: string;
}

const numbered = (words: readonly string[], n: number): string[] => words.map((word) => word.replaceAll("{n}", String(n)));

function environment(): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", XDG_RUNTIME_DIR: process.env["XDG_RUNTIME_DIR"] ?? "" };
}

/** Runs a command whose standard descriptors may outlive it. */
async function run(words: readonly string[], n: number): Promise<End> {
  // Of the PID namespace that this process is in there may be several at once.
  const path = `/tmp/pidbox-faults-${crypto.randomUUID()}`;
  const output = openSync(path, "w");
  try {
    const code = await Bun.spawn(numbered(words, n), { stdin: "ignore", stdout: output, stderr: output, env: environment() }).exited;
    return { code, said: readFileSync(path, "utf8") };
  } finally {
    closeSync(output);
    unlinkSync(path);
  }
}

async function runAtTerminal(words: readonly string[], n: number): Promise<End> {
  const decoder = new TextDecoder();
  let said = "";
  const child = Bun.spawn(
    numbered(words, n),
    { env: environment(), terminal: { cols: 200, rows: 25, data: (_terminal, bytes) => void (said += decoder.decode(bytes, { stream: true })) } },
  );
  const code = await child.exited;
  child.terminal?.close();
  return { code, said };
}

/** The filter of PID 1 is on when it enters its loop, and kills it where it would tell; of a process that joins only its end is seen. */
const KILLED_BY_SECCOMP = 128 + 31;

async function start(variant: Variant, more: readonly string[], n: number): Promise<End> {
  const words = [...variant.command, ...more, ...variant.rest];
  const made = await (variant.terminal ? runAtTerminal(words, n) : run(words, n));
  const { later, pidFile } = variant;
  if ((made.code === 0 || made.code === KILLED_BY_SECCOMP) && pidFile !== undefined) unlinkSync(pidFile.replaceAll("{n}", String(n)));
  if (made.code !== 0 || later === undefined) return made;
  const started = await run(later.start, n);
  while ((await run(later.state, n)).said.includes('"running"'));
  const deleted = await run(later.delete, n);
  return deleted.code === 0 ? started : { code: -1, said: `${started.code} ${started.said}, and then delete: ${deleted.code} ${deleted.said}` };
}

/**
 * Whether the message says which op it was. Of a hook it is told which one, for its process only ends. Between the two who listen, the supervisor of `create`
 * and `start`, there is a moment at which a process that fails is only seen to be gone.
 */
function isNamed({ index, from = "" }: ExplainedOp, said: string): boolean {
  if (new RegExp(`\\bop ${index}\\b`).test(said)) return true;
  if (from.startsWith("/hooks/")) return said.includes("error running");
  return from === "container" && /has stopped|in the running state|was killed before its program ran|ended before the program ran/.test(said);
}

/** What is wrong with the end of a start in which this op was to fail. */
function judge(variant: Variant, op: ExplainedOp, fate: Fate, { code, said }: End): string | undefined {
  const { index, does } = op;
  if (does.startsWith("be PID 1") && (code === KILLED_BY_SECCOMP || code === variant.failure)) return undefined;
  if (code === variant.failure && isNamed(op, said) && fate !== "never") return undefined;
  if (code === 0 && fate !== "always") return undefined;
  return `op ${index} (${fate}): ${op.from} ${does}: exit ${code}, ${JSON.stringify(said.slice(0, 300))}`;
}

export interface Report {
  readonly starts: number;
  readonly always: number;
  readonly cleanUp: number;
  readonly problems: readonly string[];
}

/** The plan of the next start. */
async function explained(variant: Variant): Promise<ExplainedPlan> {
  const { code, said } = await run([...variant.command, ...variant.explain, ...variant.rest], 0);
  if (code !== 0) throw new Error(said);
  return JSON.parse(said) as ExplainedPlan;
}

async function failEach(variant: Variant, plan: ExplainedPlan, release: () => void): Promise<Report> {
  const fate = fates(plan);
  const problems: string[] = [];
  const before = traces(variant.state);
  const ops = plan.ops.filter(({ index }) => fate[index] !== "cleanUp");
  // Two at a time: this machine has two cores, and what is left is looked at when both have ended.
  for (let i = 0; i < ops.length && problems.length < 10; i += 2) {
    const pair = ops.slice(i, i + 2);
    const ends = await Promise.all(pair.map(({ index }, n) => start(variant, [`--fault=${index}`], n)));
    release();
    pair.forEach((op, j) => {
      const problem = judge(variant, op, fate[op.index] ?? "never", ends[j] ?? { code: -1, said: "" });
      if (problem !== undefined) problems.push(problem);
    });
    const extra = await vanished(before, variant.state);
    if (extra.length > 0) problems.push(`after ops ${pair.map((op) => op.index).join(" and ")}: ${extra.join("; ")}`);
  }
  return { starts: ops.length, always: fate.filter((one) => one === "always").length, cleanUp: fate.filter((one) => one === "cleanUp").length, problems };
}

async function failAll(variant: Variant): Promise<Report> {
  const sockets = (variant.sockets ?? []).map(listenForDescriptors);
  const release = (): void => sockets.forEach((socket) => socket.drain());
  const prepared = variant.around === undefined ? { code: 0, said: "" } : await run(variant.around.before, 0);
  // The first start also makes what later ones find: the cgroup of the parent, the folders of the state.
  const first = prepared.code === 0 ? await start(variant, [], 0) : prepared;
  release();
  if (first.code !== 0) return { starts: 0, always: 0, cleanUp: 0, problems: [`without a fault: exit ${first.code}, ${first.said.slice(0, 300)}`] };
  const report = await failEach(variant, await explained(variant), release);
  if (variant.around !== undefined) await run(variant.around.after, 0);
  for (const socket of sockets) socket[Symbol.dispose]();
  return report;
}

if (import.meta.main) console.log(JSON.stringify(await failAll(JSON.parse(process.argv[2] ?? "") as Variant)));
