/**
 * 500 containers of `sleep`, four at a time: how many start in a second, how long each takes to its program's first byte, and that nothing is left of them.
 * Needs root and busybox. Run: bun bench/many.ts [CONTAINERS] [AT_ONCE]
 */
import { existsSync, readlinkSync } from "node:fs";
import { readState, stateRoot } from "../src/engine/store.ts";
import type { ContainerState } from "../src/engine/store.ts";
import { BINARY, machine, median, quantile, requireHost, ROOT, scratch, table, writeResult } from "./measure.ts";
import { makeRootfs } from "./rootfs.ts";

const CONTAINERS = 500;
const AT_ONCE = 4;

interface Running {
  readonly directory: string;
  readonly state: ContainerState;
  /** Milliseconds from the start of pidbox to the first byte of the program. */
  readonly latency: number;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<number>;
}

async function start(rootfs: string, name: string): Promise<Running> {
  const begin = performance.now();
  const child = Bun.spawn([BINARY, "run", "--rm", "--name", name, `dir:${rootfs}`, "/bin/sh", "-c", "echo; exec /bin/sleep 1000000"], {
    cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe",
  });
  const first = await child.stdout.getReader().read();
  const latency = performance.now() - begin;
  if (first.done) throw new Error(`${name} ended before its program ran: ${await new Response(child.stderr).text()}`);
  const root = stateRoot(0, {});
  const directory = `${root}/containers/${readlinkSync(`${root}/names/${name}`)}`;
  const state = readState(directory);
  if (state === undefined) throw new Error(`${name} has no state`);
  return { directory, state, latency, kill: (signal) => child.kill(signal), exited: child.exited };
}

/** Runs `job` for 0 to count - 1, `atOnce` of them at any time. */
async function inParallel(count: number, atOnce: number, job: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await job(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** What is still on the host of containers that ended. A cgroup that is gone had no process left. */
function leftovers(all: readonly Running[]): string[] {
  return all.flatMap(({ directory, state }) => [directory, ...state.cgroups, ...state.names, ...state.reservations]).filter((path) => existsSync(path));
}

export interface ManyResult {
  readonly machine: Record<string, string | number>;
  readonly containers: number;
  readonly atOnce: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
  readonly stoppedPerSecond: number;
  readonly left: readonly string[];
}

export async function benchMany(count = CONTAINERS, atOnce = AT_ONCE): Promise<ManyResult> {
  requireHost("busybox");
  using folder = scratch();
  const rootfs = makeRootfs(folder.path);
  const all: Running[] = [];
  let [begin, started, stopping] = [performance.now(), 0, 0];
  try {
    await inParallel(count, atOnce, async (n) => void all.push(await start(rootfs, `bench-many-${process.pid}-${n}`)));
    started = performance.now() - begin;
  } finally {
    begin = performance.now();
    for (const one of all) one.kill("SIGTERM");
    await Promise.all(all.map((one) => one.exited));
    stopping = performance.now() - begin;
  }
  const latencies = all.map((one) => one.latency);
  const result = {
    machine: machine(), containers: count, atOnce, perSecond: count / (started / 1000), p50: median(latencies), p99: quantile(latencies, 0.99),
    slowest: Math.max(...latencies), stoppedPerSecond: count / (stopping / 1000), left: leftovers(all),
  };
  writeResult("many", result);
  return result;
}

export function manyTable(result: ManyResult): string {
  const numbers = [result.perSecond, result.p50, result.p99, result.slowest, result.stoppedPerSecond].map((value) => value.toFixed(1));
  const left = result.left.length === 0 ? "Nothing is left of them." : `LEFT: ${result.left.join(" ")}`;
  return `${table([`${result.containers} containers`, "started/s", "p50 ms", "p99 ms", "slowest ms", "stopped/s"], [[`pidbox run, ${result.atOnce} at a time`, ...numbers]])}\n\n${left}`;
}

if (import.meta.main) {
  const result = await benchMany(Number(process.argv[2] ?? CONTAINERS), Number(process.argv[3] ?? AT_ONCE));
  console.log(manyTable(result));
  if (result.left.length > 0) process.exitCode = 1;
}
