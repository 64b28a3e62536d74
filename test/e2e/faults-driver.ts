/**
 * Fails every op of a plan on purpose, one start each, and looks for what stays behind. Runs in isolation.ts, so that every process, mount, cgroup and
 * state file that it sees is its own doing.
 */
import { traces, vanished } from "./traces.ts";

/** What to start: pidbox's arguments without --fault, with a terminal or not. */
export interface Variant {
  readonly pidbox: string;
  readonly arguments: readonly string[];
  readonly terminal: boolean;
  /** Directory of the state: below it are containers, names and ids. */
  readonly state: string;
}

/** An op of `--explain --format json`. */
export interface ExplainedOp {
  readonly index: number;
  readonly does: string;
}

export interface ExplainedPlan {
  readonly onFailure: number;
  readonly ops: readonly ExplainedOp[];
}

/** always: it runs in each start that succeeds. never: only after an exec or an end that did not come. cleanUp: the part that no failure can stop. */
export type Fate = "always" | "perhaps" | "never" | "cleanUp";

/** Which ops run in a start that succeeds, from the jumps of the plan alone. */
export function fates(plan: ExplainedPlan): Fate[] {
  const [jumped, cloned] = [new Set<number>(), new Set<number>()];
  let open = 0;
  let state: Fate = "always";
  return plan.ops.map(({ index, does }) => {
    if (index === plan.onFailure) state = "cleanUp";
    if (cloned.has(index)) state = "always";
    else if (state === "never" && jumped.has(index)) state = "perhaps";
    const fate = state === "always" && index < open ? "perhaps" : state;
    const target = Number(/(?:go to|goes on at|up to) (\d+)/.exec(does)?.[1] ?? -1);
    // A helper's fork without a place to go on: the parent is the one that jumps.
    const forked = plan.ops[index - 1]?.does.startsWith("clone3()") === true;
    if (does.startsWith("clone3") || forked) cloned.add(target);
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

function commandOf(variant: Variant, more: readonly string[]): string[] {
  const [verb = "", ...rest] = variant.arguments;
  return [variant.pidbox, verb, ...more, ...rest];
}

async function start(variant: Variant, more: readonly string[]): Promise<End> {
  const command = commandOf(variant, more);
  const environment = { PATH: process.env["PATH"] ?? "", XDG_RUNTIME_DIR: process.env["XDG_RUNTIME_DIR"] ?? "" };
  if (!variant.terminal) {
    const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: environment });
    const said = await new Response(child.stderr).text();
    return { code: await child.exited, said };
  }
  const decoder = new TextDecoder();
  let said = "";
  const child = Bun.spawn(
    command,
    { env: environment, terminal: { cols: 200, rows: 25, data: (_terminal, bytes) => void (said += decoder.decode(bytes, { stream: true })) } },
  );
  const code = await child.exited;
  child.terminal?.close();
  return { code, said };
}

/** The filter of PID 1 is on when it enters its loop, and kills it where it would tell. */
const KILLED_BY_SECCOMP = 128 + 31;

/** What is wrong with the end of a start in which this op was to fail. */
function judge({ index, does }: ExplainedOp, fate: Fate, { code, said }: End): string | undefined {
  if (does.startsWith("be PID 1") && code === KILLED_BY_SECCOMP) return undefined;
  const named = new RegExp(`\\bop ${index}\\b`).test(said);
  if (code === 125 && named && fate !== "never") return undefined;
  if (code === 0 && fate !== "always") return undefined;
  return `op ${index} (${fate}): exit ${code}, ${JSON.stringify(said.slice(0, 300))}`;
}

export interface Report {
  readonly starts: number;
  readonly always: number;
  readonly cleanUp: number;
  readonly problems: readonly string[];
}

/** The plan of the next start. */
async function explained(variant: Variant): Promise<ExplainedPlan> {
  return await new Response(Bun.spawn(commandOf(variant, ["--explain", "--format=json"]), { stdin: "ignore", stderr: "inherit" }).stdout).json() as ExplainedPlan;
}

async function failAll(variant: Variant): Promise<Report> {
  // The first start also makes what later ones find: the cgroup of the parent, the folders of the state.
  const first = await start(variant, []);
  const plan = await explained(variant);
  const fate = fates(plan);
  const problems = first.code === 0 ? [] : [`without a fault: exit ${first.code}, ${first.said.slice(0, 300)}`];
  const before = traces(variant.state);
  const ops = plan.ops.filter(({ index }) => fate[index] !== "cleanUp");
  // Two at a time: this machine has two cores, and what is left is looked at when both have ended.
  for (let i = 0; i < ops.length && problems.length < 10; i += 2) {
    const pair = ops.slice(i, i + 2);
    const ends = await Promise.all(pair.map(({ index }) => start(variant, [`--fault=${index}`])));
    pair.forEach((op, j) => {
      const problem = judge(op, fate[op.index] ?? "never", ends[j] ?? { code: -1, said: "" });
      if (problem !== undefined) problems.push(problem);
    });
    const extra = await vanished(before, variant.state);
    if (extra.length > 0) problems.push(`after ops ${pair.map((op) => op.index).join(" and ")}: ${extra.join("; ")}`);
  }
  return { starts: ops.length, always: fate.filter((one) => one === "always").length, cleanUp: fate.filter((one) => one === "cleanUp").length, problems };
}

if (import.meta.main) console.log(JSON.stringify(await failAll(JSON.parse(process.argv[2] ?? "") as Variant)));
