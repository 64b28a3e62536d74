/**
 * How long `exec` takes in a container that keeps every processor busy and has little memory to spare: what a health check meets.
 * Needs root, runc and busybox. Run: bun bench/exec-latency.ts [EXECS]
 */
import { cpus } from "node:os";
import { join } from "node:path";
import { makeBundle } from "./contestants.ts";
import { machine, quantile, requireHost, ROOT, run, scratch, table, writeResult } from "./measure.ts";
import { makeRootfs } from "./rootfs.ts";

const EXECS = 60;
const RUNTIMES: Readonly<Record<string, string>> = { runc: "runc", pidbox: join(ROOT, "dist/pidbox-oci") };
const ID = "bench-busy";

export interface LatencyResult {
  readonly machine: Record<string, string | number>;
  readonly latencies: readonly { readonly runtime: string; readonly p50: number; readonly p90: number; readonly p99: number; readonly most: number }[];
}

export function benchExecLatency(count = EXECS): LatencyResult {
  requireHost("runc", "busybox");
  using folder = scratch();
  const rootfs = makeRootfs(folder.path);
  const busy = cpus().map(() => "while :; do :; done &").join(" ");
  const bundle = makeBundle(folder.path, rootfs, ["/bin/sh", "-c", `${busy} wait`], { users: false });
  const samples = new Map(Object.keys(RUNTIMES).map((name): [string, number[]] => [name, []]));
  const words = (name: string, ...rest: readonly string[]): string[] => [RUNTIMES[name] ?? "", "--root", join(folder.path, name), ...rest];
  try {
    for (const name of samples.keys()) {
      // One container at a time is busy, and its runtime's execs are in it.
      run(["sh", "-c", `${words(name, "run", "-d", "--bundle", bundle, ID).join(" ")} </dev/null >/dev/null 2>&1`]);
      for (let i = 0; i < count; i++) {
        const begin = performance.now();
        run(words(name, "exec", ID, "/bin/true"));
        samples.get(name)?.push(performance.now() - begin);
      }
      run(words(name, "delete", "-f", ID));
    }
  } finally {
    for (const name of samples.keys()) Bun.spawnSync(words(name, "delete", "-f", ID));
  }
  const latencies = [...samples].map(([runtime, times]) => ({
    runtime, p50: quantile(times, 0.5), p90: quantile(times, 0.9), p99: quantile(times, 0.99), most: Math.max(...times),
  }));
  const result = { machine: machine(), latencies };
  writeResult("exec-latency", result);
  return result;
}

export function latencyTable(result: LatencyResult): string {
  return table(["exec in a busy container, ms", "p50", "p90", "p99", "most"], result.latencies.map((one) => [
    one.runtime, one.p50.toFixed(1), one.p90.toFixed(1), one.p99.toFixed(1), one.most.toFixed(1),
  ]));
}

if (import.meta.main) console.log(latencyTable(benchExecLatency(Number(process.argv[2] ?? EXECS))));
