/** Puts together what the flags of `do` and `run` ask for. The two differ in root, environment and strictness; all else is here once. */
import { PidboxError } from "../base/error.ts";
import { absolute } from "../base/path.ts";
import { readHost } from "../engine/host.ts";
import type { Host } from "../engine/host.ts";
import { findContainer, isSupervised, readState, readStatus, stateRoot } from "../engine/store.ts";
import type { Blueprint, Rootfs, Stdio } from "../plan/blueprint.ts";
import { kernelMounts, MASKED_PATHS, READONLY_PATHS, SHM_SIZE } from "../plan/defaults.ts";
import type { HostFacts, UserMapping } from "../plan/host-facts.ts";
import type { Config, Mount } from "../spec/runtime-config.ts";
import { parseHostname } from "../spec/name.ts";
import { quote } from "../base/text.ts";
import { namespacesOf, pidReference, sysctlsOf } from "./container-config.ts";
import type { JoinedContainer } from "./container-config.ts";
import { resourcesOf, rlimitsOf, wholeNumber } from "./container-limits.ts";
import type { Kind } from "./container-limits.ts";
import { userDevices, userMounts } from "./container-mounts.ts";
import type { BindPolicy } from "./container-mounts.ts";
import { securityOf } from "./container-security.ts";
import type { Security } from "./container-security.ts";
import { closePlace, openPlace, placeMapping, startContainer } from "./container-start.ts";
import type { Intent, Kept, Place } from "./container-start.ts";
import { identityOf, isMapped } from "./container-user.ts";
import type { Identity } from "./container-user.ts";
import { watchStart } from "./watched-start.ts";
import { Overrides, parseDegraded } from "./refusals.ts";
import type { Arguments, Context, Outcome } from "./verb.ts";

/** What is known before the root is chosen. */
export interface Draft {
  readonly kind: Kind;
  readonly intent: Intent;
  readonly args: Arguments;
  readonly context: Context;
  readonly host: Host;
  readonly place: Place;
  readonly joined: JoinedContainer | undefined;
  readonly mapping: UserMapping | undefined;
  readonly security: Security;
  readonly overrides: Overrides;
  readonly degraded: readonly string[];
  readonly binds: BindPolicy;
  readonly stdio: Stdio;
  readonly hostname: string;
}

/** What a verb adds to the draft. */
export interface Scene {
  readonly rootfs: Rootfs;
  readonly command: readonly string[];
  readonly identity: Identity;
  readonly environment: readonly string[];
  readonly cwd: string;
  /** Mounts beside those of the kernel and before the user's own. */
  readonly mounts: readonly Mount[];
  /** The verb's own mounts that must lie over the user's. */
  readonly userMounts: readonly Mount[];
  readonly hidden: readonly string[];
  readonly degraded: readonly string[];
}

/** With a terminal on both sides the program gets one of its own; docker's `-t` without a terminal on the host keeps stdin and drops the terminal. */
export function stdioOf(args: Arguments, context: Context, kind: Kind, intent: Intent): Stdio {
  const tty = args.value("tty") ?? (kind === "do" ? "auto" : "false");
  const input = args.flag("interactive", kind === "do");
  if (intent !== "foreground") {
    if (tty !== "false" && tty !== "auto") return { kind: "terminal", input };
    return input ? { kind: "inherit" } : { kind: "no-input" };
  }
  const wanted = tty === "" || tty === "true" || tty === "force" || (tty === "auto" && context.terminal.stdin && context.terminal.stdout);
  if (wanted && tty !== "force" && !(input ? context.terminal.stdin : context.terminal.stdout)) {
    context.note("there is no terminal here, so the program gets none (--tty=force insists)");
    return input ? { kind: "inherit" } : { kind: "no-input" };
  }
  if (wanted) return { kind: "terminal", input };
  return input ? { kind: "inherit" } : { kind: "no-input" };
}

