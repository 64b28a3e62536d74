/**
 * A plan for a client of a container that runs in the background (`attach`, `start -a`): it joins nothing and has no rights but the caller's; what it has of
 * the container is a connected socket. The launcher does this rather than pidbox, for it sees every signal and a guard puts the terminal back. Pure.
 */
import { AT, OPEN } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Blueprint } from "./blueprint.ts";
import type { HostFacts } from "./host-facts.ts";
import { compilation } from "./names.ts";
import type { Compilation } from "./names.ts";
import { CLIENT, FLAG, VISIT, WATCH } from "./op.ts";
import { assertStdio } from "./process.ts";
import { dismiss, failFrame, guardTerminal, hand, openFrame } from "./supervisor.ts";
import type { Inherited } from "./supervisor.ts";
import { PlanWriter } from "./writer.ts";

export interface Visit {
  /** State directory of the container. */
  readonly directory: string;
  readonly name: string;
  /** The container has a terminal. */
  readonly terminal: boolean;
  /** The caller's standard input goes to it. */
  readonly input: boolean;
  /** The caller's input is a terminal that is to be set raw. */
  readonly raw: boolean;
  /** Keys that detach, at most 16; none is never. */
  readonly keys: Uint8Array;
  readonly executable: string;
}

const SEEK_CUR = 1;

/** A descriptor for standard output or error that takes bytes without waiting, if that can be without a change for those who share it. */
function openOutput(c: Compilation, fd: 1 | 2, to: number): void {
  const { writer: w } = c;
  const [found, twin] = [w.register(), w.register()];
  const [stream, plain, done] = [w.label(), w.label(), w.label()];
  // A file that is opened again has another offset; what has none is a terminal, a pipe or a socket.
  w.call(SYSCALLS.lseek, fd, 0, SEEK_CUR).flags(FLAG.IGNORE).into(found).jumpError(stream, found).jump(plain).place(stream);
  w.call(SYSCALLS.openat, AT.FDCWD, w.text(`/proc/self/fd/${fd}`), OPEN.WRONLY | OPEN.NONBLOCK | OPEN.NOCTTY | OPEN.CLOEXEC).flags(FLAG.IGNORE).into(twin);
  w.jumpError(plain, twin).store(to, twin, 4).jump(done).place(plain).store(to, fd, 4).place(done).release(found, twin);
}

/** Blueprint of nothing: what the frame of such a plan needs to know. */
function blueprintOf(visit: Visit): Blueprint {
  const { directory, executable, name, raw } = visit;
  return {
    id: "", config: { ociVersion: "1.3.0" }, rootfs: { kind: "bind", source: "/" }, idmapped: false, init: false, landlock: false, interruptTwice: false,
    stdio: raw ? { kind: "terminal", input: true } : { kind: "inherit" },
    state: { directory, files: [], names: [], reservations: [], keep: true }, executable, title: name, unsafe: [], degraded: [],
  };
}

/** Compiles the plan. `options.client` is the connected socket, `options.extra` the pidfd that signals are passed to, if they are. */
export function compileVisit(visit: Visit, facts: HostFacts, options: Inherited): Uint8Array {
  const w = new PlanWriter();
  const c = compilation(w, blueprintOf(visit), facts);
  const frame = openFrame(c, options, CLIENT.size);
  assertStdio(c);
  const client = frame.watch;
  const guard = visit.raw ? guardTerminal(c, frame) : undefined;
  w.from("client").store(client + CLIENT.socket, c.descriptors.client, 4);
  w.store(client + CLIENT.pidfd, options.extra === undefined ? -1 : c.descriptors.extra, 4);
  w.store(client + WATCH.output, 1, 4).store(client + WATCH.terminal, visit.input ? 0 : -1, 4).store(client + CLIENT.tty, visit.terminal ? 1 : 0, 4);
  openOutput(c, 1, client + CLIENT.out);
  openOutput(c, 2, client + CLIENT.err);
  w.store(client + CLIENT.keyCount, visit.keys.length, 4);
  visit.keys.forEach((key, i) => w.store(client + CLIENT.keys + i, key, 1));
  const [code, bits] = [w.register(), w.register()];
  const [detached, left] = [w.label(), w.label()];
  const result = w.cells(0);
  w.client(frame.signals, client).into(code);
  dismiss(c, guard);
  w.from("client").store(result, code, 4);
  w.load(bits, result + VISIT.detached, 1).jumpSet(detached, bits).load(bits, result + VISIT.left, 1).jumpSet(left, bits).exit(code);
  const text = w.text(`${visit.raw ? "\r\n" : ""}detached from ${visit.name}, which goes on\n`);
  w.place(detached).call(SYSCALLS.write, 2, text, `detached from ${visit.name}, which goes on\n`.length + (visit.raw ? 2 : 0)).flags(FLAG.IGNORE).exit(0);
  w.place(left);
  hand(c, [w.text("__left"), w.text(visit.directory)]);
  w.exit(1);
  const onFailure = failFrame(c, { frame, guard });
  return w.finish(onFailure);
}
