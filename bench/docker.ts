/**
 * `docker run` from end to end, with runc and with pidbox-oci below the same daemon, timed by hyperfine in turns.
 * Needs root, dockerd, docker, hyperfine and busybox. Run: bun bench/docker.ts [ROUNDS]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { machine, median, quantile, requireHost, ROOT, run, scratch, table, writeResult } from "./measure.ts";
import { makeRootfs } from "./rootfs.ts";

const RUNS = 5;
const ROUNDS = 6;
const RUNTIMES = ["runc", "pidbox"] as const;

export interface DockerResult {
  readonly machine: Record<string, string | number>;
  /** Milliseconds of `docker run --rm IMAGE true`. */
  readonly timings: readonly { readonly runtime: string; readonly median: number; readonly least: number; readonly p90: number; readonly samples: number }[];
}

/** A daemon with directories and a socket of its own; no bridge, for the network is not what is measured. */
async function startDaemon(folder: string): Promise<{ readonly docker: readonly string[]; stop(): Promise<void> }> {
  const config = join(folder, "daemon.json");
  const socket = join(folder, "docker.sock");
  writeFileSync(config, JSON.stringify({
    runtimes: { pidbox: { path: join(ROOT, "dist/pidbox-oci") } }, "exec-opts": ["native.cgroupdriver=cgroupfs"], bridge: "none", iptables: false,
  }));
  const own = ["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec"), "--pidfile", join(folder, "pid")];
  const daemon = Bun.spawn(["dockerd", "--config-file", config, ...own, "-H", `unix://${socket}`], {
    stdin: "ignore", stdout: "ignore", stderr: Bun.file(join(folder, "log")),
  });
  const docker = ["docker", "-H", `unix://${socket}`];
  while (Bun.spawnSync([...docker, "version"], { stdout: "ignore", stderr: "ignore" }).exitCode !== 0) {
    if (daemon.exitCode !== null) throw new Error(`dockerd ended: ${readFileSync(join(folder, "log"), "utf8").slice(-2000)}`);
  }
  return {
    docker,
    async stop() {
      daemon.kill("SIGTERM");
      await daemon.exited;
      if (existsSync(join(folder, "data"))) Bun.spawnSync(["umount", "-l", join(folder, "data/overlay2")], { stderr: "ignore" });
    },
  };
}

export async function benchDocker(count = ROUNDS): Promise<DockerResult> {
  requireHost("dockerd", "docker", "hyperfine", "busybox");
  using folder = scratch();
  const rootfs = makeRootfs(folder.path);
  mkdirSync(join(folder.path, "exec"));
  const daemon = await startDaemon(folder.path);
  let version = "";
  const samples = new Map<string, number[]>(RUNTIMES.map((runtime) => [runtime, []]));
  try {
    run(["sh", "-c", `tar -C ${rootfs} -c . | ${daemon.docker.join(" ")} import - bench`]);
    version = run([...daemon.docker, "version", "--format", "{{.Server.Version}}, client {{.Client.Version}}"]).trim();
    const report = join(folder.path, "hyperfine.json");
    const commands = RUNTIMES.map((runtime) => [...daemon.docker, "run", "--rm", "--network=none", `--runtime=${runtime}`, "bench", "/bin/true"].join(" "));
    for (let n = 0; n < count; n++) {
      run(["hyperfine", "--shell=none", "--style=none", "--warmup=1", `--runs=${RUNS}`, `--export-json=${report}`, ...commands]);
      const { results } = JSON.parse(readFileSync(report, "utf8")) as { readonly results: readonly { readonly times: readonly number[] }[] };
      RUNTIMES.forEach((runtime, i) => samples.get(runtime)?.push(...(results[i]?.times ?? []).map((seconds) => seconds * 1000)));
    }
  } finally {
    await daemon.stop();
  }
  const timings = [...samples].map(([runtime, times]) => ({
    runtime, median: median(times), least: Math.min(...times), p90: quantile(times, 0.9), samples: times.length,
  }));
  const result = { machine: { ...machine(), docker: version }, timings };
  writeResult("docker", result);
  return result;
}

export function dockerTable(result: DockerResult): string {
  const rows = result.timings.map((one) => [one.runtime, ...[one.median, one.least, one.p90].map((ms) => ms.toFixed(0))]);
  return table(["docker run --rm, ms", "median", "least", "p90"], rows);
}

if (import.meta.main) console.log(dockerTable(await benchDocker(Number(process.argv[2] ?? ROUNDS))));
