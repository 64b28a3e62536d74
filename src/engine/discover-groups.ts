/**
 * Processes grouped into containers: by PID namespace, and within one by the container that their cgroup names. Pure.
 *
 * A namespace that the kernel does not let the caller read is inferred from NSpid, which every reader may see: a process whose last PID is 1 began
 * its namespace, and a child at the same depth is in its parent's namespace unless it began its own.
 */
import type { CgroupMembership } from "../kernel/cgroup.ts";
import type { ProcessSummary } from "../kernel/process-list.ts";
import { recogniseCgroup, type Recognition } from "./recognition.ts";
import type { ProcessFacts } from "./discover-facts.ts";

/** What a process's cgroup says: the path that was recognised, or else the first that is not the root. */
export interface CgroupOwner {
  readonly path: string;
  readonly recognition: Recognition | undefined;
}

export interface Group {
  /** `pid:[INODE]`, `init-PID` for a namespace that cannot be read, or `host`. */
  readonly namespace: string;
  /** Number of PID namespaces from the host's to this one; the host's is 1. */
  readonly depth: number;
  readonly owner: CgroupOwner;
  /** PID 1 of the namespace if it is in the group, else the process that started the others. */
  readonly leader: ProcessSummary;
  readonly members: readonly ProcessSummary[];
  /** Processes in the container's cgroup but not in its PID namespace, other than those that started it. */
  readonly strays: readonly number[];
}

export const HOST = "host";

/** Reads what the cgroups of a process say, trying v2 first, then the v1 hierarchies that engines always use. */
export function cgroupOwner(memberships: readonly CgroupMembership[]): CgroupOwner {
  const rank = (m: CgroupMembership): number => {
    const at = ["pids", "memory", "name=systemd"].findIndex((c) => m.controllers.includes(c));
    return m.hierarchy === 0 ? 0 : at < 0 ? 4 : at + 1;
  };
  let best: string | undefined;
  for (const { path } of memberships.toSorted((a, b) => rank(a) - rank(b))) {
    const recognition = recogniseCgroup(path);
    if (recognition !== undefined) return { path, recognition };
    if (path !== "/") best ??= path;
  }
  return { path: best ?? "/", recognition: undefined };
}

/** The PID namespace of each process by PID. */
function namespaceKeys(processes: readonly ProcessSummary[]): Map<number, string> {
  const byPid = new Map(processes.map((p) => [p.pid, p]));
  const keys = new Map<number, string>();
  for (const start of processes) {
    // Up the chain of parents to one whose key is known, then down again: a loop, as chains may be thousands long.
    const chain: ProcessSummary[] = [];
    let key: string | undefined;
    for (let p: ProcessSummary | undefined = start; p !== undefined && key === undefined; ) {
      key = keys.get(p.pid);
      if (key !== undefined) break;
      chain.push(p);
      if (p.pids.length === 1) key = HOST;
      else if (p.pidNamespace !== undefined) key = `pid:[${p.pidNamespace}]`;
      else if (p.pids.at(-1) === 1) key = `init-${p.pid}`;
      const parent: ProcessSummary | undefined = byPid.get(p.parent);
      p = parent !== undefined && parent.pids.length === start.pids.length && chain.length <= processes.length ? parent : undefined;
    }
    // Entered from outside (exec, setns): its parent is no help; its cgroup may be, see `adoptOrphans`.
    for (const p of chain) keys.set(p.pid, key ?? `?${p.pids.length} ${cgroupOwner(p.cgroups).path}`);
  }
  return keys;
}

// A process whose namespace could not be inferred joins that of the one init at the same depth in the same cgroup; of two it joins neither.
function adoptOrphans(processes: readonly ProcessSummary[], keys: Map<number, string>): void {
  const inits = new Map<string, string | undefined>();
  for (const p of processes) {
    if (p.pids.length === 1 || p.pids.at(-1) !== 1) continue;
    const { path } = cgroupOwner(p.cgroups);
    const place = `?${p.pids.length} ${path}`;
    if (path !== "/") inits.set(place, inits.has(place) ? undefined : keys.get(p.pid));
  }
  for (const p of processes) {
    const init = inits.get(keys.get(p.pid) ?? "");
    if (init !== undefined) keys.set(p.pid, init);
  }
}

