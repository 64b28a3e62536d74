/**
 * Reads the facts from which containers are found, from /proc alone: no engine is asked and nothing is executed.
 *
 * Trusts: procfs. An attacker controls: everything in a container's processes but namespaces, PIDs and ids.
 */
import { PidboxError } from "../base/error.ts";
import { readText } from "../kernel/file.ts";
import { type Mount, mountAt, readMountinfo } from "../kernel/mountinfo.ts";
import { INITIAL_NAMESPACES, NAMESPACE_TYPES, type NamespaceInodes, type NamespaceType, readNamespaces } from "../kernel/namespaces.ts";
import { listPids, type ProcessDetail, type ProcessSummary, readCommandLine, readDetail, readSummary } from "../kernel/process-list.ts";
import type { ProcessFacts } from "./discover-facts.ts";
import { groupProcesses } from "./discover-groups.ts";

/** `MAJOR:MINOR ROOT` of the mount that is the root directory. */
export function rootOf(mounts: readonly Mount[]): string | undefined {
  const mount = mountAt(mounts, "/");
  return mount === undefined ? undefined : `${mount.device.major}:${mount.device.minor} ${mount.root}`;
}

function hostNamespaces(): NamespaceInodes {
  const own = readNamespaces("self");
  const first = readNamespaces(1);
  const host: Partial<Record<NamespaceType, number>> = {};
  // A PID 1 that cannot be inspected is still the host's: where the caller's PID namespace is the initial one, so are the fixed inodes.
  const initial: NamespaceInodes = own.pid === INITIAL_NAMESPACES.pid ? INITIAL_NAMESPACES : {};
  for (const type of NAMESPACE_TYPES) {
    const inode = first[type] ?? (own[type] === undefined ? undefined : (initial[type] ?? own[type]));
    if (inode !== undefined) host[type] = inode;
  }
  return host;
}

function readRoots(processes: readonly ProcessSummary[]): Map<number, string> {
  const roots = new Map<number, string>();
  const tried = new Set<number>();
  for (const { pid, pids, mountNamespace } of processes) {
    if (pids.length !== 1 || mountNamespace === undefined || tried.has(mountNamespace)) continue;
    tried.add(mountNamespace);
    const mounts = readMountinfo(pid);
    const root = typeof mounts === "number" ? undefined : rootOf(mounts);
    if (root !== undefined) roots.set(mountNamespace, root);
  }
  return roots;
}

function limitsOf(processes: readonly ProcessSummary[], own: readonly Mount[] | number): string[] {
  const limits: string[] = [];
  // PID 1 of the machine and kernel threads are out of reach even for a root without every capability, and are in no container.
  const hidden = processes.filter((p) => p.pidNamespace === undefined && p.state !== "Z" && !p.kernelThread && p.pid !== 1).length;
  if (hidden > 0) limits.push(`The kernel hides the namespaces of ${hidden} of ${processes.length} processes from this user: what is not known is shown as "?".`);
  const proc = typeof own === "number" ? undefined : mountAt(own, "/proc");
  const hide = proc?.superOptions.find((option) => option.startsWith("hidepid="));
  if (hide !== undefined && !/=(0|off)$/.test(hide)) limits.push(`/proc is mounted with ${hide}: processes of other users may be missing.`);
  return limits;
}

function field(path: string, pattern: RegExp): number {
  const text = readText(path, 16 << 20);
  const match = typeof text === "string" ? pattern.exec(text) : null;
  if (match === null) throw new PidboxError("IO", `Cannot read ${path}: it is missing or not in the kernel's form`, { context: { path } });
  return Number(match[1]);
}

/** Reads the facts of this host. Processes that end meanwhile are left out. */
export function readProcessFacts(): ProcessFacts {
  const pids = listPids();
  if (typeof pids === "number") throw new PidboxError("IO", "Cannot list /proc", { hint: "Mount proc on /proc.", context: { path: "/proc" } });
  const processes = pids.map(readSummary).filter((p) => p !== undefined);
  const own = readMountinfo("self");
  const partial: ProcessFacts = {
    host: hostNamespaces(), bootTime: field("/proc/stat", /^btime ([0-9]+)$/m), uptime: field("/proc/uptime", /^([0-9.]+) /),
    processes, roots: readRoots(processes), details: new Map(), commands: new Map(), limits: limitsOf(processes, own),
  };
  const details = new Map<number, ProcessDetail>();
  const commands = new Map<number, readonly string[]>();
  for (const { leader } of groupProcesses(partial)) {
    const detail = readDetail(leader.pid);
    if (detail === undefined) continue;
    details.set(leader.pid, detail);
    if (leader.parent > 0 && !commands.has(leader.parent)) commands.set(leader.parent, readCommandLine(leader.parent));
  }
  return { ...partial, details, commands };
}
