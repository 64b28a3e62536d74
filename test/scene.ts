/**
 * A place for tests that drive dist/pidbox: a temporary directory with a root filesystem, callers (root and an unprivileged user), and a look after each
 * test that nothing is left on the host. `openScene()` is called once at the top of a test file.
 */
import { afterAll, afterEach, beforeEach, expect } from "bun:test";
import { chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeBusyboxRoot } from "./busybox.ts";
import { readLeftovers } from "./leftovers.ts";
import { has, needs } from "./parts.ts";
import { emptied } from "./until.ts";

const BUILT = join(import.meta.dir, "..", "dist", "pidbox");
/** A user that no passwd file and no other run of the tests has, for callers without root. */
export const ROOTLESS_ID = 30_000 + (process.pid % 30_000);

export type Caller = "root" | "rootless";
export const CALLERS: readonly Caller[] = has("root") ? ["root", "rootless"] : ["rootless"];

export interface Ended {
  readonly code: number;
  /** stdout and stderr as text. */
  readonly out: string;
  readonly err: string;
}

export interface SpawnOptions {
  readonly caller?: Caller;
  readonly input?: string | Uint8Array<ArrayBuffer> | Blob;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Put before the whole command line, such as `unshare -m sh -c '... exec "$@"' sh`. */
  readonly before?: readonly string[];
}

/** A container that runs until its input ends. */
export interface Held {
  /** PID of the supervisor. */
  readonly pid: number;
  /** The next line that the program writes; undefined at the end. */
  line(): Promise<string | undefined>;
  write(text: string): void;
  kill(signal: NodeJS.Signals | number): void;
  /** Ends the input and waits. */
  end(): Promise<Ended>;
  /** Waits for an end that comes by itself. */
  ended(): Promise<Ended>;
}

function lineReader(stream: ReadableStream<Uint8Array>): { next(): Promise<string | undefined>; rest(): Promise<string> } {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let seen = "";
  const more = async (): Promise<boolean> => {
    const part = await reader.read();
    if (part.done) return false;
    text += decoder.decode(part.value, { stream: true });
    return true;
  };
  return {
    async next() {
      while (!text.includes("\n")) if (!(await more())) return undefined;
      const at = text.indexOf("\n");
      const line = text.slice(0, at);
      seen += text.slice(0, at + 1);
      text = text.slice(at + 1);
      return line;
    },
    async rest() {
      while (await more());
      return seen + text;
    },
  };
}

/** The unprivileged caller's binary must be one that it can reach, which a checkout below /root is not. */
function reachable(directory: string): string {
  if (!has("root")) return BUILT;
  const look = Bun.spawnSync(["setpriv", `--reuid=${ROOTLESS_ID}`, `--regid=${ROOTLESS_ID}`, "--clear-groups", "test", "-x", BUILT]);
  if (look.exitCode === 0) return BUILT;
  const copy = `${directory}/pidbox`;
  copyFileSync(BUILT, copy);
  chmodSync(copy, 0o755);
  return copy;
}

export class Scene {
  readonly directory: string;
  /** A root filesystem with busybox. Tests do not write to it. */
  readonly rootfs: string;
  readonly runtime: string;
  /** Where the unprivileged user's layers and logs are. */
  readonly data: string;
  readonly binary: string;
  readonly #children: Bun.Subprocess[] = [];
  #rootless: string | undefined;

  constructor() {
    this.directory = mkdtempSync("/tmp/pidbox-scene-");
    chmodSync(this.directory, 0o755);
    this.rootfs = this.makeRootfs("rootfs");
    this.runtime = `${this.directory}/runtime`;
    mkdirSync(this.runtime, { mode: 0o700 });
    this.data = `${this.directory}/data`;
    mkdirSync(this.data, { mode: 0o700 });
    if (has("root")) for (const path of [this.runtime, this.data]) chownSync(path, ROOTLESS_ID, ROOTLESS_ID);
    this.binary = reachable(this.directory);
  }

  /** A new root filesystem of busybox below the scene's directory. */
  makeRootfs(name: string): string {
    const root = `${this.directory}/${name}`;
    makeBusyboxRoot(root, ["run", "mnt"]);
    writeFileSync(`${root}/etc/passwd`, "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/srv/worker:/bin/sh\n");
    writeFileSync(`${root}/etc/group`, "root:x:0:\nworker:x:1000:\naudio:x:29:worker\n");
    return root;
  }

