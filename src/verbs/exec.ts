/** `exec`: one more process in a container that runs, with all of the container's confinement. */
import { launchExitCode, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { cgroupVersion } from "../engine/cgroup-files.ts";
import { readFreezer } from "../engine/cgroup-freeze.ts";
import { readHost } from "../engine/host.ts";
import { journalFiles, subjectOf } from "../engine/journal.ts";
import { createImageFile, replaceProcess } from "../engine/launch.ts";
import { openHandles } from "../engine/stopping.ts";
import { readStatus, rootOf } from "../engine/store.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { randomBytes } from "../kernel/random.ts";
import type { Blueprint, JournalLines, RuntimeFrame } from "../plan/blueprint.ts";
import { compileJoining } from "../plan/joining.ts";
import { eventHead, eventTail } from "../spec/event.ts";
import type { Process } from "../spec/runtime-config.ts";
import { stdioOf } from "./container-blueprint.ts";
import { environmentOf } from "./container-config.ts";
import { CONTAINER_EXIT_CODES } from "./container-options.ts";
import { filterOf } from "./container-revive.ts";
import { identityOf } from "./container-user.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { FoundContainer } from "./stored-containers.ts";
import type { Arguments, Context, Outcome, Verb } from "./verb.ts";

const F_DUPFD = 0;
/** Above all descriptors that a plan keeps. */
const LOWEST = 32;

interface Running extends FoundContainer {
  /** Of its first process, above 31 and left open by exec. */
  readonly pidfd: number;
  readonly pid: number;
}

/** Throws NOT_FOUND, CONFLICT. */
function findRunning(reference: string, context: Context): Running {
  const found = containerOf(stateRootOf(context), reference);
  const { directory, name, state } = found;
  if (readFreezer(state.cgroups) === "frozen") throw new PidboxError("CONFLICT", `The container ${quote(name, 60)} is paused`, { hint: `pidbox unpause ${name}` });
  const { init } = openHandles(directory);
  const status = readStatus(directory);
  if (init === undefined || status === undefined) throw new PidboxError("CONFLICT", `The container ${quote(name, 60)} does not run`, { hint: `pidbox start ${name}` });
  return { ...found, pid: status.pid, pidfd: syscall(SYSCALLS.fcntl, init, F_DUPFD, LOWEST) };
}

/** Variables that the flags change: a home of another user, a terminal's kind. */
function baseEnvironment(own: readonly string[], home: string | undefined, terminal: boolean): string[] {
  const kept = home === undefined ? own : [...own.filter((variable) => !variable.startsWith("HOME=")), `HOME=${home}`];
  return terminal && !kept.some((variable) => variable.startsWith("TERM=")) ? [...kept, "TERM=xterm"] : [...kept];
}

/** Throws USAGE, NOT_FOUND, CONFIG_INVALID, IO. */
async function processOf(args: Arguments, context: Context, { state, pid }: Running, terminal: boolean): Promise<Process> {
  const own = state.blueprint.config.process;
  if (own === undefined) throw new PidboxError("CONFIG_INVALID", "The container's config has no process", { context: { from: "/process" } });
  const cwd = args.value("workdir");
  if (cwd !== undefined && !cwd.startsWith("/")) {
    throw new PidboxError("USAGE", `Cannot use ${quote(cwd, 120)} for --workdir: it is a path in the container, from /`, { context: { from: "--workdir" } });
  }
  const { consoleSize: _consoleSize, ...rest } = own;
  // Names are those of the container's own files, as they are now, and read so that no link leads out.
  const identity = args.value("user") === undefined ? undefined : await identityOf(args, `/proc/${pid}/root`, state.blueprint.mapping);
  const user = identity?.user ?? own.user ?? { uid: 0, gid: 0 };
  const granted = user.uid === 0 ? own.capabilities?.bounding ?? [] : [];
  return {
    ...rest, args: args.operands.slice(1), terminal, user, cwd: cwd ?? own.cwd,
    env: await environmentOf(args, context, baseEnvironment(own.env ?? [], identity?.home, terminal)),
    capabilities: { ...own.capabilities, effective: granted, permitted: granted },
  };
}

/** What leaves the new process alone once it runs. */
const LEAVES: RuntimeFrame = { waits: false, leaves: true, document: {}, preserved: 0, noPivot: false, newKeyring: true, failure: ["__failed"] };

function blueprintOf({ state, pid }: Running, process: Process, stdio: Blueprint["stdio"], detach: boolean, context: Context): Blueprint {
  const { config, landlock, mapping } = state.blueprint;
  const filter = filterOf(state);
  const namespaces = (config.linux?.namespaces ?? []).map(({ type }) => ({ type, path: `/proc/${pid}/ns/${type}` }));
  return {
    id: state.id, rootfs: { kind: "bind", source: "/" }, idmapped: false, init: true, landlock, interruptTwice: stdio.kind !== "terminal",
    config: { ociVersion: config.ociVersion, process, linux: { namespaces } },
    ...(mapping === undefined ? {} : { mapping }), stdio, ...(filter === undefined ? {} : { seccomp: filter }),
    state: { directory: "", files: [], names: [], reservations: [], keep: true }, ...(detach ? { runtime: LEAVES } : {}),
    executable: context.executable, title: `exec ${state.name}`, unsafe: [], degraded: [],
  };
}

/** What its supervisor tells; one that leaves tells no end. */
function linesOf({ directory, state }: Running, command: readonly string[]): JournalLines {
  const words = command.join(" ");
  return {
    path: journalFiles(rootOf(directory))[0], tail: eventTail(subjectOf(state, { execID: randomBytes(32).toHex() })),
    started: eventHead([`exec_create: ${words}`, `exec_start: ${words}`]), ended: eventHead(["exec_die"]),
  };
}

async function execute(args: Arguments, context: Context): Promise<Outcome> {
  const [reference = "", ...command] = args.operands;
  if (command.length === 0) throw new PidboxError("USAGE", "There is no command to run", { hint: "pidbox exec CONTAINER CMD [ARG...]" });
  if (args.flag("privileged")) {
    throw new PidboxError("REFUSED_UNSAFE", "Refused --privileged: a process with rights that the container lacks could give them to the rest of it", {
      hint: "Give the container what it needs when it is made, or look from outside: pidbox top, pidbox cp", context: { from: "--privileged" },
    });
  }
  const detach = args.flag("detach");
  const stdio = detach ? { kind: "nothing" as const } : stdioOf(args, context, "run", "foreground");
  const running = findRunning(reference, context);
  const { state, pid, pidfd } = running;
  const process = await processOf(args, context, running, stdio.kind === "terminal");
  const { facts } = readHost();
  const namespaces = (state.blueprint.config.linux?.namespaces ?? []).map(({ type }) => type);
  const cgroups = state.cgroups.map((directory) => ({ version: cgroupVersion(directory), directory }));
  const file = createImageFile();
  const blueprint = { ...blueprintOf(running, process, stdio, detach, context), events: linesOf(running, command) };
  const plan = compileJoining(blueprint, { pid, namespaces, cgroups }, facts, { self: file, pidfd });
  return replaceProcess(file, plan, `exec ${state.name}`);
}

export const exec: Verb = {
  name: "exec",
  summary: "Run one more process in a container",
  description:
    "It joins all namespaces and cgroups of the container and gets the same filter, capabilities and limits: nothing that the container could not do itself. What it leaves behind is reaped.\n\n"
    + "Signals go to it, and the exit code is its own.",
  options: [
    { name: "detach", short: "d", help: "Leave it alone once it runs; what it writes is lost" },
    { name: "interactive", short: "i", help: "Keep standard input open" },
    {
      name: "tty", short: "t", value: "WHEN", valueOptional: true, choices: ["auto", "true", "false", "force"],
      help: "Give the program a terminal of its own; without one on the host it is left out, unless force",
    },
    { name: "env", short: "e", value: "NAME=VALUE", repeat: true, help: "Set a variable; NAME alone takes the caller's value" },
    { name: "env-file", value: "FILE", repeat: true, help: "Read variables from a file" },
    { name: "user", short: "u", value: "USER[:GROUP]", help: "User inside, by name or number (default: the container's)" },
    { name: "workdir", short: "w", value: "DIR", help: "Working directory in the container" },
    { name: "privileged", help: "Refused: the wall is the container's" },
  ],
  operands: [
    { name: "CONTAINER", help: "Name or id", required: true }, { name: "CMD", help: "The program", required: true },
    { name: "ARG", help: "Its arguments", repeat: true },
  ],
  stopsAtOperand: true,
  examples: [
    { command: "pidbox exec -it web sh", text: "A shell beside the program" },
    { command: "pidbox exec -u 1000 -w /srv web ls -la", text: "As another user, from another directory" },
  ],
  exitCodes: CONTAINER_EXIT_CODES,
  failureExit: launchExitCode,
  run: execute,
};
