/**
 * What stays in memory for each running container beside its program: supervisor and PID 1, over 20 containers at once, and the kernel's share.
 * Needs root and busybox; runc and bubblewrap where installed. Run: bun bench/memory.ts [CONTAINERS]
 */
import { readdirSync, readFileSync } from "node:fs";
import { bubblewrapRootfs, makeBundle } from "./contestants.ts";
import { BINARY, machine, mean, median, requireHost, ROOT, run, scratch, table, writeResult } from "./measure.ts";
import { makeRootfs } from "./rootfs.ts";

const CONTAINERS = 20;
/** Prints a line when it runs, then ends with its input. */
const PROGRAM = ["/bin/sh", "-c", "echo; exec /bin/sort"];

/** KiB per container, means over all; `most` is the largest `proportional`. */
export interface Footprint {
  readonly name: string;
  readonly processes: number;
  readonly resident: number;
  readonly proportional: number;
  readonly most: number;
  /** Slab, stacks and page tables of the whole host before and after: other work on the machine shows in it. */
  readonly kernel: number;
}

const kib = (text: string, key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);

function kernelMemory(): number {
  const text = readFileSync("/proc/meminfo", "utf8");
  return kib(text, "Slab") + kib(text, "KernelStack") + kib(text, "PageTables") + kib(text, "Percpu");
}

/** The kernel frees namespaces and cgroups later than they end: waits until it is quiet, at most five seconds. */
async function settledKernelMemory(): Promise<number> {
  let last = kernelMemory();
  for (let n = 0; n < 20; n++) {
    await Bun.sleep(250);
    const now = kernelMemory();
    if (Math.abs(now - last) < 64) return now;
    last = now;
  }
  return last;
}

function children(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ")).filter((word) => word !== "").map(Number);
}

/** The processes from `pid` down, without the program itself. */
function overhead(pid: number): number[] {
  const below = children(pid);
  if (below.length === 0) return [];
  return [pid, ...below.flatMap(overhead)];
}

interface Started {
  readonly pid: number;
  stop(): Promise<void>;
}

/** A container in the background, which the started command leaves behind. */
function startKept(rootfs: string): Started {
  const id = run([BINARY, "run", "-d", "-i", `dir:${rootfs}`, ...PROGRAM]).trim();
  const pid = Number(run([BINARY, "inspect", "--format", "{{.Pidbox.Supervisor}}", id]));
  return {
    pid,
    stop: () => {
      run([BINARY, "rm", "-f", id]);
      return Promise.resolve();
    },
  };
}

async function start(command: readonly string[]): Promise<Started> {
  const child = Bun.spawn([...command], { cwd: ROOT, stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  const first = await reader.read();
  if (first.done) throw new Error(`${command[0]} ended before its program ran`);
  return {
    pid: child.pid,
    stop: async () => {
      await child.stdin.end();
      await child.exited;
    },
  };
}

async function footprint(name: string, count: number, begin: (n: number) => Promise<Started> | Started): Promise<Footprint> {
  // The first one makes what all share, such as parent cgroups.
  await (await begin(0)).stop();
  const before = await settledKernelMemory();
  const started: Started[] = [];
  try {
    for (let n = 1; n <= count; n++) started.push(await begin(n));
    const kernel = ((await settledKernelMemory()) - before) / count;
    const each = started.map(({ pid }) => {
      const processes = overhead(pid);
      const maps = processes.map((one) => readFileSync(`/proc/${one}/smaps_rollup`, "utf8"));
      const sum = (key: string): number => maps.reduce((total, text) => total + kib(text, key), 0);
      return { processes: processes.length, resident: sum("Rss"), proportional: sum("Pss") };
    });
    const proportional = each.map((one) => one.proportional);
    return {
      name, processes: median(each.map((one) => one.processes)), resident: mean(each.map((one) => one.resident)), proportional: mean(proportional),
      most: Math.max(...proportional), kernel,
    };
  } finally {
    await Promise.all(started.map((one) => one.stop()));
  }
}

export interface MemoryResult {
  readonly machine: Record<string, string | number>;
  readonly containers: number;
  readonly footprints: readonly Footprint[];
}

export async function benchMemory(count = CONTAINERS): Promise<MemoryResult> {
  requireHost("busybox");
  using folder = scratch();
  const rootfs = makeRootfs(folder.path);
  const footprints = [
    await footprint("pidbox run", count, () => start([BINARY, "run", "-i", "--rm", `dir:${rootfs}`, ...PROGRAM])),
    await footprint("pidbox run -d", count, () => startKept(rootfs)),
  ];
  if (Bun.which("bwrap") !== null) footprints.push(await footprint("bubblewrap", count, () => start(bubblewrapRootfs(rootfs, PROGRAM))));
  if (Bun.which("runc") !== null) {
    const bundle = makeBundle(folder.path, rootfs, PROGRAM);
    footprints.push(await footprint("runc run", count, (n) => start(["runc", "run", "--bundle", bundle, `pidbox-bench-${n}`])));
  }
  const result = { machine: machine(), containers: count, footprints };
  writeResult("memory", result);
  return result;
}

export function memoryTable(result: MemoryResult): string {
  const rows = result.footprints.map((f) => [f.name, String(f.processes), ...[f.resident, f.proportional, f.most, f.kernel].map((value) => value.toFixed(0))]);
  return `${table(["KiB per container", "processes", "RSS", "PSS", "most PSS", "kernel"], rows)}\n\nGoal: PSS of supervisor and PID 1 together < 150 KiB`;
}

if (import.meta.main) console.log(memoryTable(await benchMemory(Number(process.argv[2] ?? CONTAINERS))));
