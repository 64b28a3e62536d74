/**
 * Stage: a container of pidbox-oci (runtime.md, "Lifecycle"): hooks around the pivot, the terminal's master to the console socket, the files that later
 * commands find it by, and the first process waiting for `start`. The supervisor leaves when that is done, as runc does. Pure.
 */
import { AT, ERRNO, FIONREAD, OPEN, PR } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { RuntimeFrame } from "./blueprint.ts";
import { connectUnix, receive, send, sendBytes } from "./handover.ts";
import type { Link } from "./handover.ts";
import type { Holder } from "./holder.ts";
import { hooksOf, openHookOutput, runHooks } from "./hooks.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import { hasListener } from "./seccomp-listener.ts";

/** Registers that supervisor and container share; what a container does not need is absent. */
export interface Creation {
  readonly runtime: RuntimeFrame;
  /** Connected console socket, and the one for the first process's pidfd. */
  readonly console: number | undefined;
  readonly pidfdSocket: number | undefined;
  /** The fifos of engine/runtime-store.ts. */
  readonly start: number | undefined;
  readonly report: number | undefined;
  /** What hooks write. */
  readonly output: number | undefined;
  /** Hooks that need the root in place, and the host's tree still there. */
  readonly beforePivot: boolean;
  /** Is not 0 once `--pid-file` is there, and 0 before (blankRegister). */
  readonly pidFile: number | undefined;
  /** What keeps a scope of systemd. */
  readonly holder: Holder | undefined;
}

/** Supervisor's ops before clone. */
export function openCreation(c: Compilation): Creation | undefined {
  const { writer: w, blueprint } = c;
  const { runtime } = blueprint;
  if (runtime === undefined) return undefined;
  const directory = runtime.directory ?? "";
  const fifo = (name: string): number => {
    const fd = w.register();
    // Open for both: neither open nor, before its time, the end of file then depends on anyone else (fifo(7)).
    w.from("state directory").call(SYSCALLS.openat, AT.FDCWD, w.text(`${directory}/${name}`), OPEN.RDWR | OPEN.NOFOLLOW | OPEN.CLOEXEC).into(fd);
    return fd;
  };
  return {
    runtime,
    ...connectSockets(c, runtime),
    start: runtime.waits ? fifo("start") : undefined,
    report: runtime.waits ? fifo("report") : undefined,
    output: openHookOutput(c),
    beforePivot: hooksOf(blueprint, "prestart", "createRuntime", "createContainer").length > 0,
    pidFile: runtime.pidFile === undefined ? undefined : w.blankRegister(),
    holder: runtime.scope === undefined ? undefined : { pid: runtime.scope.holder, gone: w.blankRegister() },
  };
}

/** The sockets that the caller listens at. */
export function connectSockets(c: Compilation, runtime: RuntimeFrame): Pick<Creation, "console" | "pidfdSocket"> {
  const { consoleSocket, pidfdSocket } = runtime;
  return {
    console: consoleSocket === undefined ? undefined : connectUnix(c, "--console-socket", consoleSocket),
    pidfdSocket: pidfdSocket === undefined ? undefined : connectUnix(c, "--pidfd-socket", pidfdSocket),
  };
}

/** Ops of the process that becomes the program: whoever waits at a socket sees the end of it once the supervisor is done. */
export function closeSockets(c: Compilation, creation: Creation | undefined): void {
  for (const socket of [creation?.console, creation?.pidfdSocket]) if (socket !== undefined) c.writer.call(SYSCALLS.close, socket);
}

/** Supervisor's ops: `--pidfd-socket`. The text that goes along is runc's. */
function sendPidfd(c: Compilation, creation: Creation, pidfd: number): void {
  if (creation.pidfdSocket === undefined) return;
  const { writer: w } = c;
  const text = creation.runtime.directory === undefined ? "setns" : "standard";
  w.from("--pidfd-socket");
  sendBytes(c, creation.pidfdSocket, { address: w.text(text), length: text.length }, [pidfd]);
  w.call(SYSCALLS.close, creation.pidfdSocket);
}

/** Supervisor's ops: the pty that the container made goes to who asked for it. Its name is for people: the first of a devpts of its own. */
export function handTerminal(c: Compilation, link: number, console: number): void {
  const { writer: w } = c;
  const [master, slave] = [w.register(), w.register()];
  w.from("/process/terminal");
  receive(c, link, [master, slave]);
  w.from("--console-socket");
  const name = "/dev/pts/0";
  sendBytes(c, console, { address: c.writer.text(name), length: name.length }, [master]);
  w.close(master, slave, console);
}

