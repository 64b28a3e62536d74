/**
 * Containers of a runtime with runc's command line, for the cases of the specification: bundles with a root filesystem of busybox and `probe`
 * (probe.c), the five operations, and what a container leaves. This process is their subreaper: a container's first process is its child once the
 * runtime that created it has gone.
 */
import {
  chmodSync, closeSync, existsSync, linkSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync, symlinkSync, writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { SYSCALLS } from "../../src/kernel/abi/host.ts";
import { address, syscall } from "../../src/kernel/ffi.ts";
import { BOUNDED, emptied, until } from "../until.ts";
import { BASE, merge, type Patch } from "./config.ts";

export type RuntimeName = "pidbox" | "runc";
export const BUILT = join(import.meta.dir, "..", "..", "dist", "pidbox-oci");

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;
const APPLETS = ["sh", "cat", "echo", "true", "false", "sleep", "env", "stty", "ls", "id"];

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Descriptors from 3 on. */
  readonly descriptors?: readonly number[];
  /** Put before the command line. */
  readonly before?: readonly string[];
}

/** The state of the specification, as a runtime prints it. */
export interface State {
  readonly ociVersion?: unknown;
  readonly id?: unknown;
  readonly status?: unknown;
  readonly pid?: number;
  readonly bundle?: unknown;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

function readOr(path: string, absent = ""): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return absent;
  }
}

/** Children that Bun waits for, and how others ended, for cases run at the same time. */
const spawned = new Set<number>();
const endings = new Map<number, string>();

/** Bun.spawn() of a process that reapAll() leaves alone. */
export function spawn(command: readonly string[], options: Bun.Spawn.SpawnOptions<Bun.Spawn.Writable, Bun.Spawn.Readable, Bun.Spawn.Readable>): Bun.Subprocess {
  const child = Bun.spawn([...command], options);
  spawned.add(child.pid);
  void child.exited.then(() => spawned.delete(child.pid));
  return child;
}

/** wait4(2) without waiting: how a child ended, undefined while it runs or is none of ours. */
function reap(pid: number): string | undefined {
  const before = endings.get(pid);
  const status = new Int32Array(1);
  if (before !== undefined || syscall(SYSCALLS.wait4, pid, address(status), WNOHANG) !== pid) return before;
  const word = status[0] ?? 0;
  const ending = (word & 0x7f) === 0 ? `exit ${(word >> 8) & 0xff}` : `signal ${word & 0x7f}`;
  endings.set(pid, ending);
  return ending;
}

/** A root filesystem of hard links: cheap to make for each bundle, and what a container writes stays its own. */
function makeRootfs(root: string, programs: string): void {
  for (const folder of ["bin", "dev", "etc", "proc", "sys", "tmp", "mnt", "home"]) mkdirSync(`${root}/${folder}`, { recursive: true, mode: 0o755 });
  // For containers whose root is another user outside.
  for (const folder of ["mnt", "home", "tmp"]) chmodSync(`${root}/${folder}`, 0o777);
  for (const name of ["busybox", "probe"]) linkSync(`${programs}/${name}`, `${root}/bin/${name}`);
  for (const applet of APPLETS) symlinkSync("busybox", `${root}/bin/${applet}`);
  writeFileSync(`${root}/etc/passwd`, "root:x:0:0:root:/home:/bin/sh\n");
}

/** An unprivileged caller must be able to reach the binary, which below a checkout in /root it cannot. */
function reachable(programs: string): string {
  const copy = `${programs}/pidbox-oci`;
  return existsSync(copy) ? copy : BUILT;
}

/** The containers of one case. */
export class Bench {
  readonly runtime: RuntimeName;
  readonly directory: string;
  /** State directory of the runtime. */
  readonly root: string;
  /** The part of `linux.cgroupsPath` that containers of this case share. */
  readonly cgroup: string;
  /** `probe` for the host, as a hook or to look at a namespace from outside. */
  readonly probe: string;
  readonly #program: string;
  /** Directory of the programs that openPrograms() made. */
  readonly programs: string;
  readonly #containers: Container[] = [];
  #files = 0;