  /** The root filesystem of a caller: the unprivileged one has a copy whose files are its own. */
  rootOf(caller: Caller): string {
    if (caller === "root" || !has("root")) return this.rootfs;
    if (this.#rootless === undefined) {
      this.#rootless = `${this.directory}/rootless`;
      Bun.spawnSync(["cp", "-a", this.rootfs, this.#rootless]);
      Bun.spawnSync(["chown", "-R", `${ROOTLESS_ID}:${ROOTLESS_ID}`, this.#rootless]);
    }
    return this.#rootless;
  }

  /** A directory of the scene that the unprivileged caller owns too. */
  makeDirectory(name: string): string {
    const path = `${this.directory}/${name}`;
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o777);
    return path;
  }

  /** Copies a program, such as one that a test compiled, into the root filesystem's /bin. */
  install(path: string, name: string): void {
    cpSync(path, `${this.rootfs}/bin/${name}`);
    chmodSync(`${this.rootfs}/bin/${name}`, 0o755);
  }

  environment(caller: Caller, extra: Readonly<Record<string, string>> = {}): Record<string, string> {
    const base: Record<string, string> = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: "/", ...extra };
    return caller === "root" ? base : { XDG_RUNTIME_DIR: this.runtime, XDG_DATA_HOME: this.data, ...base };
  }

  /** The directory in which the caller's containers have theirs. */
  containersOf(caller: Caller): string {
    return caller === "root" ? "/run/pidbox/containers" : `${this.runtime}/pidbox/containers`;
  }

  /** Where the caller's layers and logs are. */
  dataOf(caller: Caller): string {
    return caller === "root" ? "/var/lib/pidbox" : `${this.data}/pidbox`;
  }

  /** The command line of a verb with its flags. `@` stands for `dir:` and the caller's root filesystem. */
  command(caller: Caller, args: readonly string[], before: readonly string[] = []): string[] {
    const [verb = "", ...rest] = args;
    const words = rest.map((word) => (word === "@" ? `dir:${this.rootOf(caller)}` : word));
    const starts = verb === "do" || verb === "run" || verb === "create";
    const degraded = caller === "rootless" && starts ? ["--allow-degraded=cgroups"] : [];
    const removed = verb === "run" ? ["--rm"] : [];
    const user = caller === "rootless" && has("root") ? ["setpriv", `--reuid=${ROOTLESS_ID}`, `--regid=${ROOTLESS_ID}`, "--clear-groups"] : [];
    return [...before, ...user, this.binary, ...(verb === "" ? [] : [verb]), ...removed, ...degraded, ...words];
  }

  spawn(args: readonly string[], options: SpawnOptions & { stdin?: "pipe" | "ignore" } = {}): Bun.Subprocess<"pipe" | "ignore" | Blob, "pipe", "pipe"> {
    const caller = options.caller ?? "root";
    const input = options.input === undefined ? (options.stdin ?? "ignore") : new Blob([options.input]);
    const child = Bun.spawn(this.command(caller, args, options.before), {
      cwd: options.cwd ?? this.directory, env: this.environment(caller, options.env), stdin: input, stdout: "pipe", stderr: "pipe",
      timeout: 60_000, killSignal: "SIGKILL",
    });
    this.#children.push(child);
    return child;
  }

  /** Runs a command line of pidbox to its end. */
  async run(args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
    const child = this.spawn(args, options);
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { code: await child.exited, out, err };
  }

  /** What a program in the container writes; anything but success is a failed test that shows stderr. */
  async output(args: readonly string[], options: SpawnOptions = {}): Promise<string> {
    const { code, out, err } = await this.run(args, options);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return out.trim();
  }

  /** Starts a container and hands out its pipes. */
  hold(args: readonly string[], options: SpawnOptions = {}): Held {
    const child = this.spawn(args, { ...options, stdin: "pipe" });
    const lines = lineReader(child.stdout);
    const err = new Response(child.stderr).text();
    const stdin = child.stdin as Bun.FileSink;
    const ended = async (): Promise<Ended> => ({ out: await lines.rest(), err: await err, code: await child.exited });
    return {
      pid: child.pid,
      line: () => lines.next(),
      write(text) {
        void stdin.write(text);
        void stdin.flush();
      },
      kill: (signal) => child.kill(signal),
      async end() {
        await stdin.end();
        return ended();
      },
      ended,
    };
  }

  track(child: Bun.Subprocess): void {
    this.#children.push(child);
  }

  /** Ends what a failed test left running. */
  async endChildren(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await child.exited;
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Makes a scene for a test file; after each test the host must be as before. */
export function openScene(): Scene {
  const scene = new Scene();
  // Where CALLERS lacks root, this is what is left of its cases.
  if (!has("root")) needs("root")("all cases as root", () => undefined);
  let before = readLeftovers(scene.directory, ROOTLESS_ID);
  beforeEach(() => {
    before = readLeftovers(scene.directory, ROOTLESS_ID);
  });
  afterEach(async () => {
    await scene.endChildren();
    expect(await emptied(() => readLeftovers(scene.directory, ROOTLESS_ID).filter((one) => !before.includes(one)))).toEqual([]);
  });
  afterAll(() => scene.remove());
  return scene;
}
