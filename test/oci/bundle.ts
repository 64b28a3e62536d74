/** Real containers for tests: a bundle with busybox, created and started by a runtime, and deleted at the end of its scope. */
import { chmodSync, closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { exampleConfig } from "../../src/spec/example-config.ts";
import type { Config } from "../../src/spec/runtime-config.ts";
import { removeCgroups } from "../cgroups.ts";
import { PIDBOX_OCI, run } from "./runtime.ts";
import type { Result } from "./runtime.ts";

const APPLETS = ["sh", "cat", "sleep", "true", "ps", "yes", "dd", "kill"];

export interface Bundle extends Disposable {
  readonly path: string;
  /** State directory of both runtimes in this bundle. */
  readonly root: string;
}

/** The words of a program as what a config says of it. */
export function running(...args: readonly string[]): (config: Config) => Config {
  return (config) => ({ ...config, process: { ...config.process, cwd: "/", terminal: false, args } });
}

export function makeBundle(...edits: readonly ((config: Config) => Config)[]): Bundle {
  const path = mkdtempSync("/tmp/pidbox-bundle-");
  const bin = join(path, "rootfs/bin");
  mkdirSync(bin, { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "/bin/busybox", join(bin, "busybox"));
  for (const name of APPLETS) symlinkSync("busybox", join(bin, name));
  chmodSync(path, 0o755);
  // A version that every runtime takes.
  const config = edits.reduce((made, edit) => edit(made), running("sleep", "1000")(exampleConfig("1.0.2", false)));
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  const dispose = (): void => {
    const left = removeCgroups(cgroupOf(path));
    rmSync(path, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left behind: ${left.join(" ")}`);
  };
  return { path, root: join(path, "state"), [Symbol.dispose]: dispose };
}

/** PIDs of the processes that have something of the bundle mounted. */
export function processesIn(bundle: Bundle): string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/mountinfo`, "utf8").includes(bundle.path);
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}

export interface Container extends Disposable {
  readonly id: string;
  readonly pid: number;
  /** A command of the runtime about this container: `words` with the id in the place of `ID`. */
  call(...words: readonly string[]): Result;
}

/** What the names of the cgroups of a bundle's containers begin with. */
function cgroupOf(bundle: string): string {
  return `${basename(bundle)}-`;
}

/** A cgroup that no other run of the tests on this machine has, unless the config names one. */
function placeCgroup(bundle: Bundle, id: string): void {
  const path = join(bundle.path, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as Config;
  const own = `/${cgroupOf(bundle.path)}`;
  if (config.linux?.cgroupsPath?.startsWith(own) === false) return;
  writeFileSync(path, JSON.stringify({ ...config, linux: { ...config.linux, cgroupsPath: own + id } }));
}

/** Creates a container; its program writes to BUNDLE/output. */
export function create(bundle: Bundle, id: string, program = PIDBOX_OCI): Container {
  placeCgroup(bundle, id);
  const output = openSync(join(bundle.path, "output"), "a");
  const pidFile = join(bundle.path, `${id}.pid`);
  const words = ["--root", bundle.root, "create", "--bundle", bundle.path, "--pid-file", pidFile, id];
  const made = Bun.spawnSync([program, ...words], { stdin: "ignore", stdout: output, stderr: output });
  closeSync(output);
  if (made.exitCode !== 0) throw new Error(`${program} create: ${readFileSync(join(bundle.path, "output"), "utf8")}`);
  const call = (...argv: readonly string[]): Result => run(program, ["--root", bundle.root, ...argv.map((word) => (word === "ID" ? id : word))]);
  return { id, pid: Number(readFileSync(pidFile, "utf8")), call, [Symbol.dispose]: () => void call("delete", "-f", "ID") };
}

/** Creates and starts. */
export function start(bundle: Bundle, id: string, program = PIDBOX_OCI): Container {
  const container = create(bundle, id, program);
  const started = container.call("start", "ID");
  if (started.code !== 0) throw new Error(`${program} start: ${started.err}`);
  return container;
}
