/**
 * Blueprint and host facts to plan: the order of the stages, and nothing else. Pure: the same input gives the same bytes.
 *
 * The supervisor's ops come first, then the container's; a plan branches only at clone. The container's ops follow the order of runc's init
 * where it matters: namespaces, network, root, mounts, read-only and masked paths, user, capabilities, Landlock, seccomp, exec.
 */
import { AF_INET, AT, CLONE, IFF_UP_RUNNING, OPEN, PR, SIOCSIFFLAGS, SOCK } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { sysctlPath } from "../spec/sysctl.ts";
import { assertIdentity, assertNamespaces, assertRoot, noteNamespaces } from "./assertions.ts";
import type { OwnNamespaces } from "./assertions.ts";
import type { Blueprint } from "./blueprint.ts";
import { bear, whereBorn } from "./birth.ts";
import { enterCgroups, makeCgroups } from "./cgroups.ts";
import type { CgroupHandles } from "./cgroups.ts";
import { closeSockets, containerHooks, finishCreation, handTerminal, noteFirstProcess, noteRunning, openCreation, runtimeHooks } from "./creation.ts";
import type { Creation } from "./creation.ts";
import { detach, waitOut } from "./detach.ts";
import { openConsole } from "./devices.ts";
import { writeFile } from "./file.ts";
import { makeFilesystem } from "./filesystem.ts";
import { endHolder } from "./holder.ts";
import type { Holder } from "./holder.ts";
import { openLink, send } from "./handover.ts";
import type { Link } from "./handover.ts";
import { take } from "./held.ts";
import type { HostFacts } from "./host-facts.ts";
import { openHostProc } from "./host-proc.ts";
import { becomeRoot, becomeUser, cloneFlags, dieWithParent, leaveKeyring, openProcess, writeIdMaps, writeOomScore } from "./identity.ts";
import { closeEnds, keepTerminal, openKeep, ownEnds, superviseKept } from "./keeping.ts";
import { makeMounts, openMounts, sealMounts } from "./mounts.ts";
import type { Opened } from "./mounts.ts";
import { compilation, createsNamespace, joinedNamespace } from "./names.ts";
import type { Compilation } from "./names.ts";
import { moveDevices, raiseDevices } from "./net-devices.ts";
import { FLAG } from "./op.ts";
import { admitRelay, bindPorts, closeListeners, listenAtPorts, startRelay } from "./publishing.ts";
import type { Relay } from "./publishing.ts";
import { assertStdio, loadSeccomp, makeDirectory, startProcess } from "./process.ts";
import type { PipeEnds } from "./process.ts";
import { attachRootfs, maskPaths, pivot, readonlyPaths, sealRootfs, shareRootfs } from "./rootfs.ts";
import { setExecutionDomain, setPriorities } from "./scheduling.ts";
import { handListener } from "./seccomp-listener.ts";
import { labelProgram } from "./security-modules.ts";
import { addProgram, programOf } from "./program.ts";
import type { PlanBody } from "./program.ts";
import { awaitSources, finishSources, prepareSources, releaseSources } from "./sources.ts";
import type { Sources } from "./sources.ts";
import { closeFrame, comeHome, failFrame, guardTerminal, handEnd, openFrame, openStatus, takeTerminal } from "./supervisor.ts";
import type { Frame, Guard, Inherited } from "./supervisor.ts";
import { tellLater } from "./telling.ts";
import { cloneThrough } from "./through.ts";
import { bearIntoTime, enterTime, keepOwnTime } from "./time-offsets.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { PlanWriter } from "./writer.ts";

/** How the plan will be run. With a `gate` the program starts only once what is at its other end says that the wall stands, and is gone. */
export interface CompileOptions extends Inherited {
  /** Op that fails on purpose. */
  readonly fault?: number;
  /** Fd of a socket: the program starts only once what is at its other end says that the wall stands, and is gone. */
  readonly gate?: number;
  /** Fd of the container's lock (pidbox-oci): it ends when the container is created. */
  readonly lock?: number;
  /** What is printed for the caller once the program runs in the background; absent: this process is the supervisor. */
  readonly announce?: string;
  /** Milliseconds to wait before anything else. */
  readonly delay?: number;
}

