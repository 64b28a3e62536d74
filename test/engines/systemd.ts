/** What only a host with systemd and AppArmor has: containers in scopes, whose limits outlive a reload of systemd, and profiles. */
import { readFileSync } from "node:fs";
import { type ContainerdBox } from "./containerd.ts";
import { type DockerBox } from "./docker.ts";
import { type PodmanBox } from "./podman.ts";
import { type Scenario } from "./scenario.ts";
import { type World } from "./world.ts";

const PROPERTIES = ["ActiveState", "CPUQuotaPerSecUSec", "Delegate", "MemoryMax", "MemorySwapMax", "Slice", "TasksMax"];
const FILES = ["cpu.max", "memory.max", "memory.swap.max", "pids.max"];
const LIMITS = ["-m", "64m", "--memory-swap", "96m", "--cpus", "0.5", "--pids-limit", "20"];
/** What FILES say with LIMITS. */
const LIMITED = ["50000 100000", "67108864", "33554432", "20"];
const LABEL = "cat /proc/self/attr/current; touch /tmp/yes && echo yes; touch /tmp/no";
const CONFINED = "<name> (enforce)\nyes\n";

interface Scope {
  readonly properties: readonly string[];
  readonly files: readonly string[];
}

async function scopeOf(world: World, unit: string): Promise<Scope> {
  const { out } = await world.systemctl("show", unit, "-p", PROPERTIES.join(","));
  return {
    properties: out.trim().split("\n").toSorted(),
    files: FILES.map((name) => readFileSync(`/sys/fs/cgroup${world.cgroup}/${unit}/${name}`, "utf8").trim()),
  };
}

/** A scope before and after systemd has read all units again. */
async function reloaded(world: World, unit: string): Promise<{ readonly before: Scope; readonly after: Scope }> {
  const before = await scopeOf(world, unit);
  const { code, err } = await world.systemctl("daemon-reload");
  if (code !== 0) throw new Error(err);
  return { before, after: await scopeOf(world, unit) };
}

/** Gives the kernel a profile that forbids one file. */
async function load(world: World, name: string): Promise<void> {
  const profile = `profile ${name} flags=(attach_disconnected,mediate_deleted) { file, capability, signal, network, deny /tmp/no w, }\n`;
  const { code, err } = await world.run(["apparmor_parser", "-Kr"], { input: profile });
  if (code !== 0) throw new Error(err);
}

export const DOCKER_ON_SYSTEMD: readonly Scenario<DockerBox>[] = [
  {
    name: "a scope of systemd", driver: "systemd",
    expected: { before: { files: LIMITED }, after: { files: LIMITED }, changed: { files: ["50000 100000", "33554432", "16777216", "20"] }, gone: "" },
    async run(box) {
      const { world } = box.docker;
      await box.start(["--network", "none", ...LIMITS], ["sleep", "1000"]);
      const id = (await box.docker.cli(["inspect", "--format", "{{.Id}}", box.name])).out.trim();
      const unit = `docker-${id}.scope`;
      const { before, after } = await reloaded(world, unit);
      await box.output("update", "-m", "32m", "--memory-swap", "48m", box.name);
      const changed = (await reloaded(world, unit)).after;
      await box.output("rm", "-f", box.name);
      return { before, after, changed, gone: (await world.systemctl("list-units", "--all", "--no-legend", unit)).out };
    },
  },
  {
    name: "a profile of AppArmor", driver: "systemd", expected: { run: { code: 1, out: CONFINED }, exec: { code: 1, out: CONFINED } },
    async run(box) {
      await load(box.docker.world, box.name);
      const run = await box.run(["--network", "none", "--security-opt", `apparmor=${box.name}`], LABEL);
      await box.start(["--network", "none", "--security-opt", `apparmor=${box.name}`], ["sleep", "1000"]);
      return { run, exec: await box.exec(LABEL) };
    },
  },
];

export const CONTAINERD_ON_SYSTEMD: readonly Scenario<ContainerdBox>[] = [
  {
    name: "a profile of AppArmor", driver: "systemd", expected: { code: 1, out: CONFINED.replace("name", "id") },
    async run(box) {
      await load(box.engine.world, box.id);
      return box.run(["--apparmor-profile", box.id], LABEL);
    },
  },
];

export const PODMAN_ON_SYSTEMD: readonly Scenario<PodmanBox>[] = [
  {
    name: "a scope of systemd", driver: "systemd", expected: { before: { files: LIMITED }, after: { files: LIMITED }, gone: "" },
    async run(box) {
      const { world } = box.podman;
      await box.start(LIMITS, ["sleep", "1000"]);
      const id = (await box.podman.cli(["inspect", "--format", "{{.Id}}", box.name])).out.trim();
      const seen = await reloaded(world, `libpod-${id}.scope`);
      await box.output("rm", "-f", "-t", "0", box.name);
      return { ...seen, gone: (await world.systemctl("list-units", "--all", "--no-legend", `libpod-${id}.scope`)).out };
    },
  },
];

/** Only root may load a profile. */
export const PROFILED: readonly Scenario<PodmanBox>[] = [
  {
    name: "a profile of AppArmor", driver: "systemd", expected: { run: { code: 1, out: CONFINED } },
    async run(box) {
      await load(box.podman.world, box.name);
      return { run: await box.run(["--security-opt", `apparmor=${box.name}`], LABEL) };
    },
  },
];
