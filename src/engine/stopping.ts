/**
 * Signals to a container and its end, from beside: no daemon is asked. A PID is believed while the container's supervisor holds its lock, for the first process
 * is its child and unreaped; a descriptor is opened first and the record read again.
 *
 * Whoever wants a container to stay ended leaves the file `stop` in its directory before anything else: its restart policy then has no say.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { POLLIN, SIGNAL } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { close, readLink, readText, writeFile } from "../kernel/file.ts";
import { pollOne } from "../kernel/wait.ts";
import { readFreezer, thawCgroups } from "./cgroup-freeze.ts";
import { subjectOf, tell } from "./journal.ts";
import { isSupervised, readState, readStatus, rootOf, takeCharge } from "./store.ts";
import type { ContainerState } from "./store.ts";
import { lifeOf } from "./stored.ts";

/** Milliseconds for a supervisor to write down the end and clean up after it. */
const CLEANUP = 30_000;
/** And for a killed process to be gone. */
const DEATH = 30_000;

/** Descriptors of a container's processes, which the caller closes. Both are absent when it does not run and nobody waits to start it again. */
export interface Handles {
  readonly init?: number;
  readonly supervisor?: number;
}

const ENOENT = -2;

/**
 * A supervisor of pidbox in any stage: the launcher, or the pidbox that it has become for a moment. One that is ending has no program any more, but its lock
 * until the kernel comes to its files.
 */
function isSupervisor(pid: number): boolean {
  const exe = readLink(`/proc/${pid}/exe`);
  return exe === ENOENT || exe === "/memfd:pidbox (deleted)" || exe === readLink("/proc/self/exe");
}

export function openHandles(directory: string): Handles {
  const status = readStatus(directory);
  if (status === undefined) return {};
  const init = status.state === "running" ? syscall(SYSCALLS.pidfd_open, status.pid, 0) : -1;
  const supervisor = status.supervisor > 0 ? syscall(SYSCALLS.pidfd_open, status.supervisor, 0) : -1;
  const again = readStatus(directory);
  const same = again?.supervisor === status.supervisor && isSupervised(directory);
  const handles = {
    ...(init >= 0 && same && again.state === "running" && again.pid === status.pid ? { init } : {}),
    ...(supervisor >= 0 && same && isSupervisor(status.supervisor) ? { supervisor } : {}),
  };
  if (init >= 0 && !("init" in handles)) close(init);
  if (supervisor >= 0 && !("supervisor" in handles)) close(supervisor);
  return handles;
}

export function closeHandles({ init, supervisor }: Handles): void {
  if (init !== undefined) close(init);
  if (supervisor !== undefined) close(supervisor);
}

function send(pidfd: number, signal: number): void {
  const result = syscall(SYSCALLS.pidfd_send_signal, pidfd, signal, 0, 0);
  if (result < 0 && result !== -3) throw new PidboxError("PERMISSION", `Cannot signal the container: ${errnoName(result)}`, { context: { errno: errnoName(result) } });
}

/** As send, with the event: it comes before what the signal brings about, and a signal that may not be sent has none. */
function sendAndTell(pidfd: number, signal: number, directory: string, state: ContainerState): void {
  send(pidfd, 0);
  tell(rootOf(directory), subjectOf(state, { signal: String(signal) }), ["kill"]);
  send(pidfd, signal);
}

/** The program below the built-in init: its oldest child. A signal that stops, the init would keep to itself. */
function mainChild(init: number): number | undefined {
  const text = readText(`/proc/${init}/task/${init}/children`, 1 << 16);
  const first = typeof text === "string" ? Number(text.split(" ")[0]) : 0;
  return first > 0 ? first : undefined;
}

