/**
 * Stage: published ports. The supervisor binds sockets on the host before anything of the container is there; a relay, forked by it, joins the container's
 * network namespace and connects whoever comes to the container's own loopback interface (launcher/forward.c). So the namespace keeps nothing but loopback,
 * and nobody inside has a way out of it.
 *
 * Trusts: nothing of the container: the relay has no capability, no file of the host and a filter of the few calls that it needs. An attacker controls: what
 * goes over the connections. Pure.
 */
import { PidboxError } from "../base/error.ts";
import { AF_INET, AF_INET6, AT, CLONE, IPV6_V6ONLY, OPEN, POLLIN, PR, SECCOMP_SET_MODE_FILTER, SIGNAL, SOCK, SOCKET, STATX } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { parseAddress } from "../spec/ip-address.ts";
import { publishedText } from "../spec/publish.ts";
import type { PublishedPort } from "../spec/publish.ts";
import type { OwnNamespaces } from "./assertions.ts";
import { receive, send } from "./handover.ts";
import type { Link } from "./handover.ts";
import { setCapabilities } from "./identity.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import { builtinFilter } from "./seccomp-compiled.ts";

/** Name in the state directory: for each published port what getsockname(2) says of its socket. */
export const PORTS_NAME = "ports";
/** Bytes of each: struct sockaddr_in6 and room. */
export const PORT_RECORD = 32;

/** Descriptors: the listening sockets from `first` on, above all that a supervisor has by then; below them two that are held for what else the relay keeps. */
const AT_FD = { ready: 58, pidfd: 59, first: 60 } as const;
const BACKLOG = 128;
const SOCKADDR = { v4: 16, v6: 28 } as const;
const [LAST_FD, WALL] = [2 ** 32 - 1, 0x4000_0000];
/** Seconds in which the relay is gone by itself: it gives the container's last words one. */
const PATIENCE = 2;

/** The relay, as long as it is there: data addresses of its PID, which is 0 before and after, and of a struct pollfd with its pidfd. */
export interface Relay {
  readonly pid: number;
  readonly poll: number;
}

const portsOf = (c: Compilation): readonly PublishedPort[] => c.blueprint.published ?? [];

/** struct sockaddr_in or sockaddr_in6: the family, the port with its high byte first, the address at byte 4 or 8. */
export function socketAddress({ address, hostPort }: PublishedPort): Uint8Array {
  const ip = parseAddress(address) ?? new Uint8Array(4);
  const bytes = new Uint8Array(ip.length === 4 ? SOCKADDR.v4 : SOCKADDR.v6);
  bytes.set([ip.length === 4 ? AF_INET : AF_INET6, 0, hostPort >> 8, hostPort & 255]);
  bytes.set(ip, ip.length === 4 ? 4 : 8);
  return bytes;
}

/** Supervisor's ops, early: the addresses are taken. Nobody can connect yet, so that a container that waits for its restart keeps its ports and refuses. */
export function bindPorts(c: Compilation): Relay | undefined {
  const { writer: w } = c;
  const ports = portsOf(c);
  if (ports.length === 0) return undefined;
  const [socket, on] = [w.register(), w.words(1)];
  ports.forEach((port, i) => {
    const address = socketAddress(port);
    const v6 = address.length === SOCKADDR.v6;
    w.from(`--publish ${publishedText(port)}`).call(SYSCALLS.socket, v6 ? AF_INET6 : AF_INET, SOCK.STREAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0).into(socket);
    // Connections of the start before may still be in TIME_WAIT.
    w.call(SYSCALLS.setsockopt, socket, SOCKET.LEVEL, SOCKET.REUSEADDR, on, 4);
    if (v6) w.call(SYSCALLS.setsockopt, socket, IPV6_V6ONLY.level, IPV6_V6ONLY.name, on, 4);
    w.call(SYSCALLS.bind, socket, w.bytes(address), address.length);
    w.call(SYSCALLS.dup3, socket, AT_FD.first + i, OPEN.CLOEXEC).call(SYSCALLS.close, socket);
  });
  for (const held of [AT_FD.ready, AT_FD.pidfd]) w.call(SYSCALLS.dup3, AT_FD.first, held, OPEN.CLOEXEC);
  w.release(socket);
  return { pid: w.cells(0), poll: w.words(-1, POLLIN) };
}

/** Supervisor's ops: connections are taken from here on, and wait for the relay; the state directory says at which ports. */
export function listenAtPorts(c: Compilation): void {
  const { writer: w, blueprint: { state } } = c;
  const ports = portsOf(c);
  if (ports.length === 0) return;
  const records = w.room(PORT_RECORD * ports.length);
  ports.forEach((port, i) => {
    w.from(`--publish ${publishedText(port)}`).call(SYSCALLS.listen, AT_FD.first + i, BACKLOG);
    w.call(SYSCALLS.getsockname, AT_FD.first + i, records + PORT_RECORD * i, w.words(PORT_RECORD));
  });
  const file = w.register();
  const flags = OPEN.WRONLY | OPEN.CREAT | OPEN.TRUNC | OPEN.NOFOLLOW | OPEN.CLOEXEC;
  w.from("state directory").call(SYSCALLS.openat, AT.FDCWD, w.text(`${state.directory}/${PORTS_NAME}`), flags, 0o600).into(file);
  w.call(SYSCALLS.write, file, records, PORT_RECORD * ports.length).flags(FLAG.FULL).close(file);
}

/** Ops of a process that was forked meanwhile: the sockets are not its own. */
export function closeListeners(c: Compilation): void {
  const count = portsOf(c).length;
  if (count > 0) c.writer.from("--publish").call(SYSCALLS.close_range, AT_FD.ready, AT_FD.first + count - 1, 0);
}