/** All of a plan but the program. */
export interface CompiledBody extends PlanBody {
  /** The directories that the plan makes in the cgroup hierarchies. */
  readonly cgroups: readonly string[];
}

/** Compiles a plan. Throws CONFIG_INVALID and HOST_UNSUPPORTED for what cannot be done here. */
export function compile(blueprint: Blueprint, facts: HostFacts, options: CompileOptions): Uint8Array<ArrayBuffer> {
  return addProgram(compileBody(blueprint, facts, options), programOf(blueprint.config.process));
}

/** Compiles all but the program: arguments and environment of the process change nothing, unless `blueprint.runtime` is there. Throws as compile does. */
export function compileBody(blueprint: Blueprint, facts: HostFacts, options: CompileOptions): CompiledBody {
  refuseUnsupported(blueprint, facts);
  const w = new PlanWriter();
  const c = compilation(w, blueprint, facts);
  const { keeping, runtime } = blueprint;
  const extra = options.gate ?? options.lock;
  const frame = openFrame(c, { ...options, ...(extra === undefined ? {} : { extra }) });
  const relay = bindPorts(c);
  if (options.delay !== undefined) waitOut(c, options.delay, () => { handEnd(c, "called-off"); w.exit(125); });
  const own = noteNamespaces(c);
  assertStdio(c);
  if (runtime === undefined) openStatus(c, frame, options.charge !== undefined);
  listenAtPorts(c);
  const creation = openCreation(c);
  const cgroups = makeCgroups(c);
  const ready = options.announce === undefined ? undefined : detach(c, options.announce);
  const pipes = keeping === undefined ? undefined : openKeep(c, frame, keeping, { ready, client: options.client !== undefined });
  const relayed = blueprint.stdio.kind === "terminal" && runtime?.consoleSocket === undefined && keeping === undefined;
  const guard = relayed ? guardTerminal(c, frame) : undefined;
  const link = openLink(c);
  const joined = openNamespaces(c);
  const sources = prepareSources(c);
  const ownTime = bearIntoTime(c);

  const contained = w.label();
  const { pid, pidfd } = cloneContainer(c, contained, cgroups, joined, link);
  const hold = holdScope(c, creation?.holder, cgroups, joined);
  comeHome(c, frame);
  keepOwnTime(c, ownTime);
  // Closed here only: the container goes on with this register.
  w.call(SYSCALLS.close, link.inside);
  if (relay === undefined) w.call(SYSCALLS.close, c.descriptors.report);
  finishContainer(c, sources, pid, joined);
  moveDevices(c, pid, joined.get("network"));
  startRelay(c, relay, { own, link, pid, pidfd });
  releaseSources(c, sources, link.outside);
  if (pipes !== undefined) closeEnds(c, pipes);
  if (creation !== undefined) runtimeHooks(c, creation, link.outside, pid);
  if (creation?.console !== undefined) handTerminal(c, link.outside, creation.console);
  else if (relayed) takeTerminal(c, link.outside, frame.watch);
  else if (blueprint.stdio.kind === "terminal") keepTerminal(c, link.outside, frame);
  handListener(c, link.outside, pid, "creating");
  if (creation !== undefined) finishCreation(c, creation, link, { pid, pidfd }, hold);
  if (creation?.runtime.leaves === true) w.from("supervisor").exit(0);
  else superviseContainer(c, { frame, link, guard, relay, creation, cgroups, pid, pidfd });
  const onFailure = failFrame(c, { frame, cgroups, guard, relay, creation, outside: link.outside });

  w.place(contained);
  // Its end is for the guard to see, whatever becomes of this process.
  if (guard !== undefined) w.from("--tty").call(SYSCALLS.close, guard.writing);
  containerOps(c, { own, cgroups, link, joined, creation, sources, pipes, gate: options.gate !== undefined });
  w.exit(125);
  return { ...w.finishBody(onFailure, options.fault), cgroups: cgroups.directories };
}

