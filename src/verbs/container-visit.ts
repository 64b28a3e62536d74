/** Becoming a client of a container that runs in the background: the launcher takes the place of this process, and ends with the container's exit code. */
import { readHost } from "../engine/host.ts";
import { createImageFile, replaceProcess } from "../engine/launch.ts";
import { openHandles } from "../engine/stopping.ts";
import type { ContainerState } from "../engine/store.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { compileVisit } from "../plan/visiting.ts";
import { DETACH_KEYS, parseDetachKeys } from "../spec/detach-keys.ts";
import type { Arguments, Context, OptionSpec } from "./verb.ts";

export const VISIT_OPTIONS: readonly OptionSpec[] = [
  { name: "detach-keys", value: "KEYS", help: "What lets go of a container with a terminal: ctrl-p,ctrl-q, or other keys within 300 ms of each other; empty is nothing" },
  { name: "sig-proxy", help: "Pass signals on to the program (default: on); one with a terminal gets them by its keys" },
];

const F_DUPFD = 0;
const LOWEST = 32;

/** Above all that a plan keeps, and left open by exec. */
function raise(fd: number): number {
  return syscall(SYSCALLS.fcntl, fd, F_DUPFD, LOWEST);
}

export interface VisitRequest {
  readonly directory: string;
  readonly state: ContainerState;
  /** Connected to the supervisor. */
  readonly socket: number;
  /** Give the caller's input to the container, if it takes any. */
  readonly input: boolean;
}

/** Throws USAGE. */
export function keysOf(args: Arguments): Uint8Array {
  return parseDetachKeys(args.value("detach-keys") ?? DETACH_KEYS);
}

/** Does not return. */
export function visit({ directory, state, socket, input }: VisitRequest, args: Arguments, context: Context): never {
  const { facts } = readHost();
  const terminal = state.blueprint.stdio.kind === "terminal";
  const takes = input && state.kept?.input !== "none";
  // A program with a terminal of its own gets what the keys of that mean.
  const init = terminal || !args.flag("sig-proxy", true) ? undefined : openHandles(directory).init;
  const file = createImageFile();
  const raw = terminal && takes && context.terminal.stdin;
  const keys = terminal ? keysOf(args) : new Uint8Array(0);
  const plan = compileVisit(
    { directory, name: state.name, terminal, input: takes, raw, keys, executable: context.executable },
    facts, { self: file, client: raise(socket), ...(init === undefined ? {} : { extra: raise(init) }) },
  );
  return replaceProcess(file, plan, `attach ${state.name}`);
}
