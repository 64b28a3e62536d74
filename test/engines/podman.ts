/** A podman of the test's own, as root or as an unprivileged user with a range of ids. */
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { emptied } from "../until.ts";
import { converse, type Step } from "./conversation.ts";
import { makeImage } from "./image.ts";
import { normalise, untilInside, type Ended } from "./outcome.ts";
import { runtimePath, type Closable, type Runtime, type Stage } from "./scenario.ts";
import { DRIVER, run, World, type Options } from "./world.ts";

const IMAGE = "localhost/box:1";
/** The unprivileged user, which the host does not have. */
export const USER = { name: "bob", id: 20_002, first: 300_000, count: 65_536 } as const;

/** What podman itself leaves, with any runtime: names of network namespaces, and cgroups of pods in hierarchies that it does not know. */
const LEFT_BY_PODMAN = /^mount \/run\/netns|^cgroup \/sys\/fs\/cgroup\/(systemd|unified)\/[^/]+\/[0-9a-f]{64}$/;

interface Place {
  /** Below the world's directory: storage and configuration. */
  readonly directory: string;
  /** In the world's /run. */
  readonly run: string;
  readonly init: string;
}

function containersConfig({ directory, run, init }: Place): string {
  return `[containers]
netns = "none"
# The machine may lack CAP_SYS_RESOURCE, without which limits cannot be raised.
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "${DRIVER}"
events_logger = "file"
# conmon makes its sockets there.
conmon_env_vars = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=${directory}"]
tmp_dir = "${run}/libpod"
volume_path = "${directory}/volumes"
infra_image = "localhost/pause:1"
init_path = "${init}"
runtime_supports_json = ["runc", "pidbox"]
[engine.runtimes]
runc = ["${runtimePath("runc")}"]
pidbox = ["${runtimePath("pidbox")}"]
[network]
network_backend = "cni"
cni_plugin_dirs = ["/usr/lib/cni"]
network_config_dir = "${directory}/net"
`;
}

function storageConfig({ directory, run }: Place): string {
  return `[storage]\ndriver = "overlay"\ngraphroot = "${directory}/storage"\nrunroot = "${run}/storage"\n`;
}

export class Podman {
  readonly world: World;
  readonly rootless: boolean;
  readonly #place: Place;
  #traces: readonly string[] = [];

  private constructor(world: World, rootless: boolean) {
    this.world = world;
    this.rootless = rootless;
    const init = Bun.which("docker-init") ?? "/usr/bin/docker-init";
    this.#place = { directory: `${world.directory}/podman`, run: rootless ? `/run/user/${USER.id}` : "/run/podman", init };
  }

  static async start(rootless = false): Promise<Podman> {
    const podman = new Podman(await World.open(rootless ? USER.id : undefined), rootless);
    return podman.world.closeOnFailure(() => podman.#begin());
  }

  async #begin(): Promise<this> {
    await this.#configure();
    const loaded = await this.cli(["load", "-q", "-i", makeImage(this.world.directory)]);
    if (loaded.code !== 0) throw new Error(loaded.err);
    await this.cli(["network", "ls"]);
    this.#traces = this.world.traces();
    return this;
  }

