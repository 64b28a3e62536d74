/** Stage: the supervisor's own frame around the container: its descriptors, its state on disk, its terminal, and how it ends. Pure. */
import { AT, CLONE, F, OPEN, PR, SIG_BLOCK, SIG_SETMASK, SIGNAL, TTY } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { CgroupHandles } from "./cgroups.ts";
import { removeCgroups } from "./cgroups.ts";
import { fork } from "./clone-arguments.ts";
import { removePidFile } from "./creation.ts";
import type { Creation } from "./creation.ts";
import { receive } from "./handover.ts";
import { endHolder } from "./holder.ts";
import { runHooks } from "./hooks.ts";
import { createsNamespace, joinedNamespace } from "./names.ts";
import type { Compilation } from "./names.ts";
import { FAILURE, FLAG, KEEP, WATCH } from "./op.ts";
import { makePipe } from "./pipe.ts";
import { closeListeners, endRelay } from "./publishing.ts";
import type { Relay } from "./publishing.ts";
import { tellRemoved } from "./telling.ts";

export interface Frame {
  /** Register of the signalfd; 0 for a supervisor that does not stay. */
  readonly signals: number;
  /** Data address of struct plan_watch. */
  readonly watch: number;
  /** Register of the supervisor's own PID namespace, if its child goes to another one. */
  readonly home: number | undefined;
}

/** Descriptors of the process that is replaced, as it numbered them: above 31 and above all that the plan keeps, or where they belong. */
export interface Inherited {
  /** The memfd with launcher and plan. */
  readonly self: number;
  /** The gate of --verify, the pidfd of the container to join, the lock of pidbox-oci. */
  readonly extra?: number;
  /** The locked status file of a container that its starter is in charge of. It stays open over exec, until nobody is in charge any more. */
  readonly charge?: number;
  /** A first client, connected already. */
  readonly client?: number;
}

/** Puts what is inherited in its place, and closes all else but stdio. */
function takeInherited(c: Compilation, inherited: Inherited): void {
  const { writer: w, descriptors: own } = c;
  let last = own.self;
  for (const [name, flags] of [["extra", OPEN.CLOEXEC], ["charge", 0], ["client", OPEN.CLOEXEC]] as const) {
    const from = inherited[name];
    if (from === undefined) continue;
    if (from !== own[name]) w.call(SYSCALLS.dup3, from, own[name], flags);
    if (own[name] > last + 1) w.call(SYSCALLS.close_range, last + 1, own[name] - 1, 0);
    last = own[name];
  }
  w.call(SYSCALLS.close_range, last + 1, 2 ** 32 - 1, 0);
}

/**
 * First ops: nothing inherited but stdio, the plan itself and what is named; signals wait in a descriptor. `size` is that of the struct that begins with the
 * watch, if it is neither of the two usual ones.
 */
export function openFrame(c: Compilation, inherited: Inherited, size?: number): Frame {
  const { writer: w, blueprint, descriptors: own } = c;
  const stays = blueprint.runtime?.leaves !== true;
  w.from("supervisor");
  if (inherited.self !== own.self) w.call(SYSCALLS.dup3, inherited.self, own.self, 0);
  const all = w.cells(-1);
  // One that leaves in a moment ends at a signal like any program; the container's set-up then dies with it.
  if (stays) w.call(SYSCALLS.rt_sigprocmask, SIG_BLOCK, all, 0, 8);
  // A caller that ignores SIGCHLD leaves that to its children, and the kernel then reaps without a word (wait(2)). SIG_DFL is a struct of zeros.
  w.call(SYSCALLS.rt_sigaction, SIGNAL.CHLD, w.room(32), 0, 8);
  // A root supervisor is not to be read by whoever shares its user id inside; rootless ones must stay readable until the id maps are written.
  if (c.facts.privileged) w.call(SYSCALLS.prctl, PR.SET_DUMPABLE, 0);
  w.call(SYSCALLS.prctl, PR.SET_NAME, w.text("pidbox"));
  takeInherited(c, inherited);
  w.call(SYSCALLS.close, own.report).flags(FLAG.IGNORE);
  // The number is taken until the report pipe moves there.
  w.call(SYSCALLS.dup3, own.self, own.report, OPEN.CLOEXEC);
  w.call(SYSCALLS.chdir, w.text("/"));
  const signals = stays ? w.register() : 0;
  if (stays) w.call(SYSCALLS.signalfd4, -1, all, 8, OPEN.CLOEXEC | OPEN.NONBLOCK).into(signals);
  const watch = w.room(size ?? (blueprint.keeping === undefined ? WATCH.size : KEEP.size));
  w.cell(watch, 0, 0x786f6270);
  const none = (at: number): void => void w.store(watch + at, -1, 4);
  for (const at of [WATCH.status, WATCH.terminal, WATCH.output, WATCH.master, WATCH.guard]) none(at);
  if (blueprint.interruptTwice) w.store(watch + WATCH.stopAtSecond, 1, 4);
  if (blueprint.stop?.signal !== undefined) w.store(watch + WATCH.stopSignal, blueprint.stop.signal, 4);
  w.store(watch + WATCH.stopTimeout, blueprint.stop?.timeout ?? -1, 4);
  const home = joinedNamespace(blueprint, "pid") === undefined ? undefined : w.register();
  if (home !== undefined) w.call(SYSCALLS.openat, AT.FDCWD, w.text("/proc/self/ns/pid"), OPEN.RDONLY | OPEN.CLOEXEC).into(home);
  return { signals, watch, home };
}