function joinedContainer(args: Arguments, context: Context, facts: HostFacts): JoinedContainer | undefined {
  const reference = pidReference(args);
  if (reference === undefined) return undefined;
  const root = stateRoot(facts.uid, context.environment);
  const id = findContainer(root, reference);
  const directory = `${root}/containers/${id ?? ""}`;
  const status = id === undefined ? undefined : readStatus(directory);
  const state = id === undefined ? undefined : readState(directory);
  if (status?.state !== "running" || state === undefined || !isSupervised(directory)) {
    throw new PidboxError("NOT_FOUND", `No running container of pidbox is called ${quote(reference, 60)}`, {
      hint: "pidbox ps lists them",
      context: { from: "--pid" },
    });
  }
  if (!facts.privileged) {
    throw new PidboxError("HOST_UNSUPPORTED", "Cannot share a PID namespace as an unprivileged user", { hint: "Start both containers as root", context: { feature: "pid namespace", from: "--pid" } });
  }
  const { mapping } = state.blueprint;
  return { id: state.id, initPid: status.pid, ...(mapping === undefined ? {} : { mapping }) };
}

/** With its own PID namespace a container's processes die with its PID 1; in a shared one only its cgroup tells which they are (runc issue 4398). */
function checkEnd(draft: Draft, joined: JoinedContainer | undefined): void {
  if (draft.host.facts.cgroups.length > 0 || (joined === undefined && draft.args.value("pid") !== "host")) return;
  throw new PidboxError("HOST_UNSUPPORTED", "Cannot share a PID namespace without a cgroup: processes that the program leaves behind could not be found and stopped", {
    hint: "Leave the PID namespace on", context: { feature: "cgroups", from: "--pid" },
  });
}

/** A procfs of the container's own needs an unmasked one on the host; without, the container has an empty /proc and that must be asked for. */
function procMounts(mounts: readonly Mount[], draft: Draft): Mount[] {
  const shared = draft.args.value("pid") === "host";
  const replaced = mounts.map((mount): Mount | undefined => {
    if (mount.type === "proc" && draft.degraded.includes("proc")) return undefined;
    if (mount.type === "sysfs" && draft.host.facts.sysMasked) {
      draft.context.note("there is no /sys inside: parts of this host's /sys are mounted over, as inside a container");
      return undefined;
    }
    // The kernel gives a fresh procfs of the host's PID namespace only to the host's user namespace.
    if (mount.type === "proc" && shared) {
      return { destination: "/proc", type: "bind", source: "/proc", options: ["rbind", "nosuid", "nodev", "noexec", "rprivate"] };
    }
    if (mount.type === "mqueue" && draft.args.value("ipc") === "host") return undefined;
    if (mount.destination === "/dev/shm" && draft.args.value("ipc") === "host") {
      return { destination: "/dev/shm", type: "bind", source: "/dev/shm", options: ["bind", "nosuid", "nodev", "noexec"] };
    }
    // The kernel shows the host's cgroup namespace to no other user namespace.
    const hostCgroups = draft.args.value("cgroupns") === "host" && draft.args.value("userns") !== "host";
    if (mount.destination === "/sys/fs/cgroup" && (hostCgroups || draft.degraded.includes("cgroups"))) return undefined;
    return mount;
  });
  return replaced.filter((mount) => mount !== undefined);
}

function checkProc(draft: Draft): void {
  if (!draft.host.facts.procMasked || draft.degraded.includes("proc") || draft.args.value("pid") === "host") return;
  throw new PidboxError("HOST_UNSUPPORTED", "Cannot mount a /proc of the container's own: parts of this host's /proc are mounted over, as inside a container", {
    hint: "Start the outer container with unmasked /proc (docker: --security-opt systempaths=unconfined), or do without /proc: --allow-degraded=proc", context: { feature: "proc" },
  });
}