/**
 * Supervisor's ops after clone: the holder of a scope goes if the container's process is in its place; if not, systemd would take the empty scope away from
 * under it, and the ops that are returned are for when it says that it is there.
 */
function holdScope(c: Compilation, holder: Holder | undefined, cgroups: CgroupHandles, joined: ReadonlyMap<string, number>): () => void {
  if (holder === undefined) return () => {};
  const end = (): void => endHolder(c, holder);
  // What a child does for this process, this process does not see.
  if (cgroups.join.length > 0 || passesThrough(c, joined)) return end;
  whereBorn(c, cgroups.into, false, end);
  return () => whereBorn(c, cgroups.into, true, end);
}

interface Supervision {
  readonly frame: Frame;
  readonly link: Link;
  readonly guard: Guard | undefined;
  readonly relay: Relay | undefined;
  readonly creation: Creation | undefined;
  readonly cgroups: CgroupHandles;
  readonly pid: number;
  readonly pidfd: number;
}

/** Supervisor's ops: until the container's end, and what comes after it. */
function superviseContainer(c: Compilation, { frame, link, guard, relay, creation, cgroups, pid, pidfd }: Supervision): void {
  const { writer: w } = c;
  // Later commands on the container of `pidbox-oci run` need its lock.
  if (creation !== undefined) w.from("state directory").call(SYSCALLS.close, c.descriptors.extra).flags(FLAG.IGNORE);
  const code = w.register();
  const { keeping, pidFile } = c.blueprint;
  if (pidFile !== undefined) noteRunning(c, pidFile, link.report, pid);
  tellLater(c);
  if (keeping === undefined) w.from("container").supervise(pid, pidfd, link.report, frame.signals, link.page, frame.watch).into(code);
  else superviseKept(c, frame, keeping, { pidfd, page: link.page, code });
  closeFrame(c, { code, cgroups, guard, relay, creation });
}

/** Supervisor's ops: the namespaces to join, opened while host paths still mean something. A joined PID namespace takes effect at clone. */
function openNamespaces(c: Compilation): Map<string, number> {
  const { writer: w, blueprint } = c;
  const open = new Map<string, number>();
  for (const { type, path } of blueprint.config.linux?.namespaces ?? []) {
    if (path === undefined) continue;
    const fd = w.register();
    w.from(`/linux/namespaces/${type}`).call(SYSCALLS.openat, AT.FDCWD, w.text(path), OPEN.RDONLY | OPEN.CLOEXEC).into(fd);
    open.set(type, fd);
  }
  const pid = open.get("pid");
  if (pid !== undefined && c.facts.privileged) w.from("/linux/namespaces/pid").call(SYSCALLS.setns, pid, CLONE.NEWPID);
  return open;
}

/** Whether a child of the supervisor makes the container's process (through.ts). */
function passesThrough(c: Compilation, joined: ReadonlyMap<string, number>): boolean {
  return joined.has("pid") && !c.facts.privileged;
}

/** Supervisor's ops after clone: the id maps, and with them what was prepared for the container. */
function finishContainer(c: Compilation, sources: Sources, pid: number, joined: ReadonlyMap<string, number>): void {
  const { writer: w, blueprint } = c;
  const joinedUser = joined.get("user");
  let userns = joinedUser;
  const ownsUsers = blueprint.mapping !== undefined && joinedUser === undefined;
  const oom = blueprint.config.process?.oomScoreAdj;
  const directory = blueprint.runtime?.directory;
  const proc = ownsUsers || oom !== undefined || directory !== undefined ? openProcess(c, pid) : 0;
  if (directory !== undefined) noteFirstProcess(c, directory, proc);
  if (oom !== undefined) writeOomScore(c, proc, oom);
  if (blueprint.mapping !== undefined && joinedUser === undefined) {
    writeIdMaps(c, pid, proc, blueprint.mapping);
    userns = w.register();
    w.from("/linux/namespaces/user").call(SYSCALLS.openat, proc, w.text("ns/user"), OPEN.RDONLY | OPEN.CLOEXEC).into(userns);
  }
  if (proc !== 0) w.close(proc);
  finishSources(c, sources, userns);
  if (userns !== undefined && joinedUser === undefined) w.close(userns);
}

