/**
 * A plan for one more process in a container that runs (`exec`): the supervisor's frame, the joining, and then the same stages as at a start.
 *
 * Trusts: the pidfd of the container's first process, which whoever starts the plan has checked. An attacker controls: everything inside, as the container's
 * root. So this process is not dumpable before it joins (CVE-2016-9962), and no path of the container is opened before that. Where the container's root may
 * look into it all the same, with CAP_SYS_PTRACE over the user namespace that both are in, it is born with nothing of the host's: a process between joins all
 * other namespaces first. Each namespace is compared with the first process's, inode by inode, before anything runs. Pure.
 */
import { AT, CLONE, OPEN, OPEN_TREE, PR, STATX } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { LinuxNamespaceType } from "../spec/runtime-config.ts";
import { assertIdentity } from "./assertions.ts";
import type { Blueprint } from "./blueprint.ts";
import { bear, moveIn, openBirthPlace } from "./birth.ts";
import type { BirthPlace } from "./birth.ts";
import { closeSockets, connectSockets, finishCreation, handTerminal } from "./creation.ts";
import type { Creation } from "./creation.ts";
import { openConsole } from "./devices.ts";
import { makeFilesystem } from "./filesystem.ts";
import { openLink, receive, send } from "./handover.ts";
import type { Link } from "./handover.ts";
import type { HostFacts } from "./host-facts.ts";
import { openHostProc } from "./host-proc.ts";
import { becomeRoot, becomeUser, dieWithParent, leaveKeyring, openProcess, writeOomScore } from "./identity.ts";
import { compilation } from "./names.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import { assertStdio, loadSeccomp, startProcess } from "./process.ts";
import { setAffinity, setExecutionDomain, setPriorities } from "./scheduling.ts";
import { handListener } from "./seccomp-listener.ts";
import { labelProgram } from "./security-modules.ts";
import { comeHome, dismiss, failFrame, guardTerminal, openFrame, takeTerminal } from "./supervisor.ts";
import { cloneThrough } from "./through.ts";
import { tellLater, tellStarted } from "./telling.ts";
import { PlanWriter } from "./writer.ts";

/** The container to join. */
export interface JoinTarget {
  /** Its first process, in the caller's PID namespace. */
  readonly pid: number;
  /** The types of namespaces that differ from the caller's. */
  readonly namespaces: readonly LinuxNamespaceType[];
  /** Directories of its cgroups. */
  readonly cgroups: readonly { readonly version: 1 | 2; readonly directory: string }[];
}

export interface JoinOptions {
  /** Fd of the memfd with launcher and plan, in the process that is replaced. */
  readonly self: number;
  /** Fd of the first process's pidfd, above 31 and above all that is preserved. */
  readonly pidfd: number;
  /** Op that fails on purpose. */
  readonly fault?: number;
}

const FILES: Readonly<Record<LinuxNamespaceType, readonly [file: string, flag: number]>> = {
  user: ["user", CLONE.NEWUSER], mount: ["mnt", CLONE.NEWNS], uts: ["uts", CLONE.NEWUTS], ipc: ["ipc", CLONE.NEWIPC], pid: ["pid", CLONE.NEWPID],
  cgroup: ["cgroup", CLONE.NEWCGROUP], network: ["net", CLONE.NEWNET], time: ["time", CLONE.NEWTIME],
};

/** What the supervisor opens on the host, for the process that joins. */
interface Outside {
  /** Register of the host's /proc. */
  readonly proc: number;
  /** Data of struct statx for each namespace of the first process. */
  readonly namespaces: ReadonlyMap<LinuxNamespaceType, number>;
  /** Registers of `tasks` files (v1), and the v2 cgroup. */
  readonly tasks: readonly number[];
  readonly into: BirthPlace | undefined;
}

function openOutside(c: Compilation, target: JoinTarget): Outside {
  const { writer: w } = c;
  const name = w.text(String(target.pid));
  const proc = openHostProc(w.from("/proc of the container"));
  const first = w.register();
  w.call(SYSCALLS.openat, proc, name, OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).into(first);
  const namespaces = new Map<LinuxNamespaceType, number>();
  for (const type of target.namespaces) {
    const block = w.room(STATX.size);
    w.from(`/linux/namespaces/${type}`).call(SYSCALLS.statx, first, w.text(`ns/${FILES[type][0]}`), 0, STATX.INO, block);
    namespaces.set(type, block);
  }
  w.close(first);
  const tasks: number[] = [];
  let into: BirthPlace | undefined;
  for (const { version, directory } of target.cgroups) {
    const fd = w.register();
    w.from("cgroup");
    if (version === 1) {
      w.call(SYSCALLS.openat, AT.FDCWD, w.text(`${directory}/tasks`), OPEN.WRONLY | OPEN.CLOEXEC).into(fd);
      tasks.push(fd);
    } else {
      // A mount of it alone where it may be seen: from its root no `..` leads on.
      if (isBornBare(c, target)) w.call(SYSCALLS.open_tree, AT.FDCWD, w.text(directory), OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC).into(fd);
      else w.call(SYSCALLS.openat, AT.FDCWD, w.text(directory), OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).into(fd);
      into = openBirthPlace(c, fd);
    }
  }
  return { proc, namespaces, tasks, into };
}