async function configOf(draft: Draft, scene: Scene, joined: JoinedContainer | undefined): Promise<Config> {
  const { args, kind, security, overrides, host: { facts } } = draft;
  const { parseSize } = args.value("shm-size") === undefined ? { parseSize: undefined } : await import("../spec/size.ts");
  const hasTtyGroup = draft.mapping === undefined || isMapped(draft.mapping.gid, 5);
  const kernel = kernelMounts({
    processesOnly: kind === "do" && facts.procMountOptions, shmSize: parseSize === undefined ? SHM_SIZE : parseSize(args.value("shm-size") ?? "", "--shm-size"),
    cgroups: kind === "run", hasTtyGroup, ...(security.procOptions === undefined ? {} : { procOptions: security.procOptions }),
  });
  const oom = wholeNumber(args, "oom-score-adj", 0, 1000);
  const caps = scene.identity.user.uid === 0 || security.capabilities.length === 0 ? security.capabilities : [];
  const namespaces = namespacesOf(args, overrides, facts.timeNamespace, joined);
  const cgroupParent = args.value("cgroup-parent");
  const devices = await userDevices(args, overrides);
  const mapping = joined === undefined ? draft.mapping : undefined;
  return {
    ociVersion: "1.3.0",
    process: {
      args: scene.command,
      env: scene.environment,
      cwd: scene.cwd,
      user: scene.identity.user,
      noNewPrivileges: security.noNewPrivileges,
      rlimits: await rlimitsOf(args, kind),
      capabilities: { bounding: security.capabilities, effective: caps, permitted: caps },
      terminal: draft.stdio.kind === "terminal",
      ...(oom === undefined ? {} : { oomScoreAdj: oom }),
      ...(security.apparmor === undefined ? {} : { apparmorProfile: security.apparmor }),
      ...(security.label === undefined ? {} : { selinuxLabel: security.label }),
    },
    root: {
      path: scene.rootfs.kind === "assembled" ? "/" : scene.rootfs.source,
      readonly: args.flag("read-only") || scene.rootfs.kind === "assembled",
    },
    ...(args.value("uts") === "host" ? {} : { hostname: draft.hostname }),
    mounts: [...procMounts(kernel, draft), ...scene.mounts, ...scene.userMounts],
    linux: {
      namespaces, resources: resourcesOf(args, kind), sysctl: await sysctlsOf(args),
      ...(mapping === undefined ? {} : { uidMappings: mapping.uid, gidMappings: mapping.gid }),
      ...(devices.length === 0 ? {} : { devices }),
      ...(cgroupParent === undefined ? {} : { cgroupsPath: `${cgroupParent}/${draft.place.id}` }),
      maskedPaths: [...(security.openPaths ? [] : MASKED_PATHS), ...scene.hidden], readonlyPaths: security.openPaths ? [] : READONLY_PATHS,
    },
  };
}

/** What a container that is not removed at its end needs beyond its blueprint, and where its data is. */
async function keptOf(draft: Draft, rootfs: Rootfs): Promise<Kept | undefined> {
  const { args, kind, intent, place, host: { facts }, context, degraded } = draft;
  if (kind !== "run" || (args.flag("rm") && intent === "foreground")) return undefined;
  const [{ keptSettings }, { dataPaths }] = await Promise.all([import("./container-keep.ts"), import("./container-kept.ts")]);
  const settings = keptSettings(args, intent === "background");
  // Without id-mapped mounts the files would have the ids of this one start.
  const layered = rootfs.kind === "overlay" && !args.flag("rm") && !degraded.includes("layer") && !degraded.includes("idmap");
  const shares = draft.joined?.id;
  return { settings: { ...settings, ...(shares === undefined ? {} : { shares }) }, ...dataPaths(place.id, settings, layered, facts, context.environment) };
}