function cloneContainer(
  c: Compilation, contained: ReturnType<PlanWriter["label"]>, cgroups: CgroupHandles, joined: ReadonlyMap<string, number>, link: Link,
): { pid: number; pidfd: number } {
  const { writer: w } = c;
  w.from("/linux/namespaces");
  // A joined user namespace must own the new ones, so they are unshared after joining it.
  const flags = joined.has("user") ? 0 : cloneFlags(c);
  const [user, pidNamespace] = [joined.get("user"), joined.get("pid")];
  if (pidNamespace !== undefined && passesThrough(c, joined)) {
    const first = user === undefined ? [] : [{ type: "user", fd: user, flag: CLONE.NEWUSER }];
    const all = [...first, { type: "pid", fd: pidNamespace, flag: CLONE.NEWPID }];
    return cloneThrough(c, contained, link, { joined: all, flags, place: cgroups.into, closed: c.blueprint.mapping === undefined });
  }
  const [pid, pidfd] = [w.register(), w.register()];
  bear(c, { flags, place: cgroups.into, child: contained, reading: link.report, pid, pidfd });
  return { pid, pidfd };
}

interface ContainerHandles {
  readonly own: OwnNamespaces;
  readonly cgroups: CgroupHandles;
  readonly link: Link;
  readonly joined: ReadonlyMap<string, number>;
  readonly creation: Creation | undefined;
  readonly sources: Sources;
  readonly pipes: PipeEnds | undefined;
  readonly gate: boolean;
}

function containerOps(c: Compilation, handles: ContainerHandles): void {
  const { writer: w, blueprint } = c;
  const { link, creation } = handles;
  // Out of the caller's session: signals of its keyboard come from the supervisor, and once.
  w.from("container").call(SYSCALLS.setsid).close(link.outside, link.report);
  // Both end with their last descriptor: the lock, and the wait of whoever is at the console socket.
  if (creation !== undefined) w.call(SYSCALLS.close, c.descriptors.extra).flags(FLAG.IGNORE);
  closeSockets(c, creation);
  closeListeners(c);
  enterNamespaces(c, handles);
  admitRelay(c, link.inside);
  awaitSources(c, handles.sources, link.inside);
  if (blueprint.mapping !== undefined || handles.joined.has("user")) becomeRoot(c);
  dieWithParent(c, link.inside);
  if (creation?.runtime.newKeyring !== false) leaveKeyring(c);
  enterTime(c);
  if (!c.facts.privileged) w.from("container").call(SYSCALLS.prctl, PR.SET_DUMPABLE, 0);
  if (createsNamespace(blueprint, "network")) raiseLoopback(c);
  raiseDevices(c);
  nameHost(c);
  const opened = openMounts(c, handles.sources, handles.cgroups);
  const proc = openProcfs(c, opened);
  assertNamespaces(c, handles.own, proc);
  writeKernelSettings(c, proc);
  const label = labelProgram(c, proc);
  const [root, layer] = [opened.mounts.get("/root"), opened.mounts.get("/layer")].map((held) => (held === undefined ? undefined : take(c, held)));
  const place = attachRootfs(c, root, layer, creation?.beforePivot === true);
  if (!place.early) pivot(c, place);
  const seals = makeMounts(c, opened, handles.cgroups);
  if (creation !== undefined) containerHooks(c, creation, link.inside);
  if (place.early) pivot(c, place);
  const console = blueprint.stdio.kind === "terminal" ? openConsole(c) : undefined;
  if (console !== undefined) {
    w.from("handover");
    send(c, link.inside, [console.master, console.slave]);
    w.call(SYSCALLS.close, console.master);
  }
  makeDirectory(c);
  readonlyPaths(c);
  maskPaths(c);
  sealMounts(c, seals);
  sealRootfs(c);
  shareRootfs(c);
  assertRoot(c, c.root);
  setPriorities(c, blueprint.config.process);
  setExecutionDomain(c);
  if (blueprint.config.process?.noNewPrivileges !== true) loadSeccomp(c, link.inside);
  if (handles.pipes !== undefined) ownEnds(c, handles.pipes);
  becomeUser(c, link.inside);
  assertIdentity(c);
  const { pipes, gate } = handles;
  startProcess(c, { page: link.page, console, pipes, gate, label, ...(creation === undefined ? {} : { creation, link: link.inside }) });
}

