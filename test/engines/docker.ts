/** A dockerd of the test's own, and what a scenario has of it. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { BOUNDED, until, within } from "../until.ts";
import { makeImage } from "./image.ts";
import { normalise, untilInside, type Ended } from "./outcome.ts";
import { runtimePath, RUNTIMES, type Closable, type Runtime, type Stage } from "./scenario.ts";
import { DRIVER, run, World, type Options } from "./world.ts";

/** The client of Debian's docker.io, which is of the daemon's version; another may stand before it in PATH. */
const CLIENT = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";
const BOX = "box:1";

interface Event {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

/** Lines of a stream, as they come. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
}

export class Docker {
  readonly world: World;
  readonly socket: string;
  readonly #events: Event[] = [];
  readonly #log: string[] = [];
  #traces: readonly string[] = [];
  #gone: Promise<unknown> = Promise.resolve();

  private constructor(world: World) {
    this.world = world;
    this.socket = `${world.directory}/docker.sock`;
  }

  /** Starts a daemon in a new world, with the image loaded. `config` is added to its configuration file. */
  static async start(config: Readonly<Record<string, unknown>> = {}): Promise<Docker> {
    const docker = new Docker(await World.open());
    return docker.world.closeOnFailure(() => docker.#begin(config));
  }

  async #begin(config: Readonly<Record<string, unknown>>): Promise<this> {
    const { directory } = this.world;
    mkdirSync(`${directory}/client`);
    for (const file of ["/etc/subuid", "/etc/subgid"]) await this.world.replace(file, "nobody:100000:65536\n");
    const whole = {
      "data-root": `${directory}/data`, "exec-root": "/run/docker", pidfile: "/run/docker.pid", hosts: [`unix://${this.socket}`],
      // Its own cgroups, so that nothing of the machine's is touched. Without CAP_SYS_RESOURCE it cannot lower its own score.
      "cgroup-parent": this.world.parent(), "exec-opts": [`native.cgroupdriver=${DRIVER}`], "oom-score-adjust": 0,
      runtimes: { pidbox: { path: runtimePath("pidbox") } }, ...config,
    };
    writeFileSync(`${directory}/daemon.json`, JSON.stringify(whole));
    await this.serve();
    this.#traces = this.world.traces();
    const loaded = await this.cli(["load", "-q", "-i", makeImage(directory)]);
    if (loaded.code !== 0) throw new Error(loaded.err);
    return this;
  }

  /** Starts dockerd, and listens to its events once it is up. */
  async serve(): Promise<void> {
    const child = Bun.spawn(this.world.command(["dockerd", "--config-file", `${this.world.directory}/daemon.json`]), {
      stdin: "ignore", stdout: "ignore", stderr: "pipe", cwd: "/", env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
    });
    this.#gone = child.exited;
    const up = Promise.withResolvers<void>();
    void (async () => {
      for await (const line of linesOf(child.stderr)) {
        this.#log.push(line);
        if (line.includes("API listen on")) up.resolve();
      }
      up.reject(new Error(`dockerd ended: ${this.#log.slice(-20).join("\n")}`));
    })();
    await within(up.promise, () => `dockerd to come up: ${this.log()}`);
    const { body } = await fetch("http://docker/events", { unix: this.socket });
    if (body === null) throw new Error("dockerd gives no events");
    void (async () => {
      try {
        for await (const line of linesOf(body)) this.#events.push(JSON.parse(line) as Event);
      } catch {
        // The daemon was stopped or killed.
      }
    })();
  }

  /** The client with arguments, as it is. */
  cli(args: readonly string[], options: Options = {}): Promise<Ended> {
    return run(this.clientCommand(args), { ...options, env: { ...this.clientEnvironment(), ...options.env } });
  }

  clientCommand(args: readonly string[]): string[] {
    return [CLIENT, ...args];
  }

  clientEnvironment(): Record<string, string> {
    return { DOCKER_HOST: `unix://${this.socket}`, DOCKER_CONFIG: `${this.world.directory}/client` };
  }

