/**
 * A place for an engine: a directory, mount and network namespaces with an empty /run, cgroups of its own, and a subreaper (world.c) below which all
 * processes stay that the engine starts. Nothing of it outlives `close()`, which says what an engine left.
 */
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { emptied, patience, within } from "../until.ts";
import type { Ended } from "./outcome.ts";

let worlds = 0;

/** Who makes cgroups: the runtime, or systemd for it, on a host of systemd and cgroup v2 alone. */
export type Driver = "cgroupfs" | "systemd";
export const DRIVER: Driver = process.env["PIDBOX_ENGINES_DRIVER"] === "systemd" ? "systemd" : "cgroupfs";

/**
 * The world's own /dev: runc gives a container's root the device file that its standard input is, and where that is a user namespace's root, the host's
 * /dev/null would change its owner (runc 1.1, fixStdioPermissions).
 */
const DEV = `set -e
mkdir /run/pts && mount --bind /dev/pts /run/pts && mount -t tmpfs -o mode=755,nosuid tmpfs /dev && cd /dev
for node in 'null c 1 3' 'zero c 1 5' 'full c 1 7' 'random c 1 8' 'urandom c 1 9' 'tty c 5 0' 'loop0 b 7 0'; do
  set -- $node; mknod -m 666 "$1" "$2" "$3" "$4"
done
mkdir pts shm mqueue && mount --bind /run/pts pts && umount /run/pts && rmdir /run/pts && mount -t tmpfs -o mode=1777 tmpfs shm
ln -s pts/ptmx ptmx; ln -s /proc/self/fd fd; ln -s fd/0 stdin; ln -s fd/1 stdout; ln -s fd/2 stderr
ip link set lo up`;

export interface Options {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Milliseconds until it is killed; a minute by default. */
  readonly timeout?: number;
}

/** Mount points of all cgroup hierarchies that can be written. */
function hierarchies(): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n").map((line) => line.split(" "));
  return lines.filter((words) => words[words.indexOf("-") + 1]?.startsWith("cgroup") === true).map((words) => words[4] ?? "");
}

function foldersBelow(path: string): string[] {
  if (!existsSync(path)) return [];
  const names = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return names.flatMap((name) => [...foldersBelow(`${path}/${name}`), `${path}/${name}`]);
}

/** Runs a command to its end. */
export async function run(command: readonly string[], options: Options = {}): Promise<Ended> {
  const child = Bun.spawn([...command], {
    stdin: options.input === undefined ? "ignore" : new Blob([options.input]), stdout: "pipe", stderr: "pipe", cwd: options.cwd ?? "/",
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: "/", ...options.env }, timeout: patience(options.timeout ?? 60_000), killSignal: "SIGKILL",
  });
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { code, out, err };
}

