/** A containerd of the test's own, with ctr and the interface of Kubernetes as its clients. */
import { mkdirSync, writeFileSync } from "node:fs";
import { until, within } from "../until.ts";
import { converse, type Step } from "./conversation.ts";
import { Cri, inner, integer } from "./cri.ts";
import { IMAGE, makeImage, PAUSE } from "./image.ts";
import { normalise, untilInside, type Ended } from "./outcome.ts";
import { runtimePath, RUNTIMES, type Closable, type Runtime, type Stage } from "./scenario.ts";
import { DRIVER, World, type Options } from "./world.ts";

const NAMESPACE = "engine-test";

function configuration(directory: string): string {
  const runtimes = RUNTIMES.map((runtime) => `
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${runtime}]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${runtime}.options]
      BinaryName = "${runtimePath(runtime)}"
      SystemdCgroup = ${DRIVER === "systemd"}`);
  return `version = 2
root = "${directory}/root"
state = "/run/containerd"
[grpc]
  address = "${directory}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${directory}/cni"${runtimes.join("")}
`;
}

const NETWORK = {
  cniVersion: "0.4.0", name: "test",
  plugins: [{ type: "bridge", bridge: "cni0", isGateway: true, ipam: { type: "host-local", dataDir: "/run/cni-ipam", ranges: [[{ subnet: "10.88.0.0/16" }]] } }],
};

export class Containerd {
  readonly world: World;
  readonly socket: string;
  /** The interface of Kubernetes. */
  readonly cri: Cri;
  #traces: readonly string[] = [];

  private constructor(world: World) {
    this.world = world;
    this.socket = `${world.directory}/containerd.sock`;
    this.cri = new Cri(this.socket);
  }

  static async start(): Promise<Containerd> {
    const engine = new Containerd(await World.open());
    return engine.world.closeOnFailure(() => engine.#begin());
  }

  async #begin(): Promise<this> {
    const { directory } = this.world;
    mkdirSync(`${directory}/cni`);
    writeFileSync(`${directory}/config.toml`, configuration(directory));
    writeFileSync(`${directory}/cni/10-test.conflist`, JSON.stringify(NETWORK));
    await this.#serve();
    const archive = makeImage(directory);
    for (const namespace of [NAMESPACE, "k8s.io"]) {
      const { code, err } = await this.world.run(["ctr", "-a", this.socket, "-n", namespace, "images", "import", archive]);
      if (code !== 0) throw new Error(err);
    }
    this.#traces = this.world.traces();
    return this;
  }

  async #serve(): Promise<void> {
    const child = Bun.spawn(this.world.command(["containerd", "--config", `${this.world.directory}/config.toml`]), {
      stdin: "ignore", stdout: "ignore", stderr: "pipe", cwd: "/", env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
    });
    const up = Promise.withResolvers<void>();
    let log = "";
    void (async () => {
      for await (const part of child.stderr) {
        log = (log + new TextDecoder().decode(part)).slice(-10_000);
        if (log.includes("containerd successfully booted")) up.resolve();
      }
      up.reject(new Error(`containerd ended: ${log}`));
    })();
    await within(up.promise, () => `containerd to come up: ${log}`);
  }

  async close(): Promise<string[]> {
    const left = this.world.traces().filter((trace) => !this.#traces.includes(trace) && !trace.startsWith("mount /run/netns"));
    return [...left, ...(await this.world.close())];
  }
}

/** One scenario's part of a containerd: containers whose ids begin with `id`, with one runtime. */
export class ContainerdBox implements Closable {
  readonly engine: Containerd;
  readonly runtime: Runtime;
  readonly id: string;
  readonly directory: string;
  readonly #ids = new Set<string>();

  constructor(engine: Containerd, scenario: string, runtime: Runtime) {
    this.engine = engine;
    this.runtime = runtime;
    this.id = `${scenario.replace(/[^a-z0-9]+/gi, "-")}-${runtime}-box`;
    this.directory = `${engine.world.directory}/of-${this.id}`;
    mkdirSync(this.directory);
  }