/** Sends a signal to the container's program. Throws CONFLICT if it does not run, PERMISSION. */
export function signalContainer(directory: string, state: ContainerState, signal: number): void {
  const handles = openHandles(directory);
  const { init } = handles;
  if (init === undefined) {
    closeHandles(handles);
    throw new PidboxError("CONFLICT", `The container ${quote(state.name, 60)} does not run`);
  }
  const pid = readStatus(directory)?.pid ?? 0;
  const main = signal === SIGNAL.STOP && state.blueprint.init ? mainChild(pid) : undefined;
  const target = main === undefined ? init : syscall(SYSCALLS.pidfd_open, main, 0);
  try {
    if (target >= 0) sendAndTell(target, signal, directory, state);
  } finally {
    if (target !== init && target >= 0) close(target);
    closeHandles(handles);
  }
}

/**
 * Takes charge of a container that does not run, waiting for a supervisor that is still cleaning up after the end. Undefined: it runs, waits to be started
 * again, or another command is at work on it. Throws IO.
 */
export function takeChargeOfEnded(directory: string): number | undefined {
  const charge = takeCharge(directory);
  if (charge !== undefined) return charge;
  awaitClosing(directory);
  return takeCharge(directory);
}

/** Waits while the supervisor of a container that has ended is still at work on that end. */
export function awaitClosing(directory: string): void {
  for (const deadline = performance.now() + CLEANUP; performance.now() < deadline; ) {
    const handles = openHandles(directory);
    const { supervisor } = handles;
    const closing = supervisor !== undefined && lifeOf(directory, readState(directory), readStatus(directory)) === "ended";
    if (closing) pollOne(supervisor, POLLIN, 100);
    closeHandles(handles);
    if (!closing) return;
  }
}

/** Leaves the wish that the container stays ended. Throws IO. */
export function wishStopped(directory: string): void {
  const result = writeFile(`${directory}/stop`, "", { mode: 0o600 });
  if (result < 0) throw new PidboxError("IO", `Cannot write ${quote(`${directory}/stop`)}: ${errnoName(result)}`, { context: { path: `${directory}/stop`, errno: errnoName(result) } });
}

/** A paused container does not see a signal before it goes on. */
export function thaw(directory: string, state: ContainerState): void {
  if (readFreezer(state.cgroups) !== "frozen") return;
  tell(rootOf(directory), subjectOf(state), ["unpause"]);
  thawCgroups(state.cgroups);
}

export interface StopOptions {
  readonly signal: number;
  /** Milliseconds until SIGKILL; -1 is never. */
  readonly timeout: number;
}

const FOREVER = 2 ** 31 - 1;

function endInit(init: number, directory: string, state: ContainerState, { signal, timeout }: StopOptions): void {
  const order = (number: number): void => {
    sendAndTell(init, number, directory, state);
    thaw(directory, state);
  };
  order(signal);
  if (signal !== SIGNAL.KILL) {
    if (pollOne(init, POLLIN, timeout < 0 ? FOREVER : timeout) > 0) return;
    order(SIGNAL.KILL);
  }
  if (pollOne(init, POLLIN, DEATH) <= 0) throw new PidboxError("IO", `Cannot stop the container ${quote(state.name, 60)}: it does not die of SIGKILL`);
}

/**
 * Ends a container and waits until its supervisor has written that down and is gone. One that waits to be started again is not. Returns whether there was
 * anything to end. Throws IO, PERMISSION.
 */
export function stopContainer(directory: string, options: StopOptions): boolean {
  const state = readState(directory);
  if (state === undefined) return false;
  const handles = openHandles(directory);
  const { init, supervisor } = handles;
  try {
    if (init === undefined && supervisor === undefined) return false;
    wishStopped(directory);
    if (init !== undefined) endInit(init, directory, state, options);
    else if (supervisor !== undefined) send(supervisor, SIGNAL.TERM);
    // The wish may have come too late for a start that was under way.
    if (supervisor !== undefined && pollOne(supervisor, POLLIN, CLEANUP) <= 0) {
      throw new PidboxError("IO", `Cannot tell whether the container ${quote(state.name, 60)} ended: its supervisor goes on`);
    }
    return true;
  } finally {
    closeHandles(handles);
  }
}
