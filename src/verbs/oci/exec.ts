/** `pidbox-oci exec`: one more process in a container that runs. */
import { PidboxError } from "../../base/error.ts";
import { absolute } from "../../base/path.ts";
import { quote } from "../../base/text.ts";
import { cgroupVersion } from "../../engine/cgroup-files.ts";
import { readHost } from "../../engine/host.ts";
import { createImageFile, replaceProcess } from "../../engine/launch.ts";
import { openInit, readRuntimeLife, readRuntimeState } from "../../engine/runtime-store.ts";
import type { RuntimeInit, RuntimeState } from "../../engine/runtime-store.ts";
import { errnoName } from "../../kernel/abi/errno.ts";
import { readBytes, readText } from "../../kernel/file.ts";
import type { Blueprint } from "../../plan/blueprint.ts";
import type { UserMapping } from "../../plan/host-facts.ts";
import { compileJoining } from "../../plan/joining.ts";
import { parseContainerId } from "../../spec/name.ts";
import type { Capabilities, LinuxNamespaceType, Process, User } from "../../spec/runtime-config.ts";
import { loadOptions } from "../../plan/seccomp-action.ts";
import { explained, faultOf } from "./plan-options.ts";
import { environmentOf, grantedProcess, ownedCapabilities, preserveDescriptors, raiseDescriptor, stdioOf } from "./process-frame.ts";
import { EXEC_OPTIONS } from "./process-options.ts";
import { CONTAINER_ID, SPEC_VERSION } from "./verb.ts";
import type { OciArguments, OciContext, OciOutcome, OciVerb } from "./verb.ts";

/** `UID[:GID]` in digits: a number is never a name, and a name is never looked up (CVE-2016-3697, CVE-2026-30892). Throws USAGE. */
function userOf(value: string): Pick<User, "uid" | "gid"> {
  const [, uid, gid = "0"] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(value) ?? [];
  if (uid !== undefined && Number(uid) < 2 ** 32 - 1 && Number(gid) < 2 ** 32 - 1) return { uid: Number(uid), gid: Number(gid) };
  throw new PidboxError("USAGE", `Cannot use ${quote(value, 60)} for --user: it is not UID[:GID] in digits`, { context: { from: "--user" } });
}

function withCapabilities(sets: Capabilities | undefined, added: readonly string[]): Capabilities {
  const with_ = (names: readonly string[] = []): string[] => [...new Set([...names, ...added])];
  return { ...sets, bounding: with_(sets?.bounding), effective: with_(sets?.effective), permitted: with_(sets?.permitted) };
}

async function readProcess(path: string): Promise<Process> {
  const bytes = readBytes(path, 16 << 20);
  if (typeof bytes === "number") throw new PidboxError("NOT_FOUND", `Cannot read the process ${quote(path)}: ${errnoName(bytes)}`, { context: { path, errno: errnoName(bytes), from: "--process" } });
  // Only this way of exec needs the validator, which takes its time to load.
  return (await import("../../spec/validate.ts")).parseProcess(bytes);
}

/** The process of `--process`, or the container's own with the flags over it, as runc has it. Throws USAGE, NOT_FOUND, CONFIG_INVALID. */
async function processOf(args: OciArguments, context: OciContext, own: Process): Promise<Process> {
  const file = args.value("process");
  if (file !== undefined) return readProcess(absolute(file, context.cwd));
  const command = args.operands.slice(1);
  if (command.length === 0) throw new PidboxError("USAGE", "process args cannot be empty");
  const [cwd, user, groups, capabilities] = [args.value("cwd"), args.value("user"), args.values("additional-gids"), args.values("cap")];
  const [apparmorProfile, selinuxLabel] = [args.value("apparmor"), args.value("process-label")];
  return {
    ...own, args: command, terminal: args.flag("tty"), env: [...own.env ?? [], ...args.values("env")],
    ...(cwd === undefined ? {} : { cwd }),
    ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
    ...(selinuxLabel === undefined ? {} : { selinuxLabel }),
    ...(args.flag("no-new-privs") ? { noNewPrivileges: true } : {}),
    ...(capabilities.length === 0 ? {} : { capabilities: withCapabilities(own.capabilities, capabilities) }),
    user: {
      ...own.user, ...(user === undefined ? { uid: own.user?.uid ?? 0, gid: own.user?.gid ?? 0 } : userOf(user)),
      ...(groups.length === 0 ? {} : { additionalGids: [...own.user?.additionalGids ?? [], ...groups.map(Number)] }),
    },
  };
}

/** The container that runs, and a descriptor of its first process. Throws NOT_FOUND, CONFLICT. */
function findRunning(args: OciArguments, context: OciContext): { state: RuntimeState; init: RuntimeInit; pidfd: number; directory: string } {
  const id = parseContainerId(args.operands[0] ?? "");
  const state = readRuntimeState(context.root, id);
  const directory = `${context.root}/${id}`;
  const { status, init } = readRuntimeLife(directory, state.cgroups);
  if (status === "stopped" || status === "creating") throw new PidboxError("CONFLICT", `cannot exec in a ${status === "stopped" ? "stopped" : "half made"} container`);
  if (status === "paused" && !args.flag("ignore-paused")) throw new PidboxError("CONFLICT", "cannot exec in a paused container (use --ignore-paused to override)");
  const pidfd = init === undefined ? -3 : openInit(init);
  if (init === undefined || pidfd < 0) throw new PidboxError("CONFLICT", "cannot exec in a stopped container");
  return { state, init, pidfd, directory };
}