  /** `ctr` with arguments; ids and paths of its output are replaced. */
  async ctr(args: readonly string[], options: Options = {}): Promise<Ended> {
    const { code, out, err } = await this.engine.world.run(["ctr", "-a", this.engine.socket, "-n", NAMESPACE, ...args], options);
    const words = { id: this.id, directory: this.directory, world: this.engine.world.directory, parent: this.engine.world.cgroup.slice(1) };
    return { code, out: normalise(out, words), err: normalise(err, words) };
  }

  async output(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.ctr(args);
    if (code !== 0) throw new Error(`ctr ${args.join(" ")}: ${code} ${err}${out}`);
    return out.trim();
  }

  /** What every `ctr run` of the scenario has: runtime, and cgroups below the world's. */
  place(suffix = ""): string[] {
    this.#ids.add(`${this.id}${suffix}`);
    const driver = DRIVER === "systemd" ? ["--runc-systemd-cgroup"] : [];
    return ["--runc-binary", runtimePath(this.runtime), ...driver, "--cgroup", this.engine.world.place(`${this.id}${suffix}`)];
  }

  /** `ctr run --rm` to its end. */
  run(flags: readonly string[], program: string | readonly string[], options: Options = {}): Promise<Ended> {
    return this.ctr(["run", "--rm", ...this.place(), ...flags, IMAGE, this.id, ...words(program)], options);
  }

  /** `ctr run -d`; its output goes nowhere. */
  async start(flags: readonly string[], program: string | readonly string[], suffix = ""): Promise<void> {
    await this.output("run", "-d", "--null-io", ...this.place(suffix), ...flags, IMAGE, `${this.id}${suffix}`, ...words(program));
  }

  /** A session of ctr at a terminal. */
  async talk(args: readonly string[], steps: readonly Step[]): Promise<Ended> {
    return converse(this.engine.world.command(["ctr", "-a", this.engine.socket, "-n", NAMESPACE, ...args]), {}, steps);
  }

  exec(program: string | readonly string[], flags: readonly string[] = []): Promise<Ended> {
    return this.ctr(["task", "exec", "--exec-id", `exec-${crypto.randomUUID()}`, ...flags, this.id, ...words(program)]);
  }

  /** As exec, for what says something: ctr gives up reading when the program has ended, and on a busy machine that may be too soon. */
  said(program: string | readonly string[], flags: readonly string[] = []): Promise<Ended> {
    return until(async () => [await this.exec(program, flags)].find(({ out }) => out !== ""), `the output of ${String(program)}`);
  }

  /** Waits until a condition of sh(1) holds in the container. */
  holds(condition: string): Promise<void> {
    return untilInside(condition, (script) => this.exec(script));
  }

  /** Waits until the container's program has ended. */
  async stopped(): Promise<void> {
    await until(async () => (await this.state()) === "STOPPED", `the end of ${this.id}`);
  }

  /** Waits until a container of the interface of Kubernetes has ended. */
  async ended(id: string): Promise<void> {
    await until(async () => integer(inner(await this.engine.cri.call("ContainerStatus", { 1: id }), 1), 3) !== 1, `the end of ${id}`);
  }

  /** The state that `ctr task ls` shows. */
  async state(): Promise<string> {
    const line = (await this.output("task", "ls")).split("\n").find((one) => one.split(/\s+/)[0] === "<id>");
    return line?.trim().split(/\s+/)[2] ?? "none";
  }

  async close(): Promise<void> {
    for (const id of this.#ids) {
      await this.ctr(["task", "rm", "-f", id]);
      await this.ctr(["containers", "rm", id]);
    }
  }
}

function words(program: string | readonly string[]): readonly string[] {
  return typeof program === "string" ? ["sh", "-c", program] : program;
}

export function containerdStage(): Stage<ContainerdBox> {
  let engine: Containerd | undefined;
  const there = (): Containerd => {
    if (engine === undefined) throw new Error("containerd was not started");
    return engine;
  };
  return {
    engine: "containerd", parts: ["root", "containerd", "runc", "busybox", "cni"],
    async open() {
      engine = await Containerd.start();
    },
    box: (scenario, runtime) => new ContainerdBox(there(), scenario, runtime),
    close: async () => (await engine?.close()) ?? [],
  };
}