/** Supervisor's ops while the container waits with its root in place: hooks of the runtime's namespaces. */
export function runtimeHooks(c: Compilation, creation: Creation, link: number, pid: number): void {
  if (!creation.beforePivot || creation.output === undefined) return;
  const { output } = creation;
  c.writer.from("/hooks");
  receive(c, link, []);
  for (const phase of ["prestart", "createRuntime"] as const) runHooks(c, phase, { status: "creating", pid, output, inBundle: true });
  c.writer.from("/hooks");
  send(c, link, []);
}

/** Container's ops at the same time: its own hooks come last (runtime.md, steps 3 to 5). */
export function containerHooks(c: Compilation, creation: Creation, link: number): void {
  if (!creation.beforePivot || creation.output === undefined) return;
  const { writer: w } = c;
  w.from("/hooks");
  send(c, link, []);
  receive(c, link, []);
  const pid = w.register();
  w.call(SYSCALLS.getpid).into(pid);
  runHooks(c, "createContainer", { status: "creating", pid, output: creation.output, inBundle: true });
  w.release(pid);
}

/** The file `pid`: the first process's PID as text with a NUL, and at `number` as a 64-bit number; plans cannot turn one into the other. */
export const FIRST_PROCESS = { number: 24, size: 32 } as const;

const CREATE = OPEN.WRONLY | OPEN.CREAT | OPEN.TRUNC | OPEN.CLOEXEC | OPEN.NOFOLLOW;

/**
 * Supervisor's ops right after clone, `proc` being the register of the first process's /proc entry: who it is, under a name that says that it is not
 * created yet. Whatever becomes of this supervisor, `delete` finds the process.
 */
export function noteFirstProcess(c: Compilation, directory: string, proc: number): void {
  const { writer: w } = c;
  const [fd, length] = [w.register(), w.register()];
  const line = w.room(1024);
  w.from("state directory").call(SYSCALLS.openat, proc, w.text("stat"), OPEN.RDONLY | OPEN.CLOEXEC).into(fd);
  w.call(SYSCALLS.read, fd, line, 1024).into(length).call(SYSCALLS.close, fd);
  w.call(SYSCALLS.openat, AT.FDCWD, w.text(`${directory}/init.new`), CREATE, 0o600).into(fd);
  w.call(SYSCALLS.write, fd, line, length).flags(FLAG.FULL).close(fd).release(length);
}

/** Supervisor's ops: the container is created. `pid` comes before `init`, which says so. */
function announce(c: Compilation, directory: string, pid: number): void {
  const { writer: w } = c;
  const fd = w.register();
  const both = w.room(FIRST_PROCESS.size);
  w.from("state directory").decimal(both, pid).store(both + FIRST_PROCESS.number, pid, 8);
  w.call(SYSCALLS.openat, AT.FDCWD, w.text(`${directory}/pid`), CREATE, 0o600).into(fd);
  w.call(SYSCALLS.write, fd, both, FIRST_PROCESS.size).flags(FLAG.FULL).close(fd);
  w.call(SYSCALLS.renameat2, AT.FDCWD, w.text(`${directory}/init.new`), AT.FDCWD, w.text(`${directory}/init`), 0);
}

function temporaryName(path: string): string {
  const slash = path.lastIndexOf("/");
  return `${path.slice(0, slash)}/.${path.slice(slash + 1)}`;
}

/**
 * Supervisor's ops: `--pid-file`, whole or not there. Readers take every byte of it for the number. The directory may be one that others write to, so the
 * file is a new one; what a killed command left under its name is taken away.
 */
function writePidFile(c: Compilation, path: string, pid: number, written?: number): void {
  const { writer: w } = c;
  const [fd, length] = [w.register(), w.register()];
  const temporary = w.text(temporaryName(path));
  const text = w.room(24);
  w.from("--pid-file").decimal(text, pid).into(length);
  w.call(SYSCALLS.unlinkat, AT.FDCWD, temporary, 0).tolerate(ERRNO.ENOENT);
  w.call(SYSCALLS.openat, AT.FDCWD, temporary, OPEN.WRONLY | OPEN.CREAT | OPEN.EXCL | OPEN.CLOEXEC | OPEN.NOFOLLOW, 0o644).into(fd);
  w.call(SYSCALLS.write, fd, text, length).flags(FLAG.FULL).close(fd).release(length);
  // Noted before, so that there is no moment at which it would stay.
  if (written !== undefined) w.load(written, w.cells(1), 8);
  w.call(SYSCALLS.renameat2, AT.FDCWD, temporary, AT.FDCWD, w.text(path), 0);
}

/** Supervisor's ops: `--pidfile` of `run`, once the program runs, so that there is none of one that could not be started. */
export function noteRunning(c: Compilation, path: string, report: number, pid: number): void {
  awaitExec(c, report);
  writePidFile(c, path, pid);
}

