/**
 * Stage: what the supervisor of a container that nobody waits for has of it: the ends of its standard streams, a log, a socket for clients. Pure.
 *
 * Trusts: the state directory, which its owner alone can enter. An attacker controls: the output.
 */
import { AF_UNIX, AT, F, OPEN, SOCK } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { hostId } from "../spec/id-mapping.ts";
import type { Keeping } from "./blueprint.ts";
import { receive } from "./handover.ts";
import type { Compilation } from "./names.ts";
import { FLAG, INPUT, KEEP, LOG_FORMAT, WATCH } from "./op.ts";
import { makePipe } from "./pipe.ts";
import type { PipeEnds } from "./process.ts";
import type { Frame } from "./supervisor.ts";

/** Name of the socket in the state directory. */
export const SOCKET_NAME = "attach";
const CLIENTS = 8;

/** Ids of the host that stand behind the container's user. */
function hostIds(c: Compilation): [uid: number, gid: number] {
  const { mapping, config } = c.blueprint;
  return [hostId(mapping?.uid, config.process?.user?.uid ?? 0) ?? 0, hostId(mapping?.gid, config.process?.user?.gid ?? 0) ?? 0];
}

/** Supervisor's ops: pipes for the container's standard streams. A user inside that is not the pipe's owner could not open /dev/stdout again. */
function makePipes(c: Compilation, frame: Frame, input: boolean): PipeEnds {
  const { writer: w } = c;
  w.from("standard input and output");
  const [uid, gid] = hostIds(c);
  const own = (end: number): void => {
    w.call(SYSCALLS.fcntl, end, F.SETFL, OPEN.NONBLOCK);
  };
  const give = (end: number): void => {
    if (c.facts.privileged && (uid !== 0 || gid !== 0)) w.call(SYSCALLS.fchown, end, uid, gid);
  };
  const [out, err] = [makePipe(w), makePipe(w)];
  for (const [pipe, at] of [[out, KEEP.out], [err, KEEP.err]] as const) {
    own(pipe.reading);
    give(pipe.writing);
    w.store(frame.watch + at, pipe.reading, 4);
  }
  if (!input) return { out: out.writing, err: err.writing };
  const source = makePipe(w);
  own(source.writing);
  give(source.reading);
  w.store(frame.watch + KEEP.in, source.writing, 4);
  return { out: out.writing, err: err.writing, in: source.reading };
}

/** A socket in the state directory, reached through it because a socket's address holds no long path (unix(7)). */
function openSocket(c: Compilation, frame: Frame): void {
  const { writer: w, blueprint: { state } } = c;
  w.from("state directory");
  const socket = w.register();
  const name = w.text(SOCKET_NAME);
  // struct sockaddr_un: u16 family, path
  const address = w.bytes(Uint8Array.from([AF_UNIX, 0, ...new TextEncoder().encode(SOCKET_NAME), 0]));
  w.call(SYSCALLS.socket, AF_UNIX, SOCK.SEQPACKET | SOCK.CLOEXEC | SOCK.NONBLOCK).into(socket);
  w.call(SYSCALLS.chdir, w.text(state.directory)).call(SYSCALLS.unlinkat, AT.FDCWD, name).flags(FLAG.IGNORE);
  w.call(SYSCALLS.bind, socket, address, 3 + SOCKET_NAME.length).call(SYSCALLS.listen, socket, CLIENTS).call(SYSCALLS.chdir, w.text("/"));
  w.store(frame.watch + KEEP.listener, socket, 4);
}

function openLog(c: Compilation, frame: Frame, log: NonNullable<Keeping["log"]>): void {
  const { writer: w } = c;
  w.from("--log-driver");
  const directory = w.register();
  w.call(SYSCALLS.openat, AT.FDCWD, w.text(log.directory), OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).into(directory);
  w.store(frame.watch + KEEP.logDirectory, directory, 4).store(frame.watch + KEEP.logFormat, LOG_FORMAT[log.format], 4);
  w.store(frame.watch + KEEP.logSize, log.maxSize ?? 0, 8);
}

/** How a start of such a container is told from another. */
export interface KeepOptions {
  /** Register of the pipe to the caller that waits, or undefined: nobody does. */
  readonly ready: number | undefined;
  /** A first client is there already. */
  readonly client: boolean;
}

/** Supervisor's ops before clone. Returns the container's ends of its pipes; none with a terminal. */
export function openKeep(c: Compilation, frame: Frame, keeping: Keeping, options: KeepOptions): PipeEnds | undefined {
  const { writer: w, blueprint } = c;
  for (const at of [KEEP.out, KEEP.err, KEEP.in, KEEP.client, KEEP.ready, KEEP.nothing, KEEP.logDirectory, KEEP.logFile]) w.store(frame.watch + at, -1, 4);
  openSocket(c, frame);
  if (keeping.log !== undefined) openLog(c, frame, keeping.log);
  if (keeping.input !== "none") w.store(frame.watch + KEEP.input, INPUT[keeping.input], 4);
  if (options.client) w.store(frame.watch + KEEP.client, c.descriptors.client, 4);
  if (options.ready !== undefined) {
    const nothing = w.register();
    w.from("--detach").call(SYSCALLS.openat, AT.FDCWD, w.text("/dev/null"), OPEN.RDWR | OPEN.CLOEXEC).into(nothing);
    w.store(frame.watch + KEEP.nothing, nothing, 4).store(frame.watch + KEEP.ready, options.ready, 4);
  }
  return blueprint.stdio.kind === "terminal" ? undefined : makePipes(c, frame, keeping.input !== "none");
}

/** Container's ops, rootless, while it may: its user owns its ends of the pipes. */
export function ownEnds(c: Compilation, ends: PipeEnds): void {
  const user = c.blueprint.config.process?.user;
  if (c.facts.privileged || user === undefined || (user.uid === 0 && user.gid === 0)) return;
  c.writer.from("standard input and output");
  for (const end of [ends.out, ends.err, ...(ends.in === undefined ? [] : [ends.in])]) c.writer.call(SYSCALLS.fchown, end, user.uid, user.gid);
}

/** Supervisor's ops after clone: the container's ends are the container's alone, so that their end is seen. */
export function closeEnds(c: Compilation, ends: PipeEnds): void {
  c.writer.from("standard input and output");
  for (const end of [ends.out, ends.err, ...(ends.in === undefined ? [] : [ends.in])]) c.writer.call(SYSCALLS.close, end);
}

/** Supervisor's ops: the master of the container's terminal. The slave stays open here, so that the terminal lives on while no process has it open. */
export function keepTerminal(c: Compilation, socket: number, frame: Frame): void {
  const { writer: w } = c;
  w.from("/process/terminal");
  const [master, slave] = [w.register(), w.register()];
  receive(c, socket, [master, slave]);
  w.call(SYSCALLS.fcntl, master, F.SETFL, OPEN.RDWR | OPEN.NONBLOCK).store(frame.watch + WATCH.master, master, 4);
}

/** The wait itself. `code` is the register of the exit code. */
export function superviseKept(c: Compilation, frame: Frame, keeping: Keeping, handles: { pidfd: number; page: number; code: number }): void {
  const names = keeping.log?.names ?? ["none"];
  c.writer.from("container").keep(handles.pidfd, frame.signals, handles.page, frame.watch, names).into(handles.code);
}