  async #configure(): Promise<void> {
    const { world } = this;
    const { directory, run } = this.#place;
    const own = (path: string): void => {
      mkdirSync(path, { recursive: true });
      if (this.rootless) chownSync(path, USER.id, USER.id);
      chmodSync(path, this.rootless ? 0o700 : 0o755);
    };
    own(directory);
    own(world.path(run));
    for (const [name, text] of [["containers", containersConfig(this.#place)], ["storage", storageConfig(this.#place)]] as const) {
      writeFileSync(`${world.directory}/${name}.conf`, text, { mode: 0o644 });
    }
    const line = (name: string, first: number, count: number): string => `${name}:${first}:${count}\n`;
    for (const file of ["/etc/subuid", "/etc/subgid"]) await world.replace(
      file, line("containers", 1_000_000, 1_000_000) + line(USER.name, USER.first, USER.count),
    );
    await world.replace("/etc/passwd", `${readFileSync("/etc/passwd", "utf8")}${USER.name}:x:${USER.id}:${USER.id}::${directory}:/bin/sh\n`);
    await world.replace("/etc/group", `${readFileSync("/etc/group", "utf8")}${USER.name}:x:${USER.id}:\n`);
  }

  /** The command line of podman, with a runtime. */
  command(args: readonly string[], runtime: Runtime = "runc"): string[] {
    const { directory } = this.world;
    const env = [`HOME=${this.#place.directory}`, `CONTAINERS_CONF=${directory}/containers.conf`, `CONTAINERS_STORAGE_CONF=${directory}/storage.conf`, `XDG_RUNTIME_DIR=${this.#place.run}`];
    const user = this.rootless ? ["setpriv", `--reuid=${USER.id}`, `--regid=${USER.id}`, "--clear-groups"] : [];
    const path = `PATH=${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
    return this.world.command([...user, "env", "-i", path, ...env, "podman", "--runtime", runtime, ...args]);
  }

  cli(args: readonly string[], runtime?: Runtime, options: Options = {}): Promise<Ended> {
    return run(this.command(args, runtime), options);
  }

  /** The flag for the parent of cgroups; a user has none but by systemd. */
  parent(): string[] {
    return this.rootless && DRIVER === "cgroupfs" ? [] : ["--cgroup-parent", this.world.parent()];
  }

  async close(): Promise<string[]> {
    await this.cli(["rm", "-f", "-a", "-t", "0"]);
    // The first rootless command starts a process that keeps the user's namespaces, until it is told to end.
    if (this.rootless) await this.cli(["system", "migrate"]);
    const left = await emptied(() => this.world.traces().filter((trace) => !this.#traces.includes(trace) && !LEFT_BY_PODMAN.test(trace)));
    return [...left, ...(await this.world.close())];
  }
}

/** One scenario's part: containers whose names begin with `name`, and one runtime. */
export class PodmanBox implements Closable {
  readonly podman: Podman;
  readonly runtime: Runtime;
  readonly name: string;
  readonly directory: string;

  constructor(podman: Podman, scenario: string, runtime: Runtime) {
    this.podman = podman;
    this.runtime = runtime;
    this.name = `${scenario.replace(/[^a-z0-9]+/gi, "-")}-${runtime}-box`;
    this.directory = `${podman.world.directory}/of-${this.name}`;
    mkdirSync(this.directory);
    if (podman.rootless) chownSync(this.directory, USER.id, USER.id);
  }

  /** podman with arguments; names, ids and paths of its output are replaced. */
  async cli(args: readonly string[], options: Options = {}): Promise<Ended> {
    const { code, out, err } = await this.podman.cli(args, this.runtime, options);
    return { code, out: this.#normalise(out), err: this.#normalise(err) };
  }

  #normalise(text: string): string {
    const { directory, cgroup } = this.podman.world;
    // podman puts the runtime's name before what it said.
    const said = text.replace(/^Error: (runc|pidbox): /gm, "Error: <runtime>: ");
    return normalise(said, { name: this.name, directory: this.directory, world: directory, parent: cgroup.slice(1) });
  }

  async output(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.cli(args);
    if (code !== 0) throw new Error(`podman ${args.join(" ")}: ${code} ${err}${out}`);
    return out.trim();
  }

  async talk(args: readonly string[], steps: readonly Step[]): Promise<Ended> {
    const { code, out, err } = await converse(this.podman.command(args, this.runtime), {}, steps);
    return { code, out: this.#normalise(out), err };
  }

  /** The flags of every container of the scenario. */
  place(suffix = ""): string[] {
    return ["--name", `${this.name}${suffix}`, ...this.podman.parent()];
  }

  run(flags: readonly string[], program: string | readonly string[], options: Options = {}): Promise<Ended> {
    return this.cli(["run", "--rm", ...this.place(), ...flags, IMAGE, ...words(program)], options);
  }

  async start(flags: readonly string[], program: string | readonly string[], suffix = ""): Promise<void> {
    await this.output("run", "-d", ...this.place(suffix), ...flags, IMAGE, ...words(program));
  }

  exec(program: string | readonly string[], flags: readonly string[] = [], suffix = ""): Promise<Ended> {
    return this.cli(["exec", ...flags, `${this.name}${suffix}`, ...words(program)]);
  }

  inspect(template: string, suffix = ""): Promise<string> {
    return this.output("inspect", "--format", template, `${this.name}${suffix}`);
  }

  /** Waits until a condition of sh(1) holds in the container. */
  holds(condition: string, suffix = ""): Promise<void> {
    return untilInside(condition, (script) => this.exec(script, [], suffix));
  }

  /** Waits until the program in the container says by a file that it is up. */
  up(suffix = ""): Promise<void> {
    return this.holds("[ -e /up ]", suffix);
  }

  async close(): Promise<void> {
    await this.podman.cli(["pod", "rm", "-f", "-i", "-t", "0", `${this.name}-pod`]);
    const { out } = await this.podman.cli(["ps", "-aq", "--filter", `name=^${this.name}`]);
    const ids = out.split("\n").filter((id) => id !== "");
    if (ids.length > 0) await this.podman.cli(["rm", "-f", "-t", "0", "-v", ...ids]);
  }
}

function words(program: string | readonly string[]): readonly string[] {
  return typeof program === "string" ? ["sh", "-c", program] : program;
}

export function podmanStage(rootless = false): Stage<PodmanBox> {
  let podman: Podman | undefined;
  const there = (): Podman => {
    if (podman === undefined) throw new Error("podman was not set up");
    return podman;
  };
  return {
    engine: rootless ? "podman without root" : "podman",
    parts: rootless ? ["root", "podman", "runc", "busybox", "uidmap"] : ["root", "podman", "runc", "busybox", "cni", "iptables"],
    async open() {
      podman = await Podman.start(rootless);
    },
    box: (scenario, runtime) => new PodmanBox(there(), scenario, runtime),
    close: async () => (await podman?.close()) ?? [],
  };
}