/** Ops after a failure: no pid file of a process that is gone, nor half of one. */
export function removePidFile(c: Compilation, { runtime, pidFile }: Creation): void {
  if (runtime.pidFile === undefined || pidFile === undefined) return;
  const { writer: w } = c;
  const [there, none] = [w.label(), w.label()];
  w.from("--pid-file").call(SYSCALLS.unlinkat, AT.FDCWD, w.text(temporaryName(runtime.pidFile)), 0).flags(FLAG.IGNORE);
  w.jumpSet(there, pidFile).jump(none).place(there);
  w.call(SYSCALLS.unlinkat, AT.FDCWD, w.text(runtime.pidFile), 0).flags(FLAG.IGNORE).place(none);
}

/** Supervisor's ops: waits until exec has closed the report pipe. A report in it is a failed op, which the launcher reads itself. */
export function awaitExec(c: Compilation, report: number): void {
  const { writer: w } = c;
  const poll = w.words(0, 1);
  const waiting = w.cells(0);
  const bytes = w.register();
  w.from("/process/args").store(poll, report, 4).call(SYSCALLS.ppoll, poll, 1, 0, 0, 8);
  w.call(SYSCALLS.ioctl, report, FIONREAD, waiting).load(bytes, waiting, 4).expect(bytes, 0).release(bytes);
}

/** Registers of the process that the plan makes. */
export interface FirstProcess {
  readonly pid: number;
  readonly pidfd: number;
}

/** Supervisor's ops once mounts and terminal are done: until the first process is ready, for which there may be more to do, or runs. */
export function finishCreation(
  c: Compilation, creation: Creation, link: Pick<Link, "outside" | "report">, { pid, pidfd }: FirstProcess, ready?: () => void,
): void {
  const { writer: w } = c;
  const { runtime, output } = creation;
  w.from("container");
  receive(c, link.outside, []);
  ready?.();
  w.from("container");
  sendPidfd(c, creation, pidfd);
  if (runtime.directory !== undefined) announce(c, runtime.directory, pid);
  if (runtime.pidFile !== undefined && creation.pidFile !== undefined) writePidFile(c, runtime.pidFile, pid, creation.pidFile);
  if (runtime.waits) return;
  // The container is there and the word to run is given at once.
  w.from("container");
  send(c, link.outside, []);
  awaitExec(c, link.report);
  if (output !== undefined) runHooks(c, "poststart", { status: "running", pid, output, inBundle: true });
}

/** First process's ops: from here on it lives without the supervisor, whose socket it still reads; nothing but the program is to come. */
export function surviveSupervisor(c: Compilation): void {
  if (c.blueprint.runtime?.leaves === true) c.writer.from("container").call(SYSCALLS.prctl, PR.SET_PDEATHSIG, 0);
}

/** First process's ops, as late as they can be: ready, and then nothing until the word to run. */
export function awaitStart(c: Compilation, creation: Creation, link: number): void {
  const { writer: w } = c;
  const { start, report } = creation;
  const word = w.register();
  w.from("container");
  // What fails from here on is for `start` to tell, which reads the fifo; there is a supervisor for a moment yet, and then there is none.
  if (report !== undefined) w.call(SYSCALLS.dup3, report, c.descriptors.report, OPEN.CLOEXEC);
  if (hasListener(c)) w.call(SYSCALLS.write, link, w.text("?"), 1).flags(FLAG.FULL);
  else send(c, link, []);
  w.call(SYSCALLS.read, start ?? link, w.room(8), 1).into(word).expect(word, 1);
  if (creation.output !== undefined) {
    w.from("/hooks/startContainer").call(SYSCALLS.getpid).into(word);
    const filtered = c.blueprint.config.process?.noNewPrivileges !== true || hasListener(c);
    runHooks(c, "startContainer", { status: "created", pid: word, output: creation.output, inBundle: false, filtered });
  }
  w.release(word);
}

const X_OK = 1;

/** First process's ops: one of the paths is an executable file. `create` fails here, not `start`: engines take the exit code from that (docker: 126, 127). */
export function assertProgram(c: Compilation, paths: readonly string[]): void {
  const { writer: w } = c;
  const found = w.label();
  const answer = w.register();
  w.from("/process/args");
  w.each(paths.map((path) => w.text(path)), (path) => {
    const next = w.label();
    w.call(SYSCALLS.faccessat, AT.FDCWD, path, X_OK).flags(FLAG.IGNORE).into(answer);
    w.jumpError(next, answer);
    // What can be opened like this is a directory, whose x bit means something else.
    w.call(SYSCALLS.openat, AT.FDCWD, path, OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).flags(FLAG.IGNORE).into(answer);
    w.jumpError(found, answer).call(SYSCALLS.close, answer).place(next);
  });
  w.call(SYSCALLS.faccessat, AT.FDCWD, w.text(paths[0] ?? ""), X_OK).into(answer).expect(answer, 1).place(found).release(answer);
}
