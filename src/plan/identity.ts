/** Stage: id maps of the user namespace (supervisor) and who the container's processes are (container). user_namespaces(7), credentials(7). Pure. */
import { PidboxError } from "../base/error.ts";
import { CAPABILITY_VERSION_3, CLONE, ERRNO, KEYCTL_JOIN_SESSION_KEYRING, MSG, OPEN, PR, SIGNAL } from "../kernel/abi/constants.ts";
import { CAPABILITIES } from "../kernel/abi/capabilities.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { IdMapping, User } from "../spec/runtime-config.ts";
import { fork } from "./clone-arguments.ts";
import { writeFile } from "./file.ts";
import type { UserMapping } from "./host-facts.ts";
import { openHostProc } from "./host-proc.ts";
import type { Compilation } from "./names.ts";
import { setsClocks } from "./time-offsets.ts";
import { FLAG } from "./op.ts";

/** An id map as /proc takes it. */
export function mapText(map: readonly IdMapping[]): string {
  return map.map((m) => `${m.containerID} ${m.hostID} ${m.size}\n`).join("");
}

/** argv of newuidmap(1): the pid is filled in when it is known. */
function runHelper(c: Compilation, helper: string, pid: number, map: readonly IdMapping[]): void {
  const { writer: w } = c;
  const pidText = w.room(24);
  w.decimal(pidText, pid);
  const numbers = map.flatMap((m) => [m.containerID, m.hostID, m.size]).map((n) => w.text(String(n)));
  const argv = w.cells(w.text(helper), pidText, ...numbers, 0);
  const child = w.register();
  const parent = w.label();
  fork(w).into(child).jumpSet(parent, child);
  w.call(SYSCALLS.execve, w.text(helper), argv, w.cells(0)).flags(FLAG.IGNORE).exit(127);
  w.place(parent);
  const status = w.cells(0);
  w.call(SYSCALLS.wait4, child, status, 0).load(child, status, 4).expect(child, 0).release(child);
}

/** Supervisor's ops after clone: a register with the container's /proc/PID, which no overmount can stand in for (CVE-2025-52881). */
export function openProcess(c: Compilation, pid: number): number {
  const { writer: w } = c;
  const proc = openHostProc(w.from("/proc of the container"));
  const process = w.register();
  const name = w.room(24);
  w.decimal(name, pid);
  const resolveNoXdev = 1 | 2 | 4 | 8;
  w.call(SYSCALLS.openat2, proc, name, w.cells(OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC, 0, resolveNoXdev), 24).into(process);
  w.close(proc);
  return process;
}

/** Supervisor's ops: how early the kernel kills the container when memory runs out. The container itself is not dumpable by then and could not write it. */
export function writeOomScore(c: Compilation, proc: number, score: number): void {
  writeFile(c.writer.from("/process/oomScoreAdj"), proc, "oom_score_adj", String(score));
}

/** Supervisor's ops: the id maps, through the register `proc` of openProcess. */
export function writeIdMaps(c: Compilation, pid: number, proc: number, mapping: UserMapping): void {
  const { writer: w } = c;
  w.from("/linux/uidMappings");
  if (mapping.writer.kind === "helper") {
    runHelper(c, mapping.writer.uidmap, pid, mapping.uid);
    w.from("/linux/gidMappings");
    runHelper(c, mapping.writer.gidmap, pid, mapping.gid);
    return;
  }
  // user_namespaces(7): an unprivileged writer must deny setgroups(2) before the gid map.
  if (mapping.writer.kind === "self") writeFile(w, proc, "setgroups", "deny");
  writeFile(w, proc, "uid_map", mapText(mapping.uid));
  w.from("/linux/gidMappings");
  writeFile(w, proc, "gid_map", mapText(mapping.gid));
}

/** Whether setgroups(2) works: an unprivileged writer of the gid map had to deny it, for this namespace and all below it (user_namespaces(7)). */
export function maySetGroups(mapping: UserMapping | undefined): boolean {
  return mapping === undefined || mapping.writer.kind === "helper" || (mapping.writer.kind === "direct" && mapping.writer.groupsDenied !== true);
}

/** Container's ops once the maps are there: root of the namespace, with nothing kept from before. */
export function becomeRoot(c: Compilation): void {
  const { writer: w, blueprint } = c;
  w.from("/linux/uidMappings");
  // Without subordinate ids setgroups(2) is denied and the caller's groups stay, unmapped and without meaning inside.
  if (maySetGroups(blueprint.mapping)) w.call(SYSCALLS.setgroups, 0, 0);
  w.call(SYSCALLS.setresgid, 0, 0, 0);
  w.call(SYSCALLS.setresuid, 0, 0, 0);
}

/** Container's ops: a session keyring of its own, for the caller's is inherited across every namespace (keyrings(7)). */
export function leaveKeyring(c: Compilation): void {
  c.writer.from("session keyring").call(SYSCALLS.keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0).tolerate(ERRNO.ENOSYS, ERRNO.EPERM);
}

