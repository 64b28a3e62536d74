/** Pods of Kubernetes on containerd, whose runtimes are chosen by `BinaryName` in its configuration. */
import { mkdirSync, readFileSync } from "node:fs";
import { type ContainerdBox } from "./containerd.ts";
import { integer, inner, text, type Message } from "./cri.ts";
import { IMAGE } from "./image.ts";
import { normalise } from "./outcome.ts";
import { type Scenario } from "./scenario.ts";

/** Modes of namespaces in the interface. */
const MODE = { pod: 0, container: 1, node: 2 } as const;

interface Exec {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A pod of the scenario, and its containers. */
class Pod {
  readonly #box: ContainerdBox;
  readonly #config: Message;
  /** The namespaces that it and its containers have of each other. */
  readonly #namespaces: Message;
  id = "";
  readonly containers: string[] = [];

  constructor(box: ContainerdBox, options: { pid?: number; network?: number } = {}) {
    const { world } = box.engine;
    mkdirSync(`${box.directory}/logs`);
    this.#box = box;
    this.#namespaces = { 1: options.network ?? MODE.pod, 2: options.pid ?? MODE.container, 3: MODE.pod };
    this.#config = {
      1: { 1: box.id, 2: box.id, 3: "default" }, 2: options.network === MODE.node ? undefined : "pod", 3: `${box.directory}/logs`,
      8: { 1: world.cgroup, 2: { 1: this.#namespaces }, 3: options.network === MODE.node ? undefined : { 1: "net.ipv4.ip_forward", 2: "1" } },
    };
  }

  async start(): Promise<void> {
    this.id = text(await this.#box.engine.cri.call("RunPodSandbox", { 1: this.#config, 2: this.#box.runtime }), 1);
  }

  /** Creates and starts a container with resources and a security context. */
  async run(name: string, script: string, resources: Message = {}, security: Message = {}, more: Message = {}): Promise<string> {
    const { cri } = this.#box.engine;
    const config: Message = {
      1: { 1: name }, 2: { 1: IMAGE }, 3: ["sh", "-c", script], 11: `${name}.log`,
      15: { 1: resources, 2: { 3: this.#namespaces, ...security } }, ...more,
    };
    const id = text(await cri.call("CreateContainer", { 1: this.id, 2: config, 3: this.#config }), 1);
    this.containers.push(id);
    await cri.call("StartContainer", { 1: id });
    return id;
  }

  async exec(id: string, script: string): Promise<Exec> {
    const ended = await this.#box.engine.cri.call("ExecSync", { 1: id, 2: ["sh", "-c", script], 3: 30 });
    const clean = (value: string): string => normalise(value, { id: this.#box.id, parent: this.#box.engine.world.cgroup.slice(1) });
    return { code: integer(ended, 3), out: clean(text(ended, 1)), err: clean(text(ended, 2)) };
  }

  /** Exit code and reason of a container. */
  async status(id: string): Promise<{ readonly state: number; readonly code: number; readonly reason: string }> {
    const status = inner(await this.#box.engine.cri.call("ContainerStatus", { 1: id }), 1);
    return { state: integer(status, 3), code: integer(status, 7), reason: text(status, 10) };
  }

  /** Lines that a container wrote, without times. */
  log(name: string): string[] {
    return readFileSync(`${this.#box.directory}/logs/${name}.log`, "utf8").trim().split("\n").map((line) => line.split(" ").slice(1).join(" "));
  }

  async remove(): Promise<void> {
    if (this.id === "") return;
    const { cri } = this.#box.engine;
    await cri.call("StopPodSandbox", { 1: this.id });
    await cri.call("RemovePodSandbox", { 1: this.id });
  }
}

async function withPod<T>(box: ContainerdBox, options: { pid?: number; network?: number }, work: (pod: Pod) => Promise<T>): Promise<T> {
  const pod = new Pod(box, options);
  try {
    await pod.start();
    return await work(pod);
  } finally {
    await pod.remove();
  }
}

const SLEEP = "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 1000 & wait $!; done";

export const PODS: readonly Scenario<ContainerdBox>[] = [
  {
    name: "a pod with two containers",
    expected: {
      exec: { code: 3, out: "pod\n" }, web: { code: 0, out: "hello\n" },
      stopped: { state: 2, code: 5, reason: "Error" }, log: ["stdout F up", "stdout F bye"], pids: { out: "httpd\n" },
    },
    run: (box) => withPod(box, {}, async (pod) => {
      const { cri } = box.engine;
      const first = await pod.run("first", SLEEP);
      const second = await pod.run("second", "echo hello >/index.html; exec httpd -f -h /");
      const exec = await pod.exec(first, "hostname; exit 3");
      const web = await pod.exec(first, "until wget -q -O- http://127.0.0.1/ 2>/dev/null; do :; done");
      const pids = await pod.exec(second, "cat /proc/1/comm");
      const mounts = await pod.exec(first, "awk '{ print $5 }' /proc/self/mountinfo | sort; cat /proc/self/cgroup; grep -E '^(Cap|NoNew|Seccomp)' /proc/self/status; cat /proc/self/oom_score_adj");
      await cri.call("StopContainer", { 1: first, 2: 20 });
      return { exec, web, pids, mounts, stopped: await pod.status(first), log: pod.log("first") };
    }),
  },
  {
    name: "a pod with shared PIDs", expected: { seen: { code: 0, out: "sleep\n" }, one: { out: "sleep\n" }, survivor: { state: 1 } },
    run: (box) => withPod(box, { pid: MODE.pod }, async (pod) => {
      const first = await pod.run("first", "exec sleep 4321");
      const second = await pod.run("second", "exec sleep 5432");
      const seen = await pod.exec(second, "until ps -o args | grep -q '^sleep 4321'; do :; done; cat /proc/1/comm");
      const one = await pod.exec(first, "cat /proc/1/comm");
      await box.engine.cri.call("StopContainer", { 1: first, 2: 0 });
      return { seen, one, survivor: await pod.status(second), first: await pod.status(first) };
    }),
  },
  {
    name: "a pod in the node's network", expected: { same: true },
    run: (box) => withPod(box, { network: MODE.node }, async (pod) => {
      const id = await pod.run("first", "exec sleep 1000");
      const inside = await pod.exec(id, "readlink /proc/self/ns/net");
      return { same: inside.out === (await box.engine.world.run(["readlink", "/proc/self/ns/net"])).out, code: inside.code };
    }),
  },
  {
    name: "limits and privileges in a pod", driver: "both",
    expected: { user: { code: 0, out: "1000 1000 1000 29\n" }, limit: { out: "33554432\n" }, written: { code: 1 }, updated: { out: "67108864\n" } },
    run: (box) => withPod(box, {}, async (pod) => {
      const resources: Message = { 1: 100_000, 2: 50_000, 3: 512, 4: 33_554_432, 5: 900 };
      const security: Message = { 1: { 1: ["NET_ADMIN"], 2: ["CHOWN"] }, 5: { 1: 1000 }, 7: true, 11: true };
      const id = await pod.run("first", "exec sleep 1000", resources, security);
      const limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max";
      const seen = {
        user: await pod.exec(id, "echo $(id -u) $(id -g) $(id -G)"), limit: await pod.exec(id, limit), written: await pod.exec(id, "touch /x"),
        status: await pod.exec(id, "grep -E '^(Cap|NoNew|Seccomp)' /proc/self/status; cat /proc/self/oom_score_adj; cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null"),
      };
      await box.engine.cri.call("UpdateContainerResources", { 1: id, 2: { 4: 67_108_864 } });
      return { ...seen, updated: await pod.exec(id, limit) };
    }),
  },
  {
    name: "a container of a pod that ends by itself", expected: { status: { state: 2, code: 7, reason: "Error" }, log: ["stdout F out", "stderr F err"] },
    run: (box) => withPod(box, {}, async (pod) => {
      const id = await pod.run("first", "echo out; sleep 0.1; echo err >&2; exit 7");
      const other = await pod.run("second", "exec sleep 1000");
      await pod.exec(other, "true");
      await box.ended(id);
      return { status: await pod.status(id), log: pod.log("first") };
    }),
  },
  {
    name: "a container of a pod that cannot start", expected: { refused: true },
    run: (box) => withPod(box, {}, async (pod) => {
      const error = await pod.run("first", "", {}, {}, { 3: ["nosuch"] }).then(() => "", (reason: unknown) => String(reason));
      return { refused: error.includes("executable file not found in $PATH"), words: normalise(error, { id: box.id }) };
    }),
  },
  {
    name: "statistics of a pod's container", expected: { memory: true, cpu: true },
    run: (box) => withPod(box, {}, async (pod) => {
      const id = await pod.run("first", "exec sleep 1000");
      const stats = inner(await box.engine.cri.call("ContainerStats", { 1: id }), 1);
      const value = (field: number): number => integer(inner(inner(stats, field), 2), 1);
      return { memory: value(3) > 0, cpu: value(2) > 0 };
    }),
  },
];