/**
 * Children go to the supervisor's own PID namespace again.
 * Without that the pidbox that reports the end could start no thread (clone(2), CLONE_THREAD: EINVAL).
 */
export function comeHome(c: Compilation, frame: Frame): void {
  if (frame.home !== undefined) c.writer.from("supervisor").call(SYSCALLS.setns, frame.home, CLONE.NEWPID).flags(FLAG.IGNORE);
}

/** The status file, locked for as long as this supervisor lives: `gc` tells the dead from the living by the lock. */
export function openStatus(c: Compilation, frame: Frame, locked: boolean): void {
  const { writer: w, blueprint } = c;
  if (locked) {
    w.from("state directory").store(frame.watch + WATCH.status, c.descriptors.charge, 4);
    return;
  }
  const status = w.register();
  w.from("state directory");
  w.call(SYSCALLS.openat, AT.FDCWD, w.text(`${blueprint.state.directory}/status`), OPEN.RDWR | OPEN.CREAT | OPEN.CLOEXEC | OPEN.NOFOLLOW, 0o600).into(status);
  // struct flock: i16 type (F_WRLCK), i16 whence, i64 start, i64 length (0: all), i32 pid
  w.call(SYSCALLS.fcntl, status, F.OFD_SETLK, w.cells(1, 0, 0, 0));
  w.store(frame.watch + WATCH.status, status, 4);
}

/** Registers of the guard's PID, which is 0 until there is one, and of the pipe that it reads. */
export interface Guard {
  readonly pid: number;
  readonly writing: number;
}

/** A process that does nothing but put the terminal back if the supervisor is killed while it is raw. */
export function guardTerminal(c: Compilation, frame: Frame): Guard {
  const { writer: w, blueprint } = c;
  w.from("--tty");
  const saved = w.room(64);
  const terminal = blueprint.stdio.kind === "terminal" && !blueprint.stdio.input ? 1 : 0;
  w.call(SYSCALLS.ioctl, terminal, TTY.GETS, saved).flags(FLAG.IGNORE);
  const { reading, writing } = makePipe(w);
  const pid = w.blankRegister();
  const parent = w.label();
  fork(w, { signal: 0 }).into(pid).jumpSet(parent, pid);
  const orderly = w.label();
  w.call(SYSCALLS.prctl, PR.SET_NAME, w.text("pidbox-tty")).flags(FLAG.IGNORE);
  closeListeners(c);
  w.from("--tty").call(SYSCALLS.close, writing).flags(FLAG.IGNORE);
  w.call(SYSCALLS.read, reading, w.room(8), 1).flags(FLAG.IGNORE).into(pid).jumpSet(orderly, pid);
  w.call(SYSCALLS.ioctl, terminal, TTY.SETS, saved).flags(FLAG.IGNORE);
  w.place(orderly).exit(0).place(parent);
  w.close(reading).store(frame.watch + WATCH.guard, writing, 4);
  return { pid, writing };
}

