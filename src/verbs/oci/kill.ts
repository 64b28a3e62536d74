/** `pidbox-oci kill`: a signal to the container's first process, or to all of its processes. */
import { PidboxError } from "../../base/error.ts";
import { quote } from "../../base/text.ts";
import { signalCgroups } from "../../engine/cgroup-processes.ts";
import { thawCgroups } from "../../engine/cgroup-freeze.ts";
import { openInit } from "../../engine/runtime-store.ts";
import { SIGNAL } from "../../kernel/abi/constants.ts";
import { errnoName } from "../../kernel/abi/errno.ts";
import { SYSCALLS } from "../../kernel/abi/host.ts";
import { signalNumber } from "../../kernel/abi/signals.ts";
import { syscall } from "../../kernel/ffi.ts";
import { close } from "../../kernel/file.ts";
import { containerId, loadContainer, notRunning, observe } from "./container.ts";
import type { ObservedContainer } from "./container.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciVerb } from "./verb.ts";

const EPERM = -1;
const ESRCH = -3;

/** 0 asks only whether the process is there (kill(2)). */
function parseSignal(text: string): number {
  const number = text === "0" ? 0 : signalNumber(text);
  if (number === undefined) throw new PidboxError("USAGE", `unknown signal ${quote(text)}`);
  return number;
}

/** Whether killing the first process ends all: it is PID 1 of a namespace of the container's own (pid_namespaces(7)). */
export function hasOwnPids({ state }: ObservedContainer): boolean {
  return state.config.linux?.namespaces?.some(({ type, path }) => type === "pid" && path === undefined) === true;
}

/** Signals the first process through a pidfd. Throws CONFLICT if it is gone. */
function signalInit({ init }: ObservedContainer, signal: number): void {
  if (init === undefined) throw notRunning();
  const pidfd = openInit(init);
  const result = pidfd < 0 ? pidfd : syscall(SYSCALLS.pidfd_send_signal, pidfd, signal, 0, 0);
  if (pidfd >= 0) close(pidfd);
  if (result === ESRCH) throw notRunning();
  if (result >= 0) return;
  throw new PidboxError(result === EPERM ? "PERMISSION" : "IO", `unable to signal init: ${errnoName(result)}`, { context: { errno: errnoName(result) } });
}

/**
 * Signals the container: its first process, or all of its processes if `all`, or for SIGKILL where the first process's death would leave others.
 * Throws CONFLICT if there is nobody to signal; with `all` that is no error.
 */
function signalContainer(container: ObservedContainer, signal: number, all: boolean): void {
  const { cgroups } = container.state;
  if (cgroups.length > 0 && (all || (signal === SIGNAL.KILL && !hasOwnPids(container)))) {
    if (signalCgroups(cgroups, signal).length === 0 && container.init === undefined && !all) throw notRunning();
    return;
  }
  signalInit(container, signal);
  // A frozen v1 cgroup keeps even SIGKILL waiting.
  if (signal === SIGNAL.KILL && container.status === "paused") thawCgroups(cgroups);
}

/** SIGKILL. That there is nobody any more is no error. */
export function killContainer(container: ObservedContainer): void {
  try {
    signalContainer(container, SIGNAL.KILL, false);
  } catch (error) {
    if (!(error instanceof PidboxError) || error.code !== "CONFLICT") throw error;
  }
}

export const kill: OciVerb = {
  name: "kill",
  summary: "kill sends the specified signal (default: SIGTERM) to the container's init process",
  usage: "<container-id> [signal]",
  description: "",
  options: [{ name: "all", short: "a", help: "send the specified signal to all processes inside the container" }],
  operands: [CONTAINER_ID, { name: "signal", help: "Name with or without SIG, or number" }],
  run(args, context) {
    const container = observe(loadContainer(context, containerId(args)));
    signalContainer(container, parseSignal(args.operands[1] ?? "SIGTERM"), args.flag("all"));
    return { exit: 0 };
  },
};