function leaderOf(members: readonly ProcessSummary[]): ProcessSummary | undefined {
  const init = members.find((p) => p.pids.length > 1 && p.pids.at(-1) === 1);
  if (init !== undefined) return init;
  const pids = new Set(members.map((p) => p.pid));
  return members.find((p) => !pids.has(p.parent)) ?? members[0];
}

interface Draft {
  readonly namespace: string;
  readonly depth: number;
  readonly owner: CgroupOwner;
  readonly members: ProcessSummary[];
}

/** A process that shares the host's PID namespace is in a container if its root directory is another one than the host's. */
function foreignRoot(p: ProcessSummary, facts: ProcessFacts): boolean {
  if (p.kernelThread || p.mountNamespace === undefined || p.mountNamespace === facts.host.mnt) return false;
  const own = facts.roots.get(p.mountNamespace);
  const host = facts.host.mnt === undefined ? undefined : facts.roots.get(facts.host.mnt);
  return own !== undefined && host !== undefined && own !== host;
}

function draftGroups(facts: ProcessFacts): Map<string, Draft> {
  const keys = namespaceKeys(facts.processes);
  adoptOrphans(facts.processes, keys);
  const owners = new Map<readonly CgroupMembership[], CgroupOwner>();
  const drafts = new Map<string, Draft>();
  for (const p of facts.processes) {
    const namespace = keys.get(p.pid) ?? HOST;
    const owner = owners.get(p.cgroups) ?? cgroupOwner(p.cgroups);
    owners.set(p.cgroups, owner);
    let part = owner.recognition?.id ?? "";
    if (namespace === HOST && part === "") {
      if (!foreignRoot(p, facts)) continue;
      part = `mnt:[${p.mountNamespace ?? 0}]`;
    }
    const key = `${namespace} ${part}`;
    const draft = drafts.get(key);
    if (draft === undefined) drafts.set(key, { namespace, depth: p.pids.length, owner, members: [p] });
    else draft.members.push(p);
  }
  return drafts;
}

// Processes of a namespace whose cgroup names no container (entered by nsenter, say) belong to the container of its init, and the other way round.
function mergeUnnamed(drafts: Map<string, Draft>): Draft[] {
  const byNamespace = Map.groupBy(drafts.values(), (draft) => draft.namespace);
  const merged: Draft[] = [];
  for (const [namespace, parts] of byNamespace) {
    const unnamed = parts.find((d) => d.owner.recognition?.id === undefined);
    const home = parts.find((d) => d.members.some((p) => p.pids.at(-1) === 1));
    if (namespace === HOST || unnamed === undefined || home === undefined || parts.length === 1 || home === unnamed) {
      merged.push(...parts);
      continue;
    }
    home.members.push(...unnamed.members);
    merged.push(...parts.filter((d) => d !== unnamed));
  }
  return merged;
}

function isAncestor(candidate: ProcessSummary, of: ProcessSummary, byPid: ReadonlyMap<number, ProcessSummary>): boolean {
  let p = byPid.get(of.parent);
  for (let steps = 0; p !== undefined && steps < byPid.size; steps++) {
    if (p.pid === candidate.pid) return true;
    p = byPid.get(p.parent);
  }
  return false;
}

/** The groups of processes that are containers, outermost first. The details and commands of `facts` are not needed. */
export function groupProcesses(facts: ProcessFacts): Group[] {
  const byPid = new Map(facts.processes.map((p) => [p.pid, p]));
  const drafts = mergeUnnamed(draftGroups(facts)).toSorted((a, b) => a.depth - b.depth);
  // Ids that have a PID namespace of their own: what of them is in the host's is not a container beside it.
  const separate = new Set(drafts.filter((d) => d.namespace !== HOST).map((d) => d.owner.recognition?.id).filter((id) => id !== undefined));
  const outside = new Map<string, ProcessSummary[]>();
  const groups: Group[] = [];
  for (const draft of drafts) {
    const id = draft.owner.recognition?.id;
    const leader = leaderOf(draft.members);
    if (leader === undefined) continue;
    if (draft.namespace === HOST && id !== undefined && separate.has(id)) {
      outside.set(id, draft.members);
      continue;
    }
    const candidates = id === undefined ? [] : (outside.get(id) ?? []);
    if (id !== undefined) outside.delete(id);
    const strays = candidates.filter((p) => !isAncestor(p, leader, byPid)).map((p) => p.pid);
    groups.push({ namespace: draft.namespace, depth: draft.depth, owner: draft.owner, leader, members: draft.members, strays });
  }
  return groups;
}