/** SIGKILL when the supervisor dies; set again after each change of uid, which clears it (prctl(2)). The socket tells whether it died before. */
export function dieWithParent(c: Compilation, socket: number): void {
  const { writer: w } = c;
  const alive = w.register();
  w.from("supervisor");
  w.call(SYSCALLS.prctl, PR.SET_PDEATHSIG, SIGNAL.KILL);
  w.call(SYSCALLS.recvfrom, socket, w.room(8), 1, MSG.PEEK | MSG.DONTWAIT).into(alive).tolerate(ERRNO.EAGAIN);
  w.expect(alive, -ERRNO.EAGAIN).release(alive);
}

/** Bit n for capability n. */
export function capabilityMask(names: readonly string[] | undefined): number {
  let mask = 0;
  for (const name of names ?? []) {
    const bit = CAPABILITIES.indexOf(name as (typeof CAPABILITIES)[number]);
    if (bit < 0) throw new PidboxError("CONFIG_INVALID", `Cannot grant the capability "${name}": the kernel has none of this name`);
    mask += mask % 2 ** (bit + 1) >= 2 ** bit ? 0 : 2 ** bit;
  }
  return mask;
}

/** struct __user_cap_data_struct[2] as six 32-bit words: effective, permitted, inheritable, low then high. */
function capabilityWords(effective: number, permitted: number, inheritable: number): number[] {
  const low = (n: number): number => n % 2 ** 32;
  const high = (n: number): number => Math.floor(n / 2 ** 32);
  return [low(effective), low(permitted), low(inheritable), high(effective), high(permitted), high(inheritable)];
}

/** capset(2) to exactly these masks. */
export function setCapabilities(c: Compilation, effective: number, permitted: number, inheritable: number): void {
  const { writer: w } = c;
  w.call(SYSCALLS.capset, w.words(CAPABILITY_VERSION_3, 0), w.words(...capabilityWords(effective, permitted, inheritable)));
}

/** All capabilities of this kernel. */
export function allCapabilities(last: number): number {
  return 2 ** (last + 1) - 1;
}

/** Ops that make the process the config's user with the config's five capability sets: bounding first, exact sets last (CVE-2022-24769, CVE-2016-8867). */
export function becomeUser(c: Compilation, socket: number | undefined): void {
  const { writer: w, blueprint, facts } = c;
  const process = blueprint.config.process;
  const user: User = process?.user ?? { uid: 0, gid: 0 };
  const sets = process?.capabilities ?? {};
  const bounding = capabilityMask(sets.bounding);
  w.from("/process/capabilities/bounding");
  w.bits(SYSCALLS.prctl, allCapabilities(facts.lastCapability) - bounding, PR.CAPBSET_DROP);
  w.from("/process/user").call(SYSCALLS.umask, user.umask ?? 0o022);
  const groups = [...new Set(user.additionalGids ?? [])];
  if (maySetGroups(blueprint.mapping)) {
    w.call(SYSCALLS.setgroups, groups.length, groups.length === 0 ? 0 : w.words(...groups));
    // The caller's own user namespace may deny it (user_namespaces(7)); then there are no groups to drop but those that mean nothing in it.
    if (!facts.privileged && blueprint.mapping === undefined && groups.length === 0) w.tolerate(ERRNO.EPERM);
  }
  if (user.uid !== 0 || user.gid !== 0) {
    w.call(SYSCALLS.prctl, PR.SET_KEEPCAPS, 1);
    w.call(SYSCALLS.setresgid, user.gid, user.gid, user.gid);
    w.call(SYSCALLS.setresuid, user.uid, user.uid, user.uid);
    if (socket !== undefined) dieWithParent(c, socket);
  }
  w.from("/process/capabilities");
  setCapabilities(c, capabilityMask(sets.effective), capabilityMask(sets.permitted), capabilityMask(sets.inheritable));
  w.call(SYSCALLS.prctl, PR.CAP_AMBIENT, PR.CAP_AMBIENT_CLEAR_ALL);
  for (const name of sets.ambient ?? []) w.call(SYSCALLS.prctl, PR.CAP_AMBIENT, PR.CAP_AMBIENT_RAISE, Math.log2(capabilityMask([name])));
  if (process?.noNewPrivileges === true) w.from("/process/noNewPrivileges").call(SYSCALLS.prctl, PR.SET_NO_NEW_PRIVS, 1);
}

/** Flags of clone3(2) for the namespaces that the config creates; cgroup comes later, inside the new cgroup. */
export function cloneFlags(c: Compilation): number {
  const flag: Readonly<Record<string, number>> = {
    user: CLONE.NEWUSER, pid: CLONE.NEWPID, mount: CLONE.NEWNS, network: CLONE.NEWNET, ipc: CLONE.NEWIPC, uts: CLONE.NEWUTS, time: CLONE.NEWTIME,
  };
  let flags = 0;
  for (const namespace of c.blueprint.config.linux?.namespaces ?? []) if (namespace.path === undefined) flags += flag[namespace.type] ?? 0;
  return setsClocks(c.blueprint) ? flags - CLONE.NEWTIME : flags;
}
