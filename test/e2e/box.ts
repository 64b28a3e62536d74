/** Containers of the built pidbox for tests: started, waited for until the program speaks, and ended by closing its standard input. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { RECORD } from "../../src/plan/op.ts";
import { BOUNDED, until } from "../until.ts";

const PIDBOX = join(import.meta.dir, "../../dist/pidbox");

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface How {
  /** A command that runs pidbox, such as setpriv. */
  readonly through?: readonly string[];
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

/** Runs pidbox to its end. */
export function pidbox(argv: readonly string[], options: How = {}): Ended {
  const { through = [], env = {}, cwd = "/" } = options;
  const child = Bun.spawnSync([...through, PIDBOX, ...argv], { stdin: "ignore", cwd, env: { PATH: process.env["PATH"] ?? "", ...env }, ...BOUNDED });
  return { code: child.exitCode, out: child.stdout.toString(), err: child.stderr.toString() };
}

/** Waits until the first line of `stream`; throws what `errors` holds if there is none. */
export async function firstLine(stream: ReadableStream<Uint8Array>, errors: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const part = await reader.read();
    if (part.done) throw new Error(`ended without a line: ${text}${await new Response(errors).text()}`);
    text += new TextDecoder().decode(part.value);
  }
  reader.releaseLock();
  return text.slice(0, text.indexOf("\n"));
}

export interface Running extends AsyncDisposable {
  /** PID of the process that was started: with pidbox, its supervisor. */
  readonly pid: number;
  readonly ended: Promise<number>;
}

const SAY = "echo up; exec cat";

/** Starts a command that says a line when it is up and ends when its standard input does. */
export async function start(command: readonly string[], options: { env?: Record<string, string>; cwd?: string } = {}): Promise<Running> {
  const env = { PATH: process.env["PATH"] ?? "", ...options.env };
  const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe", cwd: options.cwd ?? "/", env, ...BOUNDED });
  await firstLine(child.stdout, child.stderr);
  return {
    pid: child.pid, ended: child.exited,
    async [Symbol.asyncDispose]() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

/** Whether the supervisor has noted that its container runs: it does so when exec has succeeded, and the program may be the first to speak. */
function isRecorded(supervisor: number): boolean {
  try {
    const path = readdirSync(`/proc/${supervisor}/fd`).map((fd) => `/proc/${supervisor}/fd/${fd}`).find((fd) => readlinkSync(fd).endsWith("/status"));
    const record = path === undefined ? Buffer.alloc(0) : readFileSync(path);
    return record.length >= RECORD.size && record.readUInt32LE(RECORD.state) === 1;
  } catch (error) {
    // A descriptor that was closed while this looked.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Waits until gc would know the container of `supervisor` as one that lived. */
export async function recorded(supervisor: number): Promise<void> {
  await until(() => isRecorded(supervisor), "the supervisor's note that its container runs");
}

/** Starts `pidbox do|run FLAGS... [image] sh` and waits until it runs and its record says so. `flags` begins with the verb. */
export async function startBox(flags: readonly string[], image: readonly string[] = [], options: How = {}): Promise<Running> {
  const box = await start([...(options.through ?? []), PIDBOX, ...flags, ...image, "/bin/sh", "-c", SAY], options);
  await recorded(box.pid);
  return box;
}

/** A directory that goes at the end of its scope. */
export function temporary(): { readonly path: string } & Disposable {
  const path = mkdtempSync("/tmp/pidbox-e2e-");
  chmodSync(path, 0o755);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A root filesystem of busybox below `directory`. */
export function busyboxRoot(directory: string): string {
  const root = `${directory}/rootfs`;
  mkdirSync(`${root}/bin`, { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "/bin/busybox", `${root}/bin/busybox`);
  for (const name of ["sh", "cat", "true"]) symlinkSync("busybox", `${root}/bin/${name}`);
  for (const name of ["proc", "sys", "dev"]) mkdirSync(`${root}/${name}`);
  return root;
}

/** Host PID of the first child of a process that is in a deeper PID namespace. */
export function initOf(supervisor: number): number {
  const threads = readdirSync(`/proc/${supervisor}/task`);
  const children = threads.flatMap((thread) => readFileSync(`/proc/${supervisor}/task/${thread}/children`, "utf8").split(" ").filter((word) => word !== "").map(Number));
  const inner = children.find((pid) => /^NSpid:\t\d+\t\d+/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
  if (inner === undefined) throw new Error(`process ${supervisor} has no child in a PID namespace of its own`);
  return inner;
}

/** As JSON with names in order. */
export function sortedJson(value: unknown): string {
  const isPlain = (one: unknown): one is object => one instanceof Object && !Array.isArray(one);
  const order = (_name: string, one: unknown): unknown => {
    if (!isPlain(one)) return one;
    return Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  };
  return JSON.stringify(value, order);
}
