/** pidbox-oci and runc for tests, each with a root directory of its own, and containers made by hand around a process of the test. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeFifos, reserveContainer, writeRuntimeState } from "../../src/engine/runtime-store.ts";
import { close } from "../../src/kernel/file.ts";
import type { Config } from "../../src/spec/runtime-config.ts";
import { BOUNDED } from "../until.ts";

export const PIDBOX_OCI = join(import.meta.dir, "../../dist/pidbox-oci");
export const RUNC = Bun.which("runc") ?? "/usr/sbin/runc";

/** For tests that want the same of both. */
export const RUNTIMES = ["pidbox", "runc"] as const;

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface How {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
}

/** Runs a runtime to its end. */
export function run(program: string, argv: readonly string[], { env = {}, cwd = "/", stdin }: How = {}): Result {
  const input = stdin === undefined ? "ignore" : Buffer.from(stdin);
  const child = Bun.spawnSync([program, ...argv], { stdin: input, cwd, env: { PATH: process.env["PATH"] ?? "", ...env }, ...BOUNDED });
  return { code: child.exitCode, out: child.stdout.toString(), err: child.stderr.toString() };
}

/** The `msg` of a line in logrus' text form, or undefined. */
export function messageOf(err: string): string | undefined {
  const match = /^time="[^"]+" level=(?:error|warning) msg="((?:[^"\\]|\\.)*)"\n$/.exec(err);
  return match === null ? undefined : (JSON.parse(`"${match[1] ?? ""}"`) as string);
}

export interface Root extends Disposable {
  readonly path: string;
  oci(...argv: readonly string[]): Result;
}

/** A root directory for state, in a directory of its own. */
export function temporaryRoot(): Root {
  const path = mkdtempSync("/tmp/pidbox-oci-test-");
  const root = join(path, "root");
  return {
    path: root,
    oci: (...argv) => run(PIDBOX_OCI, ["--root", root, ...argv]),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

export interface HandMade extends AsyncDisposable {
  readonly pid: number;
  readonly directory: string;
  readonly ended: Promise<number>;
  /** SIGKILL, and waits. */
  kill(): Promise<void>;
}

export interface Making {
  /** It waits for `start`. */
  readonly created?: boolean;
  readonly cgroups?: readonly string[];
  readonly config?: Partial<Config>;
  readonly command?: readonly string[];
}

/** Writes the state of a container whose first process is one of the test's own, `cat` if nothing else is said. */
export function handMade(root: string, id: string, making: Making = {}): HandMade {
  const child = Bun.spawn([...(making.command ?? ["cat"])], { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
  const { directory, lock } = reserveContainer(root, id);
  const config: Config = { ociVersion: "1.2.0", root: { path: "rootfs" }, linux: { namespaces: [{ type: "pid" }] }, ...making.config };
  const bundle = "/bundle of <it>";
  writeRuntimeState(directory, {
    version: 1, id, bundle, rootfs: `${bundle}/rootfs`, created: 1_790_000_000_123, owner: 0, rootless: false, config, cgroups: making.cgroups ?? [],
  });
  makeFifos(directory);
  // In the place of a first process that waits: opened for both, as it does.
  const waiting = making.created === true ? openSync(join(directory, "start"), "r+") : undefined;
  if (waiting === undefined) rmSync(join(directory, "start"));
  writeFileSync(join(directory, "init"), readFileSync(`/proc/${child.pid}/stat`, "utf8"));
  close(lock);
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  const dispose = async (): Promise<void> => {
    await kill();
    if (waiting !== undefined) closeSync(waiting);
  };
  return { pid: child.pid, directory, ended: child.exited, kill, [Symbol.asyncDispose]: dispose };
}
