/** What `inspect` says of a container: docker's document where both have the same thing, and `Pidbox` for what docker has no words for. Pure. */
import { signalName } from "../kernel/abi/signals.ts";
import type { EndRecord } from "../engine/end-record.ts";
import type { ContainerState, ContainerStatus } from "../engine/store.ts";
import { imageOf } from "../engine/store.ts";
import type { Life } from "../engine/stored.ts";
import type { PublishedPort } from "../spec/publish.ts";
import type { LinuxResources, Mount, Rlimit } from "../spec/runtime-config.ts";

/** All that is known of a container. */
export interface Inspected {
  readonly directory: string;
  readonly state: ContainerState;
  readonly status: ContainerStatus | undefined;
  readonly end: EndRecord;
  readonly life: Life;
  readonly paused: boolean;
  readonly logPath: string;
  /** Where its ports are reached now. */
  readonly ports: readonly PublishedPort[];
}

/** Go's zero time. */
const NEVER = "0001-01-01T00:00:00Z";

const moment = (milliseconds: number | undefined): string => (milliseconds === undefined || milliseconds <= 0 ? NEVER : new Date(milliseconds).toISOString());

/** Docker's word for where a container is in its life. */
export function statusWord(life: Life, paused: boolean): string {
  if (life === "running") return paused ? "paused" : "running";
  return life === "lost" || life === "ended" ? "exited" : life === "starting" ? "created" : life;
}

/** The exit code that stands for the end: of the program, of a start that failed, or of the kill that nobody wrote down. */
function exitCode({ status, end, life }: Inspected): number {
  if (life === "lost") return 137;
  if (end.failedStart !== undefined) return end.failedStart;
  return status?.state === "ended" ? status.code : 0;
}

function stateDocument(inspected: Inspected): Record<string, unknown> {
  const { status, end, life, paused } = inspected;
  const runs = life === "running" || life === "restarting";
  return {
    Status: statusWord(life, paused), Running: runs, Paused: paused, Restarting: life === "restarting", OOMKilled: end.oomKilled, Dead: false,
    Pid: life === "running" ? status?.pid ?? 0 : 0, ExitCode: runs && life !== "restarting" ? 0 : exitCode(inspected),
    Error: end.failedStart === undefined ? "" : end.why ?? "", StartedAt: moment(status?.started),
    FinishedAt: moment(status?.state === "ended" ? status.ended : undefined),
  };
}

function resourceDocument(resources: LinuxResources | undefined): Record<string, unknown> {
  const { memory, cpu, pids } = resources ?? {};
  const quota = cpu?.quota === undefined || cpu.quota < 0 ? 0 : Math.round((Number(cpu.quota) / Number(cpu.period ?? 100_000)) * 1e9);
  return {
    Memory: Number(memory?.limit ?? 0), MemorySwap: Number(memory?.swap ?? 0), CpuShares: Number(cpu?.shares ?? 0), NanoCpus: quota,
    CpusetCpus: cpu?.cpus ?? "",
    PidsLimit: pids?.limit ?? null,
  };
}

const isBind = (mount: Mount): boolean => mount.options?.some((option) => option === "bind" || option === "rbind") ?? false;
/** Those that every container has are no news. */
const KERNEL = ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup"];

function mountDocuments(mounts: readonly Mount[]): Record<string, unknown>[] {
  return mounts.filter((mount) => isBind(mount) || (mount.type === "tmpfs" && !KERNEL.includes(mount.destination))).map((mount) => {
    const options = (mount.options ?? []).filter((option) => !option.startsWith("x-pidbox."));
    const propagation = options.find((option) => /^r?(private|shared|slave)$/.test(option)) ?? "";
    return {
      Type: isBind(mount) ? "bind" : "tmpfs", Source: isBind(mount) ? mount.source ?? "" : "", Destination: mount.destination, Mode: options.join(","),
      RW: !options.includes("ro"), Propagation: propagation,
    };
  });
}

function namespaceMode(state: ContainerState, type: string, shared: string): string {
  const found = state.blueprint.config.linux?.namespaces?.find((one) => one.type === type);
  if (found === undefined) return "host";
  return found.path === undefined ? shared : `container:${state.kept?.shares ?? ""}`;
}

function ulimitDocument({ type, soft, hard }: Rlimit): Record<string, unknown> {
  return { Name: type.replace("RLIMIT_", "").toLowerCase(), Soft: Number(soft), Hard: Number(hard) };
}

/** Docker's map of ports; what the kernel has yet to choose is empty. */
function portDocument(ports: readonly PublishedPort[]): Record<string, unknown> {
  const bindings = Map.groupBy(ports, ({ port }) => `${port}/tcp`);
  return Object.fromEntries([...bindings].map(([name, list]) => [
    name, list.map(({ address, hostPort }) => ({ HostIp: address, HostPort: hostPort === 0 ? "" : String(hostPort) })),
  ]));
}