/** A user namespace in which setgroups(2) is denied for ever, as an unprivileged maker of it had to do (user_namespaces(7)). */
const WITHOUT_GROUPS: UserMapping = { uid: [], gid: [], writer: { kind: "self" } };

function blueprintOf(process: Process, args: OciArguments, context: OciContext, found: ReturnType<typeof findRunning>, preserved: number): Blueprint {
  const { state, directory } = found;
  const leaves = args.flag("detach");
  const [pidFile, consoleSocket, pidfdSocket] = [args.value("pid-file"), args.value("console-socket"), args.value("pidfd-socket")];
  const filter = readBytes(`${directory}/seccomp`, 1 << 20);
  const { seccomp: profile, personality, memoryPolicy } = state.config.linux ?? {};
  const groups = readText(`/proc/${found.init.pid}/setgroups`);
  return {
    id: state.id, rootfs: { kind: "bind", source: "/" }, idmapped: false, init: true, landlock: false, interruptTwice: false,
    config: {
      ociVersion: state.config.ociVersion, process,
      linux: {
        namespaces: (state.config.linux?.namespaces ?? []).map(({ type }) => ({ type, path: `/proc/${found.init.pid}/ns/${type}` })),
        ...(personality === undefined ? {} : { personality }), ...(memoryPolicy === undefined ? {} : { memoryPolicy }),
      },
    },
    stdio: stdioOf(process.terminal === true, consoleSocket, leaves),
    ...(typeof filter === "number" || profile === undefined ? {} : { seccomp: { name: "config", filter, ...loadOptions(profile) } }),
    state: { directory, files: [], names: [], reservations: [], keep: true },
    runtime: {
      waits: false, leaves, preserved, failure: ["oci", ...context.logWords, "__oci-exec-failed"], noPivot: false, newKeyring: true,
      document: { ociVersion: SPEC_VERSION, id: state.id, bundle: state.bundle },
      ...(pidFile === undefined ? {} : { pidFile: absolute(pidFile, context.cwd) }),
      ...(consoleSocket === undefined ? {} : { consoleSocket: absolute(consoleSocket, context.cwd) }),
      ...(pidfdSocket === undefined ? {} : { pidfdSocket: absolute(pidfdSocket, context.cwd) }),
    },
    executable: context.executable, title: state.id, unsafe: [], degraded: [],
    ...(typeof groups === "string" && groups.startsWith("deny") ? { mapping: WITHOUT_GROUPS } : {}),
  };
}

async function execute(args: OciArguments, context: OciContext): Promise<OciOutcome> {
  const found = findRunning(args, context);
  const { state, init, pidfd } = found;
  if (state.systemdUnit !== undefined && state.rootless) (await import("./scope.ts")).reachScope(state, context);
  const own = state.config.process;
  if (own === undefined) throw new PidboxError("CONFIG_INVALID", "The container's config has no process", { context: { from: "/process" } });
  const process = await processOf(args, context, own);
  const preserved = preserveDescriptors(args, context);
  const { facts } = readHost();
  const granted = grantedProcess(process, ownedCapabilities(state.config, facts), context);
  const whole = { ...granted, env: environmentOf(process, state.rootfs, context, preserved.listening) };
  const blueprint = blueprintOf(whole, args, context, found, preserved.all);
  const namespaces = (state.config.linux?.namespaces ?? []).map(({ type }): LinuxNamespaceType => type);
  const joined = args.values("cgroup");
  const places = joined.length === 0 ? state.cgroups : (await import("./exec-cgroup.ts")).execCgroups(state.cgroups, facts.cgroups, joined);
  const cgroups = places.map((directory) => ({ version: cgroupVersion(directory), directory }));
  const file = createImageFile();
  const options = { self: file, pidfd: raiseDescriptor(pidfd, preserved.all), ...faultOf(args) };
  const plan = compileJoining(blueprint, { pid: init.pid, namespaces, cgroups }, facts, options);
  return args.flag("explain") ? explained(plan) : replaceProcess(file, plan, state.id);
}

export const exec: OciVerb = {
  name: "exec",
  summary: "execute new process inside the container",
  usage: "<container-id> <command> [command options]  || -p process.json <container-id>",
  description: "The exec command runs one more process in a container, with all of the container's confinement. A small process of pidbox is its parent inside: it reaps what the process leaves behind, forwards signals, and ends with its status.",
  options: EXEC_OPTIONS,
  operands: [CONTAINER_ID, { name: "command", help: "The program and its arguments", repeat: true }],
  optionsFirst: true,
  failure: { prefix: "exec failed", exit: 255 },
  run: execute,
};