/** Supervisor's ops: the container's terminal is joined to the caller's. */
export function takeTerminal(c: Compilation, socket: number, watch: number): void {
  const { writer: w, blueprint } = c;
  w.from("/process/terminal");
  const [master, slave, output] = [w.register(), w.register(), w.register()];
  // The slave stays open here, so that the terminal lives on while no process of the container has it open.
  receive(c, socket, [master, slave]);
  w.call(SYSCALLS.fcntl, master, F.SETFL, OPEN.RDWR | OPEN.NONBLOCK);
  w.store(watch + WATCH.master, master, 4).store(watch + WATCH.output, 1, 4);
  // A terminal that was stopped by Ctrl-S must not stop the supervisor, and O_NONBLOCK on fd 1 itself would be the shell's too.
  const shared = w.label();
  w.call(SYSCALLS.ioctl, 1, TTY.GETS, w.room(64)).flags(FLAG.IGNORE).into(output).jumpError(shared, output);
  w.call(SYSCALLS.openat, AT.FDCWD, w.text("/proc/self/fd/1"), OPEN.WRONLY | OPEN.NONBLOCK | OPEN.NOCTTY | OPEN.CLOEXEC)
    .flags(FLAG.IGNORE)
    .into(output)
    .jumpError(shared, output);
  w.store(watch + WATCH.output, output, 4).place(shared);
  if (blueprint.stdio.kind === "terminal" && blueprint.stdio.input) w.store(watch + WATCH.terminal, 0, 4);
}

const WALL = 0x4000_0000;

/** Lets the guard go and waits for it. It was told to leave the terminal alone, or sees the end of its pipe and puts it back. */
export function dismiss(c: Compilation, guard: Guard | undefined): void {
  if (guard === undefined) return;
  const { writer: w } = c;
  const [there, none] = [w.label(), w.label()];
  w.from("--tty").jumpSet(there, guard.pid).jump(none).place(there);
  w.call(SYSCALLS.close, guard.writing).flags(FLAG.IGNORE);
  w.call(SYSCALLS.wait4, guard.pid, 0, WALL).flags(FLAG.IGNORE).place(none);
}

/** Removes what the container had on the host. Errors are passed over: the next step may still work, and `gc` finds the rest. */
function cleanUp(c: Compilation, cgroups: CgroupHandles, failed: boolean): void {
  removeCgroups(c, cgroups, { failed });
  removeState(c, failed);
}

function removeState(c: Compilation, failed: boolean): void {
  const { writer: w, blueprint: { state } } = c;
  w.from("state directory");
  const remove = (path: string, flags = 0): void => void w.call(SYSCALLS.unlinkat, AT.FDCWD, w.text(path), flags).flags(FLAG.IGNORE);
  for (const path of state.reservations) remove(path);
  if (failed ? state.failed !== undefined : state.keep) return;
  for (const path of state.names) remove(path);
  for (const file of state.files) remove(`${state.directory}/${file}`);
  remove(state.directory, AT.REMOVEDIR);
  if (failed || c.blueprint.events === undefined) return;
  // Of several processes that remove it one alone gets this answer.
  const [gone, none] = [w.register(), w.label()];
  w.into(gone).jumpError(none, gone);
  tellRemoved(c);
  w.place(none).release(gone);
}

/** Blocked while pidbox takes the container off the host, which is short: HUP, INT, QUIT, USR2, PIPE, ALRM, TERM, TSTP, TTIN, TTOU. Bit n - 1 for signal n. */
const PATIENT = 0x38_7807;

export function hand(c: Compilation, words: readonly number[]): void {
  const { writer: w, blueprint } = c;
  w.call(SYSCALLS.rt_sigprocmask, SIG_SETMASK, w.cells(PATIENT), 0, 8).flags(FLAG.IGNORE);
  const path = w.text(blueprint.executable);
  w.call(SYSCALLS.execve, path, w.cells(w.text("pidbox"), ...words, 0), w.texts(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])).flags(FLAG.IGNORE);
}

/** The supervisor becomes the pidbox that looks at an end: of a container that somebody waited for, of a `kept` one, or of the wait for a restart. */
export function handEnd(c: Compilation, how: "waited" | "kept" | "called-off"): void {
  hand(c, ["__ended", c.blueprint.state.directory, how].map((word) => c.writer.text(word)));
}

export interface FrameEnd {
  /** Register of the exit code. */
  readonly code: number;
  readonly cgroups: CgroupHandles;
  readonly guard: Guard | undefined;
  readonly relay: Relay | undefined;
  readonly creation: Creation | undefined;
}