/** The program of world.c at `path`. PIDBOX_ENGINES_WORLD names one that is built already, for a host without a compiler. */
function build(path: string): void {
  const built = process.env["PIDBOX_ENGINES_WORLD"];
  if (built !== undefined) copyFileSync(built, path);
  else if (!Bun.spawnSync(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", path, join(import.meta.dir, "world.c")], { stderr: "inherit" }).success) {
    throw new Error("cc failed for world.c");
  }
}

export class World {
  /** Everything of the engine but sockets and state in /run. */
  readonly directory: string;
  /** Parent of all cgroups of the engine, below the root of each hierarchy: a slice where systemd makes them. */
  readonly cgroup: string;
  readonly #program: string;
  readonly #socket: string;
  readonly #user: number | undefined;
  readonly #server: Bun.Subprocess<"pipe", "pipe", "inherit">;

  private constructor(user?: number) {
    worlds++;
    this.#user = user;
    this.directory = mkdtempSync("/tmp/pidbox-engine-");
    chmodSync(this.directory, 0o755);
    const manager = user === undefined ? "" : `/user.slice/user-${user}.slice/user@${user}.service`;
    // A dash in a slice's name stands for a slice above it.
    const name = `pidbox_engine_${process.pid}_${worlds}`;
    this.cgroup = DRIVER === "systemd" ? `${manager}/${name}.slice` : `/${name}`;
    this.#program = join(this.directory, "world");
    this.#socket = join(this.directory, "world.sock");
    build(this.#program);
    const systemd = DRIVER === "systemd" ? ["systemd", "dbus", ...(user === undefined ? [] : ["user"])] : [];
    this.#server = Bun.spawn([this.#program, "serve", this.#socket, ...systemd], { stdin: "pipe", stdout: "pipe", stderr: "inherit", cwd: "/" });
  }

  /** With the user whose manager is to make the cgroups, if that is not the system's. */
  static async open(user?: number): Promise<World> {
    const world = new World(user);
    return world.closeOnFailure(async () => {
      const first = await within(world.#server.stdout.getReader().read(), "the world to come up");
      if (first.done) throw new Error("the world did not come up");
      const made = await world.run(["sh", "-c", DEV]);
      if (made.code !== 0) throw new Error(made.err);
      return world;
    });
  }

  /** What `work` comes to; if it fails, nothing is left of the world. */
  async closeOnFailure<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The parent of cgroups, or one below it, as engines are told of it. */
  parent(below = ""): string {
    const rest = below === "" ? "" : DRIVER === "systemd" ? `-${below}` : `/${below}`;
    return DRIVER === "systemd" ? basename(this.cgroup).replace(/\.slice$/, `${rest}.slice`) : `${this.cgroup}${rest}`;
  }

  /** A cgroup below the parent, as `cgroupsPath` of a config has it. */
  place(name: string): string {
    return DRIVER === "systemd" ? `${this.parent()}:box:${name}` : this.parent(name);
  }

  /** The PID of the process that has the namespaces. */
  get pid(): number {
    return this.#server.pid;
  }

  /** The command line that runs a command inside. */
  command(words: readonly string[]): string[] {
    return [this.#program, "run", this.#socket, ...words];
  }

  run(words: readonly string[], options: Options = {}): Promise<Ended> {
    return run(this.command(words), options);
  }

  /** Puts a file of the world's own over one of the host's. */
  async replace(path: string, text: string): Promise<void> {
    const own = join(this.directory, path.replaceAll("/", "-"));
    writeFileSync(own, text);
    const { code, err } = await this.run(["mount", "--bind", own, path]);
    if (code !== 0) throw new Error(err);
  }

  /** A path of the world's mount namespace, as the test sees it. */
  path(inside: string): string {
    return `/proc/${this.pid}/root${inside}`;
  }

  /** What containers have on the host: cgroups but for parents, which the engines leave; mounts; processes whose parent is the world. One line each. */
  traces(): string[] {
    const cgroups = hierarchies().flatMap((path) => foldersBelow(`${path}${this.cgroup}`)).filter((path) => !/\/(conmon|deep|[^/]*-deep\.slice)$/.test(path));
    const mounts = readFileSync(`/proc/${this.pid}/mountinfo`, "utf8").split("\n").filter((line) => line !== "").map((line) => line.split(" ")[4] ?? "")
      // dockerd keeps a name for the host's network namespace from the first `--network host` on.
      .filter((path) => path !== "/run/docker/netns/default");
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, "utf8").split(" ").filter((word) => word !== "");
    const state = ["/run/pidbox-oci", "/run/runc"].flatMap((path) => foldersBelow(this.path(path)));
    const processes = children.map((pid) => `process ${pid} ${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").slice(0, 60)}`);
    return [...cgroups.map((path) => `cgroup ${path}`), ...mounts.map((path) => `mount ${path}`), ...state.map((path) => `state ${path}`), ...processes];
  }

  /** systemctl(1), of the manager that makes the cgroups. */
  systemctl(...words: readonly string[]): Promise<Ended> {
    if (this.#user === undefined) return run(["systemctl", ...words]);
    const user = ["setpriv", `--reuid=${this.#user}`, `--regid=${this.#user}`, "--clear-groups", "env", `XDG_RUNTIME_DIR=/run/user/${this.#user}`];
    return run([...user, "systemctl", "--user", ...words]);
  }

  /** Ends all processes, takes cgroups and directory away, and returns what is left nevertheless. */
  async close(): Promise<string[]> {
    const cgroups = (): string[] => hierarchies().flatMap((path) => [...foldersBelow(`${path}${this.cgroup}`), `${path}${this.cgroup}`]).filter((path) => existsSync(path));
    // A process in a frozen cgroup of version 1 dies only when it is thawed.
    for (const path of cgroups()) if (existsSync(`${path}/freezer.state`)) writeFileSync(`${path}/freezer.state`, "THAWED");
    await this.#server.stdin.end();
    await this.#server.exited;
    // systemd leaves a slice when all in it are gone.
    if (DRIVER === "systemd") await this.systemctl("stop", this.parent());
    const left = await emptied(() => {
      for (const path of cgroups()) {
        try {
          rmdirSync(path);
        } catch {
          // A killed process may not be gone yet: the next round tries again, and the last one tells.
        }
      }
      const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter((line) => line.includes(this.directory));
      return [...cgroups(), ...mounts];
    });
    if (left.length === 0) rmSync(this.directory, { recursive: true, force: true });
    return left;
  }
}
