/**
 * Where the time of a start goes below Bun: each op of the plan, timed by the processor's own counter while the floor runs it, without a tracer.
 * Needs root, busybox and a C compiler. Run: bun bench/profile.ts [do|run] [RUNS]
 */
import { join } from "node:path";
import { decodePlan } from "../src/plan/decode.ts";
import type { DecodedPlan } from "../src/plan/decode.ts";
import { opText } from "../src/plan/explain.ts";
import { buildFloor } from "./floor.ts";
import { readyImage } from "./image.ts";
import type { ReadyImage } from "./image.ts";
import { median, requireHost, run, scratch, table } from "./measure.ts";
import { makeRootfs } from "./rootfs.ts";

/** floor.c's struct event: op, process, ticks. */
interface Event {
  readonly op: number;
  readonly process: number;
  readonly ticks: number;
}

interface Span {
  readonly op: number;
  readonly process: number;
  readonly microseconds: number;
}

/** Events that are not ops: floor.c's enum. */
const MOMENTS: Readonly<Record<number, string>> = { 10000: "after the program began: record, wait for the end", 10001: "after the end: wait, record", 10002: "end of PID 1" };

function parseEvents(bytes: Uint8Array): Event[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = Math.min(4095, Number(view.getBigUint64(0, true)));
  return Array.from({ length: count }, (_, i) => {
    const at = 8 + 16 * i;
    return { op: view.getUint32(at, true), process: view.getUint32(at + 4, true), ticks: Number(view.getBigUint64(at + 8, true)) };
  });
}

/** Each event lasts until the next of the same process; the last of a process has no known end and is left out. */
function spansOf(events: readonly Event[], ticksPerMicrosecond: number): Span[] {
  return events.flatMap((event, i) => {
    const next = events.slice(i + 1).find((other) => other.process === event.process);
    return next === undefined ? [] : [{ op: event.op, process: event.process, microseconds: (next.ticks - event.ticks) / ticksPerMicrosecond }];
  });
}

/** One traced run: events, and the length of the whole in microseconds by the clock. */
function traced(image: ReadyImage, program: string): { events: Event[]; microseconds: number } {
  run(["sh", image.prepare]);
  const begin = Bun.nanoseconds();
  const result = Bun.spawnSync(["sh", "-c", `exec 3</dev/null 4</dev/null 5</dev/null; exec ${program}`], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const microseconds = (Bun.nanoseconds() - begin) / 1000;
  if (result.exitCode !== 0) throw new Error(`floor: ${result.stderr.toString()}`);
  return { events: parseEvents(result.stderr), microseconds };
}

/** Ticks of the counter in a microsecond, as the kernel measured the processor's. */
function tickRate(): number {
  const found = /^cpu MHz\s*:\s*([\d.]+)/m.exec(run(["cat", "/proc/cpuinfo"]))?.[1];
  const reported = /tsc: Refined TSC clocksource calibration: ([\d.]+) MHz|tsc: Detected ([\d.]+) MHz/.exec(Bun.spawnSync(["dmesg"]).stdout.toString());
  const rate = Number(reported?.[1] ?? reported?.[2] ?? found);
  if (!(rate > 0)) throw new Error("The rate of the processor's counter is not known");
  return rate;
}

function nameOf(plan: DecodedPlan, op: number): string {
  const found = plan.ops[op];
  return found === undefined ? (MOMENTS[op] ?? String(op)) : opText(plan, found).slice(0, 90);
}

const PROCESSES = ["supervisor", "container", "program"];

export async function profile(verb: "do" | "run", runs: number): Promise<string> {
  requireHost("busybox");
  using folder = scratch();
  const below = join(folder.path, verb);
  const image = verb === "do" ? await readyImage(below, ["do"], "") : await readyImage(below, ["run", "-i", "--rm", `dir:${makeRootfs(folder.path)}`], "/bin/");
  try {
    const program = join(below, "traced");
    buildFloor(image.plan, below, program, true);
    const rate = tickRate();
    const samples = new Map<string, number[]>();
    for (let n = 0; n < runs; n++) {
      const sums = new Map<string, number>();
      for (const span of spansOf(traced(image, program).events, rate)) {
        const key = `${span.process} ${span.op}`;
        sums.set(key, (sums.get(key) ?? 0) + span.microseconds);
      }
      for (const [key, sum] of sums) samples.set(key, [...(samples.get(key) ?? []), sum]);
    }
    return profileTables(decodePlan(image.plan), samples);
  } finally {
    image.remove();
  }
}

function profileTables(plan: DecodedPlan, samples: ReadonlyMap<string, readonly number[]>): string {
  const rows = [...samples].map(([key, values]) => {
    const [process = 0, op = 0] = key.split(" ").map(Number);
    return { process, op, microseconds: median(values) };
  });
  const totals = PROCESSES.map((name, i) => `${name} ${rows.filter((row) => row.process === i).reduce((sum, row) => sum + row.microseconds, 0).toFixed(0)}`);
  const causes = new Map<string, { count: number; sum: number }>();
  for (const row of rows) {
    const key = `${PROCESSES[row.process]}: ${plan.ops[row.op]?.from ?? MOMENTS[row.op] ?? ""}`;
    const old = causes.get(key) ?? { count: 0, sum: 0 };
    causes.set(key, { count: old.count + 1, sum: old.sum + row.microseconds });
  }
  const byCause = [...causes].toSorted((a, b) => b[1].sum - a[1].sum).slice(0, 25).map(([name, { count, sum }]) => [name, String(count), sum.toFixed(0)]);
  const byOp = rows.toSorted((a, b) => b.microseconds - a.microseconds).slice(0, 30)
    .map((row) => [`${PROCESSES[row.process]}: ${row.op} ${nameOf(plan, row.op)}`, row.microseconds.toFixed(0)]);
  return `Microseconds (medians), waits included: ${totals.join(", ")}\n\n${table(["op", "us"], byOp)}\n\n${table(["from", "ops", "us"], byCause)}`;
}

if (import.meta.main) console.log(await profile(process.argv[2] === "run" ? "run" : "do", Number(process.argv[3] ?? 20)));