/** Last ops of a supervisor that stayed. */
export function closeFrame(c: Compilation, { code, cgroups, guard, relay, creation }: FrameEnd): void {
  const { writer: w, blueprint } = c;
  dismiss(c, guard);
  endRelay(c, relay, false);
  if (creation !== undefined) {
    // `run --keep`: the container has stopped, and `delete` does the rest.
    if (blueprint.state.keep) return void w.exit(code);
    const stuck = w.label();
    if (creation.runtime.scope !== undefined) w.jump(stuck);
    removeCgroups(c, cgroups, { failed: false, stuck });
    removeState(c, false);
    lastHooks(c, creation);
    w.exit(code).place(stuck);
    deleteByCommand(c, creation);
    w.exit(code);
    return;
  }
  const ended = w.label();
  // What nobody waits for is not in a hurry: pidbox looks at every end.
  if (createsNamespace(blueprint, "pid") && blueprint.keeping === undefined) {
    w.jumpSet(ended, code);
    cleanUp(c, cgroups, false);
    w.exit(0);
  }
  // Any other end is looked at by pidbox: it says why, and removes the rest while the cgroup can still tell.
  w.place(ended);
  handEnd(c, blueprint.keeping === undefined ? "waited" : "kept");
  cleanUp(c, cgroups, false);
  w.exit(code);
}

/**
 * A cgroup that does not go has others below it, which the container made, or processes that outlived its first; and systemd is to be told of the end of a
 * scope. That is more than a plan can see to.
 */
function deleteByCommand(c: Compilation, { runtime }: Creation): void {
  const { writer: w, blueprint: { state } } = c;
  const at = state.directory.lastIndexOf("/");
  const words = [...runtime.failure.slice(0, -1), "--root", state.directory.slice(0, at), "delete", "--force", state.directory.slice(at + 1)];
  const [pid, parent] = [w.register(), w.label()];
  fork(w.from("supervisor")).flags(FLAG.IGNORE).into(pid).jumpSet(parent, pid);
  hand(c, words.map((word) => w.text(word)));
  w.exit(1).place(parent);
  w.call(SYSCALLS.wait4, pid, 0, WALL).flags(FLAG.IGNORE).release(pid);
}

/** Hooks of a container that is gone: their failure is passed over (runtime.md, step 13). */
function lastHooks(c: Compilation, creation: Creation): void {
  if (creation.output === undefined) return;
  runHooks(c, "poststop", { status: "stopped", pid: 0, output: creation.output, lenient: true, inBundle: true });
}

/** What there may be on the host after a failure. */
export interface Failing {
  readonly frame: Frame;
  /** Absent where nothing on the host is the plan's own. */
  readonly cgroups?: CgroupHandles;
  readonly guard: Guard | undefined;
  readonly relay?: Relay | undefined;
  readonly creation?: Creation | undefined;
  /** The supervisor's end of the socket to a process that it makes; 0 until there is one. */
  readonly outside?: number;
}

/** Whoever still waits for an answer of the supervisor gets the end instead. */
function hangUp(c: Compilation, outside: number): void {
  const { writer: w } = c;
  const [there, none] = [w.label(), w.label()];
  w.from("supervisor").jumpSet(there, outside).jump(none).place(there).call(SYSCALLS.close, outside).flags(FLAG.IGNORE).place(none);
}

/** Ops of the supervisor after a failure. Returns the first. */
export function failFrame(c: Compilation, { frame, cgroups, guard, relay, creation, outside }: Failing): number {
  const { writer: w, blueprint: { runtime, state }, descriptors } = c;
  const failed = w.position;
  if (outside !== undefined) hangUp(c, outside);
  comeHome(c, frame);
  dismiss(c, guard);
  endRelay(c, relay, true);
  endHolder(c, creation?.holder);
  if (cgroups !== undefined) cleanUp(c, cgroups, true);
  if (creation !== undefined) removePidFile(c, creation);
  const numbers = [FAILURE.op, FAILURE.error, FAILURE.value].map((value) => {
    const text = w.room(24);
    w.decimal(text, value);
    return text;
  });
  if (creation !== undefined) {
    lastHooks(c, creation);
    // Where the explanation finds what a hook wrote.
    if (creation.output !== undefined) w.call(SYSCALLS.dup3, creation.output, descriptors.extra, 0).flags(FLAG.IGNORE);
  }
  const entry = runtime?.failure ?? ["__failed"];
  // A start that nobody may be looking at leaves its error in the state directory; what the plan cannot remove, pidbox does.
  const rest = state.failed === undefined ? [] : [w.text(state.failed), w.text(state.directory)];
  hand(c, [...[...entry, String(descriptors.self)].map((word) => w.text(word)), ...numbers, ...rest]);
  w.exit(runtime === undefined ? 125 : 1);
  return failed;
}
