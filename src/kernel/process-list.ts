/**
 * The processes that /proc shows, one consistent record each.
 *
 * An open /proc/PID holds the kernel's `struct pid`, not the number: once the process is reaped every read below it is ESRCH, even if the
 * number was given out again. So all reads of one record go through one descriptor and need no second look at the start time.
 * Trusts: that /proc is procfs. An attacker controls: names, command lines, how many processes there are and when they vanish.
 */
import { type CgroupMembership, parseSelfCgroup } from "./cgroup.ts";
import { close, listDirectory, O, open, readStart, readText } from "./file.ts";
import { type IdRange, type NamespaceInodes, type NamespaceRelations, readIdMap, readNamespace, readNamespaceRelations, readNamespaces } from "./namespaces.ts";
import { parseProcessStat, parseProcessStatus, type ProcessStat, type ProcessStatus } from "./process-status.ts";

/** pid_max is at most 2^22 on 64-bit kernels (PID_MAX_LIMIT, include/linux/threads.h). */
const MOST_PROCESSES = 1 << 22;
const STATUS_LIMIT = 1 << 20;
const COMMAND_LIMIT = 4096;

/** The PIDs in /proc, ascending, or -errno. With hidepid or in a nested PID namespace this is what the caller may see, not all there is. */
export function listPids(): number[] | number {
  const entries = listDirectory("/proc", MOST_PROCESSES);
  if (typeof entries === "number") return entries;
  return entries.filter((entry) => /^[0-9]+$/.test(entry.name)).map((entry) => Number(entry.name)).sort((a, b) => a - b);
}

/** Opens /proc/PID as a handle on this very process. The caller closes the descriptor. Returns it or -errno (ENOENT: no such process). */
export function openProcess(pid: number): number {
  return open(`/proc/${pid}`, O.PATH | O.DIRECTORY);
}

/** What finding and grouping need of every process: two small files and two links. */
export interface ProcessSummary {
  readonly pid: number;
  /** 0 when the parent is outside the /proc's PID namespace. */
  readonly parent: number;
  readonly name: string;
  readonly state: string;
  /** A thread of the kernel: it has no memory of its own and is in no container. */
  readonly kernelThread: boolean;
  /** PIDs from the /proc's namespace down to the process's own. */
  readonly pids: readonly number[];
  /** Effective uid as the caller's user namespace shows it. */
  readonly uid: number;
  readonly cgroups: readonly CgroupMembership[];
  /** Inode of the PID and the mount namespace; absent is unknown (no ptrace access, or a zombie). */
  readonly pidNamespace?: number;
  readonly mountNamespace?: number;
}

// Memory of the last text: most processes of a container are in the same cgroup.
let lastCgroups: { readonly text: string; readonly memberships: readonly CgroupMembership[] } = { text: "", memberships: [] };

function readCgroups(dirfd: number): readonly CgroupMembership[] | number {
  const text = readText("cgroup", STATUS_LIMIT, dirfd);
  if (typeof text === "number") return text;
  if (text !== lastCgroups.text) lastCgroups = { text, memberships: parseSelfCgroup(text) };
  return lastCgroups.memberships;
}

/** Runs `read` on an open /proc/PID and closes it; undefined when the process does not exist or vanishes meanwhile. */
function withProcess<T>(pid: number, read: (dirfd: number) => T | undefined): T | undefined {
  const dirfd = openProcess(pid);
  if (dirfd < 0) return undefined;
  try {
    return read(dirfd);
  } finally {
    close(dirfd);
  }
}

/** The summary that follows from what was read of a process. */
export function summarise(pid: number, status: ProcessStatus, cgroups: readonly CgroupMembership[], inodes: NamespaceInodes): ProcessSummary {
  return {
    pid, parent: status.parent, name: status.name, state: status.state, pids: status.pids, uid: status.uids.effective, cgroups,
    kernelThread: status.residentBytes === undefined && status.state !== "Z" && status.state !== "X",
    ...(inodes.pid === undefined ? {} : { pidNamespace: inodes.pid }), ...(inodes.mnt === undefined ? {} : { mountNamespace: inodes.mnt }),
  };
}

/** The summary of a process, or undefined when there is none of that PID (any more). */
export function readSummary(pid: number): ProcessSummary | undefined {
  return withProcess(pid, (dirfd) => {
    const text = readText("status", STATUS_LIMIT, dirfd);
    const cgroups = readCgroups(dirfd);
    if (typeof text === "number") return undefined;
    const pidInode = readNamespace(dirfd, "pid");
    const mntInode = readNamespace(dirfd, "mnt");
    const inodes = { ...(pidInode < 0 ? {} : { pid: pidInode }), ...(mntInode < 0 ? {} : { mnt: mntInode }) };
    return summarise(pid, parseProcessStatus(text), typeof cgroups === "number" ? [] : cgroups, inodes);
  });
}

/** The arguments of a process: at most 4 KiB, empty for kernel threads and zombies. Whatever the process wrote there, it is not evidence. */
export function parseCommandLine(bytes: Uint8Array): string[] {
  const text = new TextDecoder().decode(bytes);
  const words = text.split("\0");
  if (words.at(-1) === "") words.pop();
  return words;
}

function readCommand(dirfd: number): string[] {
  const bytes = readStart("cmdline", COMMAND_LIMIT, dirfd);
  return typeof bytes === "number" ? [] : parseCommandLine(bytes);
}

/** What is read only of the processes that matter: a container's init, its parent, and the rows of `top`. */
export interface ProcessDetail {
  readonly pid: number;
  readonly status: ProcessStatus;
  readonly stat: ProcessStat;
  readonly command: readonly string[];
  readonly namespaces: NamespaceInodes;
  /** uid map of its user namespace; absent is unknown. */
  readonly uidMap?: readonly IdRange[];
  /** Parent and owner of its PID namespace. */
  readonly relations: NamespaceRelations;
}

/** The details of a process, or undefined when there is none of that PID (any more). */
export function readDetail(pid: number): ProcessDetail | undefined {
  return withProcess(pid, (dirfd) => {
    const status = readText("status", STATUS_LIMIT, dirfd);
    const stat = readText("stat", STATUS_LIMIT, dirfd);
    if (typeof status === "number" || typeof stat === "number") return undefined;
    const uidMap = readIdMap(dirfd, "uid");
    return {
      pid, status: parseProcessStatus(status), stat: parseProcessStat(stat), command: readCommand(dirfd),
      namespaces: readNamespaces(pid, dirfd), ...(typeof uidMap === "number" ? {} : { uidMap }), relations: readNamespaceRelations(dirfd, "pid"),
    };
  });
}

/** The arguments of a process, or none when it does not exist (any more). */
export function readCommandLine(pid: number): string[] {
  return withProcess(pid, readCommand) ?? [];
}