function hostDocument({ state }: Inspected): Record<string, unknown> {
  const { config, init } = state.blueprint;
  const { kept } = state;
  const log = kept?.log;
  const options = log === undefined || log.driver === "none" ? {} : { "max-size": String(log.maxSize ?? -1), "max-file": String(log.maxFiles ?? 1) };
  const mounts = config.mounts ?? [];
  return {
    Binds: mounts.filter(isBind).map(({ source = "", destination, options: words = [] }) => `${source}:${destination}${words.includes("ro") ? ":ro" : ""}`),
    LogConfig: { Type: log?.driver ?? "none", Config: options }, NetworkMode: "none", PortBindings: portDocument(state.blueprint.published ?? []),
    RestartPolicy: { Name: kept?.restart.name ?? "no", MaximumRetryCount: kept?.restart.retries ?? 0 }, AutoRemove: state.remove,
    PidMode: namespaceMode(state, "pid", ""), IpcMode: namespaceMode(state, "ipc", "private"), UTSMode: namespaceMode(state, "uts", ""),
    UsernsMode: namespaceMode(state, "user", "private"), CgroupnsMode: namespaceMode(state, "cgroup", "private"), CgroupParent: config.linux?.cgroupsPath ?? "",
    Privileged: state.unsafe.includes("privileged"), ReadonlyRootfs: config.root?.readonly ?? false, Init: init, OomScoreAdj: config.process?.oomScoreAdj ?? 0,
    Capabilities: config.process?.capabilities?.bounding ?? [], Sysctls: config.linux?.sysctl ?? {}, Runtime: "pidbox",
    Ulimits: (config.process?.rlimits ?? []).map(ulimitDocument),
    MaskedPaths: config.linux?.maskedPaths ?? [], ReadonlyPaths: config.linux?.readonlyPaths ?? [],
    Devices: (config.linux?.devices ?? []).map(({ path }) => ({ PathOnHost: path, PathInContainer: path })), ...resourceDocument(config.linux?.resources),
  };
}

function configDocument({ state }: Inspected): Record<string, unknown> {
  const { config, stop, stdio, published } = state.blueprint;
  const { user, env = [], args = [], cwd } = config.process ?? { cwd: "/" };
  const input = state.kept?.input ?? "none";
  return {
    Hostname: config.hostname ?? "", Domainname: config.domainname ?? "", User: user === undefined ? "" : `${user.uid}:${user.gid}`, Tty: stdio.kind === "terminal",
    OpenStdin: input !== "none", StdinOnce: input === "once", Env: env, Cmd: args, Entrypoint: null, Image: imageOf(state), WorkingDir: cwd,
    Labels: state.labels,
    ...(published === undefined ? {} : { ExposedPorts: Object.fromEntries(published.map(({ port }) => [`${port}/tcp`, {}])) }),
    StopSignal: signalName(stop?.signal ?? 15), StopTimeout: stop?.timeout ?? 10,
  };
}

function ownDocument({ directory, state, status, end, life }: Inspected): Record<string, unknown> {
  const { blueprint } = state;
  return {
    Verb: state.verb, Directory: directory, Supervisor: life === "running" || life === "restarting" ? status?.supervisor ?? 0 : 0, Cgroups: state.cgroups,
    Unsafe: state.unsafe, Degraded: state.degraded, Seccomp: blueprint.seccomp ?? null, Landlock: blueprint.landlock,
    NoNewPrivileges: blueprint.config.process?.noNewPrivileges ?? false,
    IdMapping: blueprint.mapping === undefined ? null : { uid: blueprint.mapping.uid, gid: blueprint.mapping.gid },
    Layer: state.layer ?? null, LostLogEntries: status?.lost ?? 0, Why: life === "lost" ? "its supervisor was killed" : end.why ?? null, StoppedByUser: end.stopped,
    Lost: life === "lost" || end.lost === true, RestartDelay: end.delay ?? null,
  };
}

/** The document. */
export function inspectDocument(inspected: Inspected): Record<string, unknown> {
  const { state, end, logPath } = inspected;
  const { config, rootfs } = state.blueprint;
  const lower = rootfs.kind === "assembled" ? "" : rootfs.source;
  return {
    Id: state.id, Created: moment(state.created), Path: state.command[0] ?? "", Args: state.command.slice(1), State: stateDocument(inspected),
    Image: imageOf(state),
    LogPath: logPath, Name: `/${state.name}`, RestartCount: end.restarts, Driver: rootfs.kind, Platform: "linux",
    ProcessLabel: config.process?.selinuxLabel ?? "", AppArmorProfile: config.process?.apparmorProfile ?? "", HostConfig: hostDocument(inspected),
    GraphDriver: {
      Name: rootfs.kind,
      Data: state.layer === undefined ? { LowerDir: lower } : { LowerDir: lower, UpperDir: `${state.layer}/upper`, WorkDir: `${state.layer}/work` },
    },
    Mounts: mountDocuments(config.mounts ?? []), Config: configDocument(inspected),
    NetworkSettings: { Ports: portDocument(inspected.ports), Networks: {} }, Pidbox: ownDocument(inspected),
  };
}
