/**
 * What an audit costs: 10, 100 and 1,000 containers, which are plain PID namespaces with five processes each, beside `lsns` and `ps` over the same host.
 * docker-bench-security is not on Debian. Needs root. Run: bun bench/audit.ts [CONTAINERS...]
 */
import { BINARY, machine, median, ROOT, table, writeResult } from "./measure.ts";

const COUNTS = [10, 100, 1000];
const RUNS = 5;
/** Its processes: unshare outside; a shell, which is PID 1, and four of sleep inside. */
const CONTAINER = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", "for i in 1 2 3 4; do sleep 1000000 & done; echo; wait"];

export interface AuditCost {
  readonly name: string;
  readonly containers: number;
  /** Milliseconds of CPU and of time, medians; MiB at most. */
  readonly cpu: number;
  readonly wall: number;
  readonly memory: number;
}

async function cost(name: string, containers: number, command: readonly string[]): Promise<AuditCost> {
  const runs: { cpu: number; wall: number; memory: number }[] = [];
  for (let n = 0; n < RUNS; n++) {
    const begin = performance.now();
    const child = Bun.spawn([...command], { cwd: ROOT, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    await child.exited;
    const usage = child.resourceUsage();
    if (usage === undefined) throw new Error(`${name}: no usage`);
    runs.push({ cpu: Number(usage.cpuTime.total) / 1000, wall: performance.now() - begin, memory: usage.maxRSS / 2 ** 20 });
  }
  const memory = Math.max(...runs.map((run) => run.memory));
  return { name, containers, cpu: median(runs.map((run) => run.cpu)), wall: median(runs.map((run) => run.wall)), memory };
}

export interface AuditResult {
  readonly machine: Record<string, string | number>;
  readonly costs: readonly AuditCost[];
}

export async function benchAudit(counts: readonly number[] = COUNTS): Promise<AuditResult> {
  const started: Bun.Subprocess<"ignore", "pipe", "ignore">[] = [];
  const costs: AuditCost[] = [];
  try {
    for (const count of counts) {
      while (started.length < count) {
        const child = Bun.spawn([...CONTAINER], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
        started.push(child);
        await child.stdout.getReader().read();
      }
      costs.push(
        await cost("pidbox audit", count, [BINARY, "audit", "--format=json"]), await cost("lsns", count, ["lsns", "--json"]),
        await cost("ps", count, ["ps", "-eLf"]),
      );
    }
  } finally {
    for (const child of started) child.kill("SIGKILL");
    await Promise.all(started.map((child) => child.exited));
  }
  const result = { machine: machine(), costs };
  writeResult("audit", result);
  return result;
}

export function auditCostTable({ costs }: AuditResult): string {
  const rows = costs.map(({ name, containers, cpu, wall, memory }) => [name, `${containers}`, cpu.toFixed(0), wall.toFixed(0), memory.toFixed(0)]);
  return table(["", "containers", "CPU ms", "time ms", "memory MiB"], rows);
}

if (import.meta.main) console.log(auditCostTable(await benchAudit(process.argv.length > 2 ? process.argv.slice(2).map(Number) : COUNTS)));