  /** Waits until the event `action` of that container has come `times` times. */
  async until(container: string, action: string, times = 1): Promise<void> {
    const isOne = ({ Action, Actor }: Event): boolean => Action === action && (Actor.Attributes["name"] === container || Actor.ID === container);
    await until(() => this.#events.filter(isOne).length >= times, () => `event ${action} of ${container}\n${this.log()}`);
  }

  /** Kills the daemon, and waits until it is gone. */
  async kill(): Promise<void> {
    const { code, err } = await this.world.run(["sh", "-c", "kill -9 $(cat /run/docker.pid)"]);
    if (code !== 0) throw new Error(err);
    await within(this.#gone, "the end of dockerd");
  }

  /** The end of the daemon's log. */
  log(): string {
    return this.#log.slice(-30).join("\n");
  }

  /** Stops the daemon and everything else; what was left is told. */
  async close(): Promise<string[]> {
    const left = this.world.traces().filter((trace) => !this.#traces.includes(trace) && !/^process \d+ dockerd /.test(trace));
    return [...left, ...(await this.world.close())];
  }
}

/** One scenario's part of a daemon: names that begin with `name`, and one runtime. */
export class DockerBox implements Closable {
  readonly docker: Docker;
  readonly runtime: Runtime;
  readonly name: string;
  /** A directory on the host for what is bound. */
  readonly directory: string;

  constructor(docker: Docker, scenario: string, runtime: Runtime) {
    this.docker = docker;
    this.runtime = runtime;
    this.name = `${scenario.replace(/[^a-z0-9]+/gi, "-")}-${runtime}-box`;
    this.directory = `${docker.world.directory}/of-${this.name}`;
    mkdirSync(this.directory);
  }

  /** The client; names, ids and paths of its output are replaced. */
  async cli(args: readonly string[], options: Options = {}): Promise<Ended> {
    const { code, out, err } = await this.docker.cli(args, options);
    const words = { name: this.name, directory: this.directory, world: this.docker.world.directory, parent: this.docker.world.cgroup.slice(1) };
    // The client says this or not: it depends on which of two answers of the daemon comes first.
    const said = err.replace(/^time=\S+ level=error msg="error waiting for container: .*"\n/gm, "");
    return { code, out: normalise(out, words), err: normalise(said, words) };
  }

  /** Debian's docker-compose, a client of its own. */
  compose(args: readonly string[]): Promise<Ended> {
    return run(["docker-compose", ...args], { env: this.docker.clientEnvironment(), cwd: this.directory });
  }

  /** The client's output; anything but success is an error. */
  async output(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.cli(args);
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${code} ${err}${out}`);
    return out.trim();
  }

  /** `docker run --rm` of the image to its end. A program that is one text is a script of sh. */
  run(flags: readonly string[], program: string | readonly string[], options: Options = {}): Promise<Ended> {
    return this.cli(["run", "--rm", ...this.place(), ...flags, BOX, ...words(program)], options);
  }

  /** `docker run -d`; it is there when this returns. */
  async start(flags: readonly string[], program: string | readonly string[], suffix = ""): Promise<void> {
    await this.output("run", "-d", ...this.place(suffix), ...flags, BOX, ...words(program));
  }

  exec(program: string | readonly string[], flags: readonly string[] = [], suffix = ""): Promise<Ended> {
    return this.cli(["exec", ...flags, `${this.name}${suffix}`, ...words(program)]);
  }

  /** Waits until a condition of sh(1) holds in the container. */
  holds(condition: string, suffix = ""): Promise<void> {
    return untilInside(condition, (script) => this.exec(script, [], suffix));
  }

  /** A template of `docker inspect`. */
  inspect(template: string, suffix = ""): Promise<string> {
    return this.output("inspect", "--format", template, `${this.name}${suffix}`);
  }

  /** Waits for an event of the container. */
  until(action: string, times = 1): Promise<void> {
    return this.docker.until(this.name, action, times);
  }

  /** Waits until the container's output has a line; those that start with it tell that they are up. */
  async says(line: string): Promise<void> {
    const child = Bun.spawn(this.docker.clientCommand(["logs", "-f", this.name]), {
      stdin: "ignore", stdout: "pipe", stderr: "ignore", env: this.docker.clientEnvironment(), ...BOUNDED,
    });
    let said = false;
    for await (const one of linesOf(child.stdout)) {
      said = one.trimEnd() === line;
      if (said) break;
    }
    child.kill();
    await child.exited;
    if (!said) throw new Error(`${this.name} never said ${line}`);
  }

  /** The flags of `run` and `create` that every container of the scenario has. */
  place(suffix = ""): string[] {
    return ["--runtime", this.runtime, "--name", `${this.name}${suffix}`];
  }

  async close(): Promise<void> {
    const { out } = await this.docker.cli(["ps", "-aq", "--filter", `name=^/${this.name}`]);
    const ids = out.split("\n").filter((id) => id !== "");
    if (ids.length === 0) return;
    const { code, err } = await this.docker.cli(["rm", "-f", "-v", ...ids]);
    if (code !== 0) throw new Error(`docker rm: ${err}`);
  }
}

function words(program: string | readonly string[]): readonly string[] {
  return typeof program === "string" ? ["sh", "-c", program] : program;
}

interface StageOptions {
  /** Added to the configuration of the one daemon that there is for all scenarios. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** A daemon for each runtime, with this. */
  readonly each?: (runtime: Runtime) => Readonly<Record<string, unknown>>;
}

/** A stage with one daemon for all scenarios, or one for each runtime. */
export function dockerStage(options: StageOptions = {}): Stage<DockerBox> {
  const daemons = new Map<Runtime, Docker>();
  return {
    engine: "docker", parts: ["root", "docker", "runc", "busybox", "iptables"],
    async open() {
      const { each } = options;
      const one = each === undefined ? await Docker.start(options.config) : undefined;
      for (const runtime of RUNTIMES) daemons.set(runtime, one ?? (await Docker.start(each?.(runtime))));
    },
    box(scenario, runtime) {
      const docker = daemons.get(runtime);
      if (docker === undefined) throw new Error("dockerd was not started");
      return new DockerBox(docker, scenario, runtime);
    },
    close: async () => (await Promise.all([...new Set(daemons.values())].map((docker) => docker.close()))).flat(),
  };
}