/** Container's ops, in its network namespace: the relay may join it, which it can while this process is dumpable. `socket` is the container's of the link. */
export function admitRelay(c: Compilation, socket: number): void {
  if (portsOf(c).length === 0) return;
  c.writer.from("--publish");
  send(c, socket, []);
}

/** What a relay is made with. */
export interface RelayStart {
  /** The namespaces of the supervisor. */
  readonly own: OwnNamespaces;
  /** Of these, the supervisor's end of the socket, and of the report pipe. */
  readonly link: Pick<Link, "outside" | "report">;
  /** Registers of the container's first process. */
  readonly pid: number;
  readonly pidfd: number;
}

/** Supervisor's ops, while the container waits to be released: the relay is made, and is ready when they are done. It reports as the container does. */
export function startRelay(c: Compilation, relay: Relay | undefined, start: RelayStart): void {
  if (relay === undefined) return;
  const { writer: w } = c;
  const pair = w.room(8);
  const [reading, writing, pid, supervisor] = [w.register(), w.register(), w.register(), w.register()];
  const [child, parent] = [w.label(), w.label()];
  w.from("--publish").call(SYSCALLS.pipe2, pair, OPEN.CLOEXEC).load(reading, pair, 4).load(writing, pair + 4, 4).call(SYSCALLS.getpid).into(supervisor);
  w.clone(w.cells(CLONE.PIDFD, relay.poll, 0, 0, 0, 0, 0, 0, 0, 0, 0), 88, child, c.descriptors.report, start.link.report).into(pid);
  w.store(relay.pid, pid, 4).adopt(start.pid).jump(parent).place(child);
  relayOps(c, start, { ready: writing, supervisor });
  w.place(parent).call(SYSCALLS.close, writing).call(SYSCALLS.close, c.descriptors.report);
  // The end of the pipe instead of a byte: the relay has failed, and is gone.
  w.call(SYSCALLS.read, reading, w.room(8), 1).into(pid).expect(pid, 1).close(reading).release(writing, pid, supervisor);
  closeListeners(c);
}

/** All that the relay does. */
function relayOps(c: Compilation, { own, link, pidfd }: RelayStart, { ready, supervisor }: { readonly ready: number; readonly supervisor: number }): void {
  const { writer: w } = c;
  const ports = portsOf(c);
  w.call(SYSCALLS.prctl, PR.SET_NAME, w.text("pidbox-port")).call(SYSCALLS.prctl, PR.SET_DUMPABLE, 0);
  receive(c, link.outside, []);
  w.call(SYSCALLS.setns, pidfd, CLONE.NEWNET + (c.facts.privileged ? 0 : CLONE.NEWUSER));
  assertForeign(c, own.get("network"));
  // Again: a change of user namespace may undo it (prctl(2)).
  w.call(SYSCALLS.prctl, PR.SET_DUMPABLE, 0).call(SYSCALLS.prctl, PR.SET_NO_NEW_PRIVS, 1);
  setCapabilities(c, 0, 0, 0);
  const found = w.register();
  w.call(SYSCALLS.prctl, PR.SET_PDEATHSIG, SIGNAL.KILL).call(SYSCALLS.getppid).into(found).expect(found, supervisor).release(found);
  w.call(SYSCALLS.dup3, pidfd, AT_FD.pidfd, OPEN.CLOEXEC).call(SYSCALLS.dup3, ready, AT_FD.ready, OPEN.CLOEXEC);
  const { report } = c.descriptors;
  w.call(SYSCALLS.close_range, 0, report - 1, 0).call(SYSCALLS.close_range, report + 1, AT_FD.ready - 1, 0);
  w.call(SYSCALLS.close_range, AT_FD.first + ports.length, LAST_FD, 0);
  const filter = builtinFilter("relay");
  w.call(SYSCALLS.seccomp, SECCOMP_SET_MODE_FILTER, 0, w.cells(filter.length / 8, w.bytes(filter)));
  w.call(SYSCALLS.write, AT_FD.ready, w.text("."), 1).call(SYSCALLS.close, AT_FD.ready).call(SYSCALLS.close, report);
  w.forward(ports.map(({ port }) => port), AT_FD.first, AT_FD.pidfd).exit(0);
}

/** Relay's ops: its network namespace is not the supervisor's any more. What it connects to would be the host's otherwise. */
function assertForeign(c: Compilation, seen: number | undefined): void {
  const { writer: w } = c;
  const [before, now, status] = [w.register(), w.register(), w.room(STATX.size)];
  w.call(SYSCALLS.statx, AT.FDCWD, w.text("/proc/self/ns/net"), 0, STATX.INO, status);
  if (seen === undefined) throw new PidboxError("DEFECT", "Ports are published of a network namespace that is not new");
  w.load(before, seen + STATX.inodeAt, 8).load(now, status + STATX.inodeAt, 8).expect(now, before, { differs: true }).release(before, now);
}

/** Supervisor's ops: the relay goes, of itself after the container's end, at once after a failure; none of them fails. */
export function endRelay(c: Compilation, relay: Relay | undefined, failed: boolean): void {
  if (relay === undefined) return;
  const { writer: w } = c;
  const [pid, there, none] = [w.register(), w.label(), w.label()];
  w.from("--publish").load(pid, relay.pid, 4).jumpSet(there, pid).jump(none).place(there);
  if (!failed) w.call(SYSCALLS.ppoll, relay.poll, 1, w.cells(PATIENCE, 0), 0, 8).flags(FLAG.IGNORE);
  w.call(SYSCALLS.kill, pid, SIGNAL.KILL).flags(FLAG.IGNORE).call(SYSCALLS.wait4, pid, 0, WALL).flags(FLAG.IGNORE);
  w.store(relay.pid, 0, 4).place(none).release(pid);
}
