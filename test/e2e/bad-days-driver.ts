/** What bad-days.test.ts does in isolation: kills at random moments, signals without end, two hundred containers at once. Prints what was wrong as JSON. */
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RECORD } from "../../src/plan/op.ts";
import { parseEntry } from "../../src/spec/event.ts";
import { PATIENCE } from "../until.ts";
import { daily, traces, vanished } from "./traces.ts";

export interface Order {
  readonly pidbox: string;
  readonly what: "kill-first" | "kill-init" | "storm" | "many";
  readonly count: number;
  readonly seed: number;
  /** What comes before the program's words, for kills. */
  readonly verb: readonly string[];
}

export interface Result {
  readonly problems: readonly string[];
  /** How the containers ended, by exit code or signal. */
  readonly ends: Readonly<Record<string, number>>;
  /** Kinds of traces that a running container had. */
  readonly kinds: readonly string[];
}

const STATE = "/run/pidbox";
const ENVIRONMENT = { PATH: process.env["PATH"] ?? "" };

/** mulberry32: the same moments for the same seed, as far as the machine repeats itself. */
function random(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function start(order: Order, argv: readonly string[]): Bun.Subprocess<"pipe", "pipe", "ignore"> {
  return Bun.spawn([order.pidbox, ...argv], { stdin: "pipe", stdout: "pipe", stderr: "ignore", env: ENVIRONMENT });
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The container's first process: the supervisor's child that is neither the guard of its terminal nor the relay of its ports. */
function initOf(supervisor: number): number | undefined {
  const children = text(`/proc/${supervisor}/task/${supervisor}/children`).split(" ").filter((word) => word !== "").map(Number);
  return children.find((pid) => !["pidbox-tty", "pidbox-port"].includes(text(`/proc/${pid}/comm`).trim()));
}

/** Lets the event loop go round for so many milliseconds: a moment that nobody can wait for otherwise. */
async function moment(milliseconds: number): Promise<void> {
  for (const end = performance.now() + milliseconds; performance.now() < end; ) await new Promise((resolve) => setImmediate(resolve));
}

/** gc leaves alone what is younger than ten seconds and may be starting or ending; here nothing does, so it is made older. */
function age(): void {
  const old = Date.now() - 60_000;
  for (const id of readdirSync(`${STATE}/containers`)) {
    const directory = join(STATE, "containers", id);
    const status = existsSync(`${directory}/status`) ? readFileSync(`${directory}/status`) : undefined;
    if (status !== undefined && status.length >= RECORD.size) {
      status.writeBigUInt64LE(BigInt(old) * 1_000_000n, RECORD.ended);
      writeFileSync(`${directory}/status`, status);
    }
    utimesSync(directory, old / 1000, old / 1000);
  }
}

/** Calls gc until nothing is left: what is still being killed holds its lock, and counts as alive that long. */
async function collect(order: Order, before: readonly string[]): Promise<void> {
  for (const end = performance.now() + PATIENCE; performance.now() < end; ) {
    age();
    await Bun.spawn([order.pidbox, "gc"], { stdin: "ignore", stdout: "ignore", stderr: "inherit", env: ENVIRONMENT }).exited;
    if (traces(daily(STATE)).every((trace) => before.includes(trace))) return;
  }
}

async function killOne(order: Order, next: () => number): Promise<string> {
  // Some end by themselves, so that Bun is there once more to say why.
  const short = order.what === "kill-first" && next() < 0.5;
  const child = start(order, [...order.verb, "sh", "-c", short ? "exit 3" : "sleep 1000 & exec cat"]);
  if (order.what === "kill-init") {
    let init = initOf(child.pid);
    // More often than until() would look: the first milliseconds count.
    for (const end = performance.now() + PATIENCE; init === undefined && performance.now() < end; init = initOf(child.pid)) await moment(0.1);
    if (init === undefined) throw new Error("no first process came");
    await moment(next() * 12);
    process.kill(init, "SIGKILL");
  } else {
    // The same process is Bun first, for some six milliseconds, then the supervisor.
    await moment(next() * 40);
    child.kill("SIGKILL");
  }
  await child.exited;
  return String(child.signalCode ?? child.exitCode);
}

/** SIGTERM as fast as possible, from the first moment to the end. */
async function stormOne(order: Order, next: () => number): Promise<string> {
  const child = start(order, ["do", "sh", "-c", "exec cat"]);
  await moment(next() * 20);
  while (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGTERM");
    await moment(0.05);
  }
  await child.exited;
  return String(child.signalCode ?? child.exitCode);
}

/** Containers whose program ran and whose end is not in the journal of events just once, or that were removed twice. */
function wrongLives(): string[] {
  const entries = text(`${STATE}/events`).split("\n").map(parseEntry).filter((entry) => entry !== undefined);
  return [...Map.groupBy(entries, ({ id }) => id)].flatMap(([id, lines]) => {
    const count = (action: string): number => lines.filter(({ actions }) => actions.includes(action)).length;
    const [starts, ends, removals] = [count("start"), count("die"), count("destroy")];
    return (starts === 1 && ends !== 1) || starts > 1 || ends > 1 || removals > 1 ? [`${id} has ${starts} starts, ${ends} ends, ${removals} removals`] : [];
  });
}

const kindOf = (trace: string): string => trace.split(" ")[0] ?? "";

async function many(order: Order, before: readonly string[]): Promise<Result> {
  const [problems, held]: [string[], ReturnType<typeof start>[]] = [[], []];
  const starters = Array.from({ length: 4 }, async () => {
    while (held.length < order.count) {
      const child = start(order, ["do", "sh", "-c", "echo up; exec cat"]);
      held.push(child);
      const { value } = await child.stdout.getReader().read();
      if (new TextDecoder().decode(value) !== "up\n") problems.push(`container ${held.length} did not start`);
    }
  });
  await Promise.all(starters);
  const now = traces(daily(STATE)).filter((trace) => !before.includes(trace));
  const containers = now.filter((trace) => new RegExp(`^state ${STATE}/containers/[0-9a-f]{64}$`).test(trace)).length;
  if (containers !== held.length) problems.push(`${containers} of ${held.length} containers have a state`);
  const inits = new Set(held.map((child) => initOf(child.pid)));
  if (inits.size !== held.length || inits.has(undefined)) problems.push(`${inits.size} first processes`);
  const ends: Record<string, number> = {};
  for (const child of held) await child.stdin.end();
  for (const child of held) ends[String(await child.exited)] = (ends[String(await child.exited)] ?? 0) + 1;
  problems.push(...(await vanished(before, daily(STATE))));
  return { problems, ends, kinds: [...new Set(now.map(kindOf))].sort() };
}

async function repeat(order: Order, before: readonly string[]): Promise<Result> {
  const next = random(order.seed);
  const problems: string[] = [];
  const ends: Record<string, number> = {};
  for (let i = 0; i < order.count && problems.length === 0; i++) {
    const end = await (order.what === "storm" ? stormOne(order, next) : killOne(order, next));
    ends[end] = (ends[end] ?? 0) + 1;
    // What a signal other than SIGKILL ends takes itself away, unless Bun was there yet, which any signal ends.
    if (order.what === "kill-first" || (order.what === "storm" && end === "SIGTERM")) await collect(order, before);
    problems.push(...(await vanished(before, daily(STATE))).map((trace) => `after ${i + 1} (${end}): ${trace}`));
  }
  return { problems: [...problems, ...wrongLives()], ends, kinds: [] };
}

if (import.meta.main) {
  const order = JSON.parse(process.argv[2] ?? "") as Order;
  await Bun.spawn([order.pidbox, ...order.verb, "true"], { stdin: "ignore", env: ENVIRONMENT }).exited;
  const before = traces(daily(STATE));
  console.log(JSON.stringify(order.what === "many" ? await many(order, before) : await repeat(order, before)));
}