function enterNamespaces(c: Compilation, handles: ContainerHandles): void {
  const { writer: w, blueprint } = c;
  enterCgroups(c, handles.cgroups, createsNamespace(blueprint, "cgroup") && !handles.joined.has("user"));
  const types: Readonly<Record<string, number>> = {
    network: CLONE.NEWNET, ipc: CLONE.NEWIPC, uts: CLONE.NEWUTS, cgroup: CLONE.NEWCGROUP, time: CLONE.NEWTIME, mount: CLONE.NEWNS,
  };
  for (const [type, fd] of handles.joined) {
    const flag = types[type];
    if (flag !== undefined) w.from(`/linux/namespaces/${type}`).call(SYSCALLS.setns, fd, flag);
  }
  const user = handles.joined.get("user");
  if (user === undefined) return;
  w.from("/linux/namespaces/user");
  // Rootless it is in it already, for the sake of the PID namespace.
  if (c.facts.privileged || joinedNamespace(blueprint, "pid") === undefined) w.call(SYSCALLS.setns, user, CLONE.NEWUSER);
  w.call(SYSCALLS.unshare, cloneFlags(c) + (createsNamespace(blueprint, "cgroup") ? CLONE.NEWCGROUP : 0));
}

function raiseLoopback(c: Compilation): void {
  const { writer: w } = c;
  w.from("/linux/namespaces/network");
  const socket = w.register();
  // struct ifreq: 16 bytes of name ("lo"), then flags
  const request = w.words(0x6f6c, 0, 0, 0, IFF_UP_RUNNING, 0, 0, 0, 0, 0);
  w.call(SYSCALLS.socket, AF_INET, SOCK.DGRAM | SOCK.CLOEXEC, 0).into(socket);
  w.call(SYSCALLS.ioctl, socket, SIOCSIFFLAGS, request).close(socket);
}

function nameHost(c: Compilation): void {
  const { writer: w, blueprint: { config } } = c;
  const encoder = new TextEncoder();
  if (config.hostname !== undefined) w.from("/hostname").call(SYSCALLS.sethostname, w.text(config.hostname), encoder.encode(config.hostname).length);
  if (config.domainname !== undefined) w.from("/domainname").call(SYSCALLS.setdomainname, w.text(config.domainname), encoder.encode(config.domainname).length);
}

/**
 * The register of a procfs of this PID namespace that is attached nowhere yet, so that nothing can lie over it: sysctls, labels and assertions go through it
 * (CVE-2019-19921, CVE-2025-52881). The config's own serves unless it cannot be written to.
 */
function openProcfs(c: Compilation, opened: Opened): number {
  const { writer: w, blueprint } = c;
  const sysctls = Object.keys(blueprint.config.linux?.sysctl ?? {}).length > 0;
  if (opened.proc !== undefined && !sysctls) return opened.proc;
  w.from("/proc of the plan");
  if (createsNamespace(blueprint, "pid") && !blueprint.degraded.includes("proc")) {
    return makeFilesystem(c, "proc", [], MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC);
  }
  return openHostProc(w);
}

function writeKernelSettings(c: Compilation, proc: number): void {
  const { writer: w, blueprint: { config } } = c;
  for (const [key, value] of Object.entries(config.linux?.sysctl ?? {})) {
    writeFile(w.from(`/linux/sysctl/${key}`), proc, `sys/${sysctlPath(key) ?? key}`, value);
  }
}
