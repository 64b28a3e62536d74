/**
 * Stage: hooks of the config, each a process with a clean environment and the container's state on its standard input (runtime.md, "Lifecycle";
 * config.md, "POSIX-platform Hooks").
 *
 * Trusts: the config, which names the programs. What a hook writes goes to a file in memory, for standard output is the container's. Pure.
 */
import { MFD, SEEK_SET, SIG_SETMASK, SIGNAL } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Hook, Hooks } from "../spec/runtime-config.ts";
import type { Blueprint } from "./blueprint.ts";
import { fork } from "./clone-arguments.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import { stateParts, writeDocument } from "./state-document.ts";

export type HookPhase = keyof Hooks;

/** Hooks of these phases, in their order. */
export function hooksOf(blueprint: Blueprint, ...phases: readonly HookPhase[]): readonly Hook[] {
  return phases.flatMap((phase) => blueprint.config.hooks?.[phase] ?? []);
}

/** Supervisor's ops: the file that takes what hooks write. Undefined if there are none. */
export function openHookOutput(c: Compilation): number | undefined {
  const { writer: w, blueprint } = c;
  if (hooksOf(blueprint, "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop").length === 0) return undefined;
  const output = w.register();
  w.from("/hooks").call(SYSCALLS.memfd_create, w.text("hooks"), MFD.CLOEXEC).into(output);
  return output;
}

export interface HookRun {
  readonly status: "creating" | "created" | "running" | "stopped";
  /** Register of the container's PID as whoever runs the hooks sees it. */
  readonly pid: number;
  /** Register of openHookOutput. */
  readonly output: number;
  /** A failure is passed over (poststop). */
  readonly lenient?: boolean;
  /** A filter that answers ENOSYS to clone3 may be on already. */
  readonly filtered?: boolean;
  /** They run where the bundle can be reached: it is their working directory. */
  readonly inBundle: boolean;
}

/** Ops that run the hooks of a phase one after the other; one that fails, or takes longer than its timeout, is a failed op. */
export function runHooks(c: Compilation, phase: HookPhase, run: HookRun): void {
  const { writer: w, blueprint } = c;
  const hooks = hooksOf(blueprint, phase);
  if (hooks.length === 0) return;
  w.from(`/hooks/${phase}`);
  const { address, length } = writeDocument(w, stateParts(blueprint, run.status), run.pid);
  const [state, pid, pidfd, answer] = [w.register(), w.register(), w.register(), w.register()];
  hooks.forEach((hook, i) => {
    w.from(`/hooks/${phase}/${i}`);
    // A file and not a pipe: the hook need not read it, and nobody has to wait for it to.
    w.call(SYSCALLS.memfd_create, w.text("state"), MFD.CLOEXEC).into(state);
    w.call(SYSCALLS.write, state, address, length).flags(FLAG.FULL).call(SYSCALLS.lseek, state, 0, SEEK_SET);
    const parent = w.label();
    if (run.filtered === true) w.call(SYSCALLS.clone, SIGNAL.CHLD);
    else fork(w);
    w.into(pid).jumpSet(parent, pid);
    becomeHook(c, hook, { ...run, state });
    w.place(parent).call(SYSCALLS.close, state);
    w.call(SYSCALLS.pidfd_open, pid, 0).into(pidfd);
    waitFor(c, hook, { pid, pidfd, answer }, run.lenient === true);
  });
  w.release(state, pid, pidfd, answer);
}

function becomeHook(c: Compilation, hook: Hook, run: HookRun & { readonly state: number }): void {
  const { writer: w, blueprint } = c;
  const blank = w.room(32);
  for (const signal of [SIGNAL.PIPE, SIGNAL.XFSZ, SIGNAL.CHLD]) w.call(SYSCALLS.rt_sigaction, signal, blank, 0, 8);
  w.call(SYSCALLS.rt_sigprocmask, SIG_SETMASK, w.cells(0), 0, 8);
  w.call(SYSCALLS.dup3, run.state, 0, 0).call(SYSCALLS.dup3, run.output, 1, 0).call(SYSCALLS.dup3, run.output, 2, 0);
  w.call(SYSCALLS.close_range, 3, 2 ** 32 - 1, 0);
  const bundle = blueprint.runtime?.document["bundle"];
  if (run.inBundle && typeof bundle === "string") w.call(SYSCALLS.chdir, w.text(bundle)).flags(FLAG.IGNORE);
  const args = hook.args === undefined || hook.args.length === 0 ? [hook.path] : hook.args;
  w.call(SYSCALLS.execve, w.text(hook.path), w.texts(args), w.texts(hook.env ?? [])).flags(FLAG.IGNORE).exit(127);
}

interface HookProcess {
  readonly pid: number;
  readonly pidfd: number;
  readonly answer: number;
}

const WALL = 0x4000_0000;

function waitFor(c: Compilation, hook: Hook, { pid, pidfd, answer }: HookProcess, lenient: boolean): void {
  const { writer: w } = c;
  // struct pollfd: int fd, short events (POLLIN), short revents
  const poll = w.words(0, 1);
  const inTime = w.label();
  const timeout = hook.timeout === undefined ? 0 : w.cells(hook.timeout, 0);
  w.store(poll, pidfd, 4).call(SYSCALLS.ppoll, poll, 1, timeout, 0, 8).into(answer).jumpSet(inTime, answer);
  w.call(SYSCALLS.pidfd_send_signal, pidfd, SIGNAL.KILL, 0, 0).flags(FLAG.IGNORE);
  w.place(inTime);
  const status = w.cells(0);
  w.call(SYSCALLS.wait4, pid, status, WALL).flags(lenient ? FLAG.IGNORE : 0).call(SYSCALLS.close, pidfd);
  if (lenient) return;
  // 0: the time is over.
  w.expect(answer, 0, { differs: true });
  w.load(answer, status, 4).expect(answer, 0);
}

/** Exit code that `becomeHook` gives where exec fails. */
export const HOOK_NOT_STARTED = 127;