  constructor(runtime: RuntimeName, programs: string) {
    this.runtime = runtime;
    this.#program = runtime === "runc" ? "runc" : reachable(programs);
    this.programs = programs;
    this.probe = `${programs}/probe`;
    this.directory = mkdtempSync("/tmp/pidbox-conformance-");
    chmodSync(this.directory, 0o755);
    this.root = `${this.directory}/state`;
    this.cgroup = `/pidbox-conformance-${this.directory.slice(-6)}`;
  }

  command(args: readonly string[], before: readonly string[] = []): string[] {
    return [...before, this.#program, "--root", this.root, ...args];
  }

  /** Runs a command of the runtime to its end. Streams are files, for a container keeps those that `create` had. */
  async run(args: readonly string[], options: CommandOptions = {}): Promise<Ended & { readonly output: string }> {
    const base = `${this.directory}/${this.#files++}`;
    writeFileSync(`${base}.in`, options.input ?? "");
    const child = spawn(this.command(args, options.before), {
      cwd: options.cwd ?? this.directory, env: { PATH: process.env["PATH"] ?? "", ...options.env },
      stdio: [Bun.file(`${base}.in`), Bun.file(`${base}.out`), Bun.file(`${base}.err`), ...(options.descriptors ?? [])],
      ...BOUNDED,
    });
    const code = await child.exited;
    return { code, out: readOr(`${base}.out`), err: readOr(`${base}.err`), output: `${base}.out` };
  }

  /** A bundle with a root filesystem of its own, and a container that is not created yet. */
  container(patch: Patch = {}, id = `c${this.#containers.length}`): Container {
    const bundle = `${this.directory}/bundle${this.#containers.length}`;
    mkdirSync(bundle, { mode: 0o755 });
    makeRootfs(`${bundle}/rootfs`, this.programs);
    const config = merge(merge(BASE, { linux: { cgroupsPath: `${this.cgroup}/${id}` } }), patch);
    const made = new Container(this, id, bundle, config);
    this.#containers.push(made);
    made.write();
    return made;
  }

  /** Runs a container whose program answers `queries`; its answers by query. Anything but success is an error that shows what the runtime said. */
  async look(patch: Patch, queries: readonly string[], options: CommandOptions & { readonly flags?: readonly string[] } = {}): Promise<Record<string, string>> {
    const container = this.container(merge(patch, { process: { args: ["/bin/probe", ...queries] } }));
    const { code, out, err } = await container.run(options);
    if (code !== 0) throw new Error(`run ended with ${code}: ${err.trim()} ${out.trim()}`);
    return answers(out);
  }

  /** The directories of a container's cgroup that exist, one per hierarchy, by controller (`unified` for version 2). */
  cgroups(id: string): Record<string, string> {
    const unified = existsSync("/sys/fs/cgroup/cgroup.controllers");
    const places = unified ? [["unified", "/sys/fs/cgroup"]] : directories("/sys/fs/cgroup").map((name) => [name, `/sys/fs/cgroup/${name}`]);
    return Object.fromEntries(places.map(([name = "", path = ""]) => [name, `${path}${this.cgroup}/${id}`]).filter(([, path]) => path !== undefined && existsSync(path)));
  }

  /** What containers have left: state, cgroups, mounts, processes. */
  leftovers(): string[] {
    const state = existsSync(this.root) ? readdirSync(this.root) : [];
    const groups = Object.values(this.cgroups("")).flatMap((path) => directories(path).map((name) => `cgroup ${path}${name}`));
    const mounts = readOr("/proc/self/mountinfo").split("\n").filter((line) => line.includes(this.directory)).map((line) => `mount ${line}`);
    const alive = this.#containers.flatMap(({ pids }) => [...pids]).filter((pid) => reap(pid) === undefined && isAlive(pid)).map((pid) => `process ${pid}`);
    return [...state.map((id) => `state of ${id}`), ...groups, ...mounts, ...alive];
  }

  /** Ends what the case left running and removes everything. Returns what the runtime could not remove. */
  async close(): Promise<string[]> {
    // What does not end is seen by leftovers().
    for (const container of this.#containers) await container.destroy().catch(() => undefined);
    reapAll();
    const left = await emptied(() => this.leftovers());
    // A relative path may be below the cgroup of the caller, whose parents a runtime leaves.
    const own = readOr("/proc/self/cgroup").trim().split("\n").map((line) => line.split(":")[2] ?? "/");
    for (const top of ["", ...directories("/sys/fs/cgroup")]) for (const path of ["", ...own]) removeEmpty(`/sys/fs/cgroup/${top}${path}${this.cgroup}`);
    rmSync(this.directory, { recursive: true, force: true });
    return left;
  }
}

function directories(path: string): string[] {
  return existsSync(path) ? readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name) : [];
}

function removeEmpty(path: string): void {
  if (!existsSync(path)) return;
  for (const name of directories(path)) removeEmpty(`${path}/${name}`);
  try {
    rmdirSync(path);
  } catch {
    // A process is still in it: leftovers() has said so.
  }
}

/** Whether a process is there and no zombie. */
export function isAlive(pid: number): boolean {
  const state = /^State:\t(\w)/m.exec(readOr(`/proc/${pid}/status`))?.[1];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** Fetches the exit status of every orphan that has ended. */
function reapAll(): void {
  for (const task of readdirSync("/proc/self/task")) {
    const children = readOr(`/proc/self/task/${task}/children`).split(" ").filter((word) => word !== "").map(Number);
    for (const child of children) if (!spawned.has(child) && !isAlive(child)) reap(child);
  }
}

/** Lines `query=value` as a record. */
export function answers(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.includes("="));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

export class Container {
  readonly id: string;
  readonly bundle: string;
  readonly pids = new Set<number>();
  config: Patch;
  /** Put before every command line of this container, such as a change of user. */
  before: readonly string[] = [];
  readonly #bench: Bench;
  #output = "";

  constructor(bench: Bench, id: string, bundle: string, config: Patch) {
    this.#bench = bench;
    this.id = id;
    this.bundle = bundle;
    this.config = config;
  }

  /** Writes config.json; a string replaces its whole text. */
  write(text?: string): void {
    writeFileSync(`${this.bundle}/config.json`, text ?? JSON.stringify(this.config, null, 1));
  }

  get rootfs(): string {
    return `${this.bundle}/rootfs`;
  }

  #run(args: readonly string[], options: CommandOptions = {}): Promise<Ended & { readonly output: string }> {
    return this.#bench.run(args, { ...options, before: [...(options.before ?? []), ...this.before] });
  }

  async create(options: CommandOptions & { readonly flags?: readonly string[] } = {}): Promise<Ended> {
    const pidFile = `${this.bundle}/pid`;
    const ended = await this.#run(["create", "--bundle", this.bundle, "--pid-file", pidFile, ...(options.flags ?? []), this.id], options);
    this.#output = ended.output;
    if (existsSync(pidFile)) this.pids.add(Number(readFileSync(pidFile, "utf8")));
    return ended;
  }

  /** `run` in the foreground: the container's whole life. */
  run(options: CommandOptions & { readonly flags?: readonly string[] } = {}): Promise<Ended> {
    return this.#run(["run", "--bundle", this.bundle, ...(options.flags ?? []), this.id], options);
  }

  start(): Promise<Ended> {
    return this.#run(["start", this.id]);
  }

  kill(...signal: readonly string[]): Promise<Ended> {
    return this.#run(["kill", this.id, ...signal]);
  }

  delete(...flags: readonly string[]): Promise<Ended> {
    return this.#run(["delete", ...flags, this.id]);
  }

  exec(args: readonly string[], options: CommandOptions & { readonly flags?: readonly string[] } = {}): Promise<Ended> {
    return this.#run(["exec", ...(options.flags ?? []), this.id, ...args], options);
  }

  /** Creates and starts; an error of either is thrown. */
  async begin(options: CommandOptions = {}): Promise<void> {
    for (const step of [() => this.create(options), () => this.start()]) {
      const { code, err } = await step();
      if (code !== 0) throw new Error(err.trim());
    }
  }

  /** Kills what runs and deletes what is left, unless the runtime does not know it. */
  async destroy(): Promise<void> {
    if (!existsSync(`${this.#bench.root}/${this.id}`) || this.id === "") return;
    await this.stop();
    await this.delete("--force");
  }

  /** Kills the first process, without the runtime, and waits for its end. */
  async stop(): Promise<void> {
    for (const pid of this.pids) {
      if (isAlive(pid)) process.kill(pid, "SIGKILL");
      await until(() => reap(pid) !== undefined || !isAlive(pid), `the end of ${pid}`);
    }
  }

  async state(): Promise<State | undefined> {
    const { code, out } = await this.#run(["state", this.id]);
    return code === 0 ? (JSON.parse(out) as State) : undefined;
  }

  /** `absent` once the runtime knows the container no more. */
  async status(): Promise<unknown> {
    return (await this.state())?.status ?? "absent";
  }

  /** PID of the first process, from the pid file of `create`. */
  get pid(): number {
    return [...this.pids][0] ?? 0;
  }

  /** What the program has written so far. */
  get output(): string {
    return readOr(this.#output);
  }

  /** Waits until the program has written `text`. */
  async wrote(text: string): Promise<void> {
    await until(() => this.output.includes(text), `${text} in the output of ${this.id}`);
  }

  /** Waits until the program has written `text` or the first process has ended. */
  async wroteOrEnded(text: string): Promise<void> {
    await until(() => this.output.includes(text) || reap(this.pid) !== undefined, `${text} or the end of ${this.id}`);
  }

  /** Waits for the end of the first process, which is a child of this process after `create`: `exit N` or `signal N`. */
  ended(): Promise<string> {
    return until(() => reap(this.pid), `the end of ${this.id}`);
  }
}

/** Compiles a program beside this file into `directory`, and returns its path. */
export function buildProgram(name: "probe" | "console" | "listener", directory: string): string {
  const [source, program] = [join(import.meta.dir, `${name}.c`), `${directory}/${name}`];
  const built = Bun.spawnSync(["cc", "-static", "-O1", "-Wall", "-Wextra", "-Werror", "-o", program, source], { stderr: "inherit" });
  if (built.exitCode !== 0) throw new Error(`cc failed for ${name}.c`);
  return program;
}

/** Compiles all of them, with busybox beside them. */
export function buildPrograms(directory: string): void {
  for (const name of ["probe", "console", "listener"] as const) buildProgram(name, directory);
  Bun.spawnSync(["cp", Bun.which("busybox") ?? "/bin/busybox", `${directory}/busybox`]);
}

/** Makes a directory with the programs, by `fill`, and this process a subreaper. The caller removes it. */
export function openPrograms(fill: (directory: string) => void = buildPrograms): string {
  syscall(SYSCALLS.prctl, PR_SET_CHILD_SUBREAPER, 1);
  const directory = mkdtempSync("/tmp/pidbox-conformance-programs-");
  chmodSync(directory, 0o755);
  fill(directory);
  const visible = Bun.spawnSync(["setpriv", "--reuid=20001", "--regid=20001", "--clear-groups", "test", "-x", BUILT]).exitCode === 0;
  if (!visible && existsSync(BUILT)) Bun.spawnSync(["cp", BUILT, `${directory}/pidbox-oci`]);
  return directory;
}

/** An open descriptor for `--preserve-fds` and the like, with `text` to read. */
export function withDescriptor<T>(path: string, text: string, body: (fd: number) => Promise<T>): Promise<T> {
  writeFileSync(path, text);
  const fd = openSync(path, "r");
  return body(fd).finally(() => closeSync(fd));
}
