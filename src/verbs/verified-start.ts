/**
 * `--verify` of `do` and `run`: a gate between the finished wall and the program.
 *
 * Beside the launcher runs a second pidbox. When all layers are on, the container's main child says so over a socket and waits, its filter loaded; the
 * second pidbox verifies every layer from outside, prints the table, and lets go only if all hold. Should it die, the socket ends, and nothing starts.
 */
import { EXIT, PidboxError } from "../base/error.ts";
import { readSurvey } from "../engine/discover-survey.ts";
import { readState } from "../engine/store.ts";
import { verify } from "../engine/verification.ts";
import { AF_UNIX, SOCK } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { AT_FDCWD, close, cString, readText, writeFile } from "../kernel/file.ts";
import type { Blueprint } from "../plan/blueprint.ts";
import type { HostFacts } from "../plan/host-facts.ts";
import { countLayers, layerTable, verdictText } from "../report/layer.ts";
import type { Arguments, Outcome, Verb } from "./verb.ts";

export interface Gate {
  /** The container's end: above 31, kept over exec. */
  readonly inside: number;
  readonly outside: number;
}

const SOCK_STREAM = 1;
const F_DUPFD = 0;
const LOWEST = 32;
/** Where the verifier finds its end. */
const VERIFIER_FD = 3;

/** Names of a supervisor's other children. */
const HELPERS: readonly (string | number)[] = ["pidbox-tty\n", "pidbox-port\n"];

/** Makes the socket pair. Throws IO. */
export function openGate(): Gate {
  const pair = new Int32Array(2);
  const result = syscall(SYSCALLS.socketpair, AF_UNIX, SOCK_STREAM | SOCK.CLOEXEC, 0, address(pair));
  const [first = -1, outside = -1] = pair;
  const inside = result < 0 ? result : syscall(SYSCALLS.fcntl, first, F_DUPFD, LOWEST);
  if (inside < 0) throw new PidboxError("IO", `Cannot make a socket for --verify: ${errnoName(inside)}`);
  close(first);
  return { inside, outside };
}

/** A delegated v2 cgroup with a process in it cannot hand controllers down: the verifier goes where the supervisor will go. */
function moveAside(pid: number, facts: HostFacts): void {
  for (const { leaf } of facts.cgroups) {
    if (leaf === undefined) continue;
    syscall(SYSCALLS.mkdirat, AT_FDCWD, address(cString(leaf)), 0o755);
    writeFile(`${leaf}/cgroup.procs`, String(pid));
  }
}

/** Starts the second pidbox; its table goes to standard error, for standard output is the program's. */
export function startVerifier(gate: Gate, blueprint: Blueprint, facts: HostFacts): void {
  const child = Bun.spawn([blueprint.executable, "__verify", blueprint.state.directory], {
    stdio: ["ignore", 2, "inherit", gate.outside], env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" }, cwd: "/",
  });
  child.unref();
  moveAside(child.pid, facts);
}

/** The container's first process: the supervisor's one child that is not this verifier, nor the guard of its terminal or the relay of its ports. Throws IO. */
export function findInit(supervisor: number, self: number): number {
  const text = readText(`/proc/${supervisor}/task/${supervisor}/children`, 1 << 16);
  const children = typeof text === "number" ? [] : text.trim().split(/ +/).filter((word) => word !== "").map(Number);
  const found = children.filter((pid) => pid !== self && !HELPERS.includes(readText(`/proc/${pid}/comm`, 64)));
  const [init] = found;
  if (init !== undefined && found.length === 1) return init;
  throw new PidboxError("IO", `Cannot tell the container's first process: its supervisor ${supervisor} has ${found.length} children`, { context: { path: `/proc/${supervisor}/task/${supervisor}/children` } });
}

function run(args: Arguments): Outcome {
  const directory = args.operands[0] ?? "";
  const byte = new Uint8Array(1);
  // End of file: the container failed on its way here, and the launcher says why.
  if (syscall(SYSCALLS.read, VERIFIER_FD, address(byte), 1) !== 1) return { exit: EXIT.ok };
  const state = readState(directory);
  if (state === undefined) throw new PidboxError("IO", "Cannot verify: the container's state is gone", { context: { path: directory } });
  const initPid = findInit(syscall(SYSCALLS.getppid), syscall(SYSCALLS.getpid));
  const view = readSurvey([{ id: state.id, name: state.name, initPid, unsafe: state.unsafe, degraded: state.degraded }]);
  const container = view.containers.find((c) => c.id === state.id);
  const { layers } = verify({ initPid, members: container === undefined ? [] : [...container.processes, ...container.strays], state, host: view.facts.host });
  const { broken, unknown } = countLayers(layers);
  const good = layers.length > 0 && broken === 0 && unknown === 0;
  if (good) syscall(SYSCALLS.write, VERIFIER_FD, address(byte), 1);
  // What was given up by name was asked for in the same breath: it is shown and stops nothing.
  return { exit: good ? EXIT.ok : EXIT.findings, text: () => `${state.name}: ${verdictText(layers)}.\n\n${layerTable(layers)}\n` };
}

export const verifyStart: Verb = {
  name: "__verify", summary: "For pidbox itself", description: "Called by do and run with --verify.", options: [], examples: [],
  operands: [{ name: "DIRECTORY", help: "State of the container", required: true }], run,
};