/** Without the host's rights a PID namespace can be joined only from inside of the user namespace that owns it, and cannot be left again for the caller's. */
function goesThrough(c: Compilation, { namespaces }: JoinTarget): boolean {
  return !c.facts.privileged && namespaces.includes("pid");
}

/** In the host's user namespace CAP_SYS_PTRACE inside reaches whatever is in the PID namespace, dumpable or not (ptrace(2), "access mode checking"). */
function isBornBare(c: Compilation, { namespaces }: JoinTarget): boolean {
  return c.facts.privileged && namespaces.includes("pid") && !namespaces.includes("user");
}

/**
 * Ops of the process between: into all namespaces, so that its child has no directory of the host's, nor the way to one. The cgroups are for the child to
 * enter, for a fork in them counts against their limits.
 */
function enterFirst(c: Compilation, target: JoinTarget, outside: Outside, home: number | undefined): void {
  const { writer: w } = c;
  if (home !== undefined) w.from("supervisor").call(SYSCALLS.close, home);
  const flags = target.namespaces.reduce((sum, type) => sum + (type === "cgroup" ? 0 : FILES[type][1]), 0);
  w.from("/linux/namespaces").call(SYSCALLS.setns, c.descriptors.extra, flags);
  // From inside of its cgroup namespace nobody comes into the container's v2 cgroup (nsdelegate): that one is its child's to join.
  const namespaces = new Map([...outside.namespaces].filter(([type]) => type !== "cgroup"));
  // What is a namespace for children until then is their own from their birth.
  assertSame(c, { ...outside, namespaces }, { pid: "pid_for_children", time: "time_for_children" });
  w.close(outside.proc);
}

/** A procfs of the container's PID namespace that is attached nowhere, where labels have to be written; the container's own may be anything. */
function ownProc(c: Compilation): number | undefined {
  const { apparmorProfile, selinuxLabel } = c.blueprint.config.process ?? {};
  if (apparmorProfile === undefined && selinuxLabel === undefined) return undefined;
  c.writer.from("/proc of the plan");
  return makeFilesystem(c, "proc", [], MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC);
}

/** Supervisor's op: the process that joins is made. It is in the PID namespace from its birth, for nobody can enter one later (pid_namespaces(7)). */
function cloneJoining(c: Compilation, joining: ReturnType<PlanWriter["label"]>, outside: Outside, link: Link): { pid: number; pidfd: number } {
  const { writer: w } = c;
  const [pid, pidfd] = [w.register(), w.register()];
  w.from("container");
  bear(c, { flags: 0, place: outside.into, child: joining, reading: link.report, pid, pidfd });
  return { pid, pidfd };
}

/** Compiles the plan of `exec`. `blueprint.config` has the process and what confines it; its namespaces are those of `target`. Throws CONFIG_INVALID. */
export function compileJoining(blueprint: Blueprint, target: JoinTarget, facts: HostFacts, options: JoinOptions): Uint8Array {
  const w = new PlanWriter();
  const c = compilation(w, blueprint, facts);
  const frame = openFrame(c, { self: options.self, extra: options.pidfd });
  assertStdio(c);
  const runtime = blueprint.runtime;
  const creation: Creation | undefined = runtime === undefined ? undefined : {
    runtime, ...connectSockets(c, runtime), start: undefined, report: undefined, output: undefined, beforePivot: false, holder: undefined,
    pidFile: runtime.pidFile === undefined ? undefined : w.blankRegister(),
  };
  const relayed = blueprint.stdio.kind === "terminal" && runtime?.consoleSocket === undefined;
  const guard = relayed ? guardTerminal(c, frame) : undefined;
  const link = openLink(c);
  const outside = openOutside(c, target);
  const bare = isBornBare(c, target);
  const through = bare || goesThrough(c, target);
  if (target.namespaces.includes("pid") && !through) w.from("/linux/namespaces/pid").call(SYSCALLS.setns, c.descriptors.extra, CLONE.NEWPID);

  setAffinity(c, blueprint.config.process, "initial");

  const joining = w.label();
  const first = bare ? [] : (["user", "pid"] as const).filter((type) => target.namespaces.includes(type));
  const joined = first.map((type) => ({ type, fd: c.descriptors.extra, flag: FILES[type][1] }));
  const passage = { joined, flags: 0, place: outside.into, closed: true, ...(bare ? { enter: () => enterFirst(c, target, outside, frame.home) } : {}) };
  const { pid, pidfd } = through ? cloneThrough(c, joining, link, passage) : cloneJoining(c, joining, outside, link);
  comeHome(c, frame);
  w.call(SYSCALLS.close, link.inside).call(SYSCALLS.close, c.descriptors.report);
  const oom = blueprint.config.process?.oomScoreAdj;
  if (oom !== undefined && !through) writeOomScore(c, openProcess(c, pid), oom);
  w.from("handover");
  send(c, link.outside, []);
  if (creation?.console !== undefined) handTerminal(c, link.outside, creation.console);
  else if (relayed) takeTerminal(c, link.outside, frame.watch);
  handListener(c, link.outside, pid, "running");
  if (creation !== undefined) finishCreation(c, creation, link, { pid, pidfd });
  if (runtime?.leaves === true) {
    tellStarted(c);
    w.from("supervisor").exit(0);
  } else {
    const code = w.register();
    tellLater(c);
    w.from("container").supervise(pid, pidfd, link.report, frame.signals, link.page, frame.watch).into(code);
    dismiss(c, guard);
    w.exit(code);
  }
  const onFailure = failFrame(c, { frame, guard, creation, outside: link.outside });

  w.place(joining);
  // Its end is for the guard to see, whatever becomes of this process.
  if (guard !== undefined) w.from("--tty").call(SYSCALLS.close, guard.writing);
  joiningOps(c, target, outside, link, creation);
  w.exit(125);
  return w.finish(onFailure, options.fault);
}