async function blueprintOf(draft: Draft, scene: Scene, kept: Kept | undefined): Promise<Blueprint> {
  const { args, context, place, security, overrides } = draft;
  const { joined } = draft;
  const config = await configOf(draft, scene, joined);
  const { stopOf } = args.value("stop-signal") === undefined && args.value("stop-timeout") === undefined ? { stopOf: () => ({}) } : await import("./container-stop.ts");
  const published = args.values("publish").length === 0 ? undefined : (await import("../spec/publish.ts")).parsePublished(args.values("publish"));
  const keep = draft.kind === "run" && !args.flag("rm");
  const pidFile = draft.kind === "run" ? args.value("pidfile") : undefined;
  const rootfs: Rootfs = scene.rootfs.kind === "overlay" && kept?.layer !== undefined ? { ...scene.rootfs, layer: kept.layer } : scene.rootfs;
  return {
    id: place.id, config, rootfs, ...(draft.mapping === undefined ? {} : { mapping: draft.mapping }),
    idmapped: true,
    // In a shared PID namespace there is a PID 1 already, and orphans go to it.
    init: args.flag("init", true) && joined === undefined && args.value("pid") !== "host",
    stdio: draft.stdio,
    ...(security.seccomp === undefined ? {} : { seccomp: security.seccomp }),
    landlock: security.landlock,
    ...(draft.kind === "run" ? { managed: true } : {}),
    ...(published === undefined ? {} : { published }),
    interruptTwice: draft.stdio.kind !== "terminal",
    ...stopOf(args), ...(pidFile === undefined ? {} : { pidFile: absolute(pidFile, context.cwd) }),
    state: {
      directory: place.directory, files: ["state.json", "status", ...(published === undefined ? [] : ["ports"])],
      names: place.names, reservations: place.reservations, keep,
      ...(kept === undefined ? {} : { failed: "remove" }),
    },
    executable: context.executable, title: place.name, unsafe: overrides.used, degraded: [...draft.degraded, ...scene.degraded],
  };
}

function checkDirectory(args: Arguments): void {
  const directory = args.value("workdir");
  if (directory === undefined || directory.startsWith("/")) return;
  throw new PidboxError("USAGE", `Cannot use ${quote(directory, 120)} for --workdir: it is a path in the container, from /`, { context: { from: "--workdir" } });
}

/** Runs `do` or `run`, or makes for `create`: flags and host to a blueprint, that to a container. Throws what its parts throw; nothing is left then. */
export async function runContainer(
  kind: Kind, args: Arguments, surroundings: Context, sceneOf: (draft: Draft) => Promise<Scene>, intent: Intent = "foreground",
): Promise<Outcome> {
  const watched = await watchStart(kind, args, surroundings, intent === "foreground");
  const { context } = watched;
  const host = readHost();
  const { facts } = host;
  const overrides = new Overrides(args.values("unsafe"));
  const degraded = parseDegraded(args.values("allow-degraded"));
  const security = await securityOf(args, kind, facts, overrides, degraded);
  const stdio = stdioOf(args, context, kind, intent);
  const dry = args.flag("explain");
  const place = watched.aside(() => openPlace(args, context, facts, dry));
  try {
    const joined = joinedContainer(args, context, facts);
    const mapping = joined === undefined ? await placeMapping(args, context, facts, kind, place) : joined.mapping;
    const given = args.value("hostname");
    const draft: Draft = {
      kind, intent, args, context, host, place, joined, mapping, security, overrides, degraded, stdio,
      binds: { cwd: context.cwd, idmap: facts.privileged && mapping !== undefined && !degraded.includes("idmap"), overrides },
      hostname: given === undefined ? place.id.slice(0, 12) : parseHostname(given),
    };
    checkDirectory(args);
    checkProc(draft);
    checkEnd(draft, joined);
    const scene = await sceneOf(draft);
    const kept = await keptOf(draft, scene.rootfs);
    const blueprint = await blueprintOf(draft, scene, kept);
    return await startContainer({ blueprint, facts, args, kind, place, intent, watched, ...(kept === undefined ? {} : { kept }) });
  } catch (error) {
    watched.end();
    if (!dry) closePlace(place);
    throw error;
  }
}

/** The user's mounts and identity, which both verbs need. */
export async function userScene(draft: Draft, rootfs: string): Promise<{ mounts: Mount[]; identity: Identity }> {
  return { mounts: await userMounts(draft.args, draft.binds), identity: await identityOf(draft.args, rootfs, draft.mapping) };
}