function joiningOps(c: Compilation, target: JoinTarget, outside: Outside, link: Link, creation: Creation | undefined): void {
  const { writer: w, blueprint } = c;
  w.from("container").call(SYSCALLS.setsid).close(link.outside, link.report);
  closeSockets(c, creation);
  w.from("handover");
  receive(c, link.inside, []);
  // Before it is in the container, whose root may look into whatever is dumpable there (CVE-2016-9962); and again below, for a change of ids may undo it.
  w.from("container").call(SYSCALLS.prctl, PR.SET_DUMPABLE, 0);
  enter(c, target, outside);
  setAffinity(c, blueprint.config.process, "final");
  w.from("container").call(SYSCALLS.prctl, PR.SET_DUMPABLE, 0);
  if (target.namespaces.includes("user")) becomeRoot(c);
  dieWithParent(c, link.inside);
  if (creation?.runtime.newKeyring !== false) leaveKeyring(c);
  w.from("container").call(SYSCALLS.prctl, PR.SET_DUMPABLE, 0);
  w.from("/root").call(SYSCALLS.openat, AT.FDCWD, w.text("/"), OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).into(c.root);
  const bare = isBornBare(c, target);
  if (!bare) assertSame(c, outside);
  const proc = bare ? ownProc(c) : outside.proc;
  const label = proc === undefined ? undefined : labelProgram(c, proc);
  if (proc !== undefined) w.close(proc);
  const console = blueprint.stdio.kind === "terminal" ? openConsole(c, { bind: false }) : undefined;
  if (console !== undefined) {
    w.from("handover");
    send(c, link.inside, [console.master, console.slave]);
    w.call(SYSCALLS.close, console.master);
  }
  setPriorities(c, blueprint.config.process);
  setExecutionDomain(c);
  if (blueprint.config.process?.noNewPrivileges !== true) loadSeccomp(c, link.inside);
  becomeUser(c, link.inside);
  assertIdentity(c);
  startProcess(c, { page: link.page, console, gate: false, label, joins: true, ...(creation === undefined ? {} : { creation, link: link.inside }) });
}

/** Into the cgroups first, while the host's rights are there; then all namespaces at once (setns(2), Linux 5.8), the user namespace before the others. */
function enter(c: Compilation, target: JoinTarget, outside: Outside): void {
  const { writer: w } = c;
  w.from("cgroup");
  const zero = w.text("0");
  for (const fd of outside.tasks) w.call(SYSCALLS.write, fd, zero, 1).flags(FLAG.FULL).close(fd);
  moveIn(c, outside.into);
  if (outside.into !== undefined) w.close(outside.into.into);
  if (isBornBare(c, target)) {
    if (target.namespaces.includes("cgroup")) w.from("/linux/namespaces/cgroup").call(SYSCALLS.setns, c.descriptors.extra, CLONE.NEWCGROUP);
    w.call(SYSCALLS.close, c.descriptors.extra);
    return;
  }
  const entered: readonly LinuxNamespaceType[] = goesThrough(c, target) ? ["pid", "user"] : ["pid"];
  const flags = target.namespaces.reduce((sum, type) => sum + (entered.includes(type) ? 0 : FILES[type][1]), 0);
  w.from("/linux/namespaces");
  if (flags !== 0) w.call(SYSCALLS.setns, c.descriptors.extra, flags);
  w.call(SYSCALLS.close, c.descriptors.extra);
}

/** Each namespace is the first process's, as the host's procfs shows both. `files`: names in place of those of FILES. */
function assertSame(c: Compilation, { proc, namespaces }: Outside, files: Readonly<Partial<Record<LinuxNamespaceType, string>>> = {}): void {
  const { writer: w } = c;
  const [theirs, mine] = [w.register(), w.register()];
  const status = w.room(STATX.size);
  for (const [type, block] of namespaces) {
    w.from(`/linux/namespaces/${type}`).call(SYSCALLS.statx, proc, w.text(`self/ns/${files[type] ?? FILES[type][0]}`), 0, STATX.INO, status);
    w.load(theirs, block + STATX.inodeAt, 8).load(mine, status + STATX.inodeAt, 8).expect(mine, theirs);
  }
  w.release(theirs, mine);
}
