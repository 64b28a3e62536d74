/**
 * Every container on the host, whoever started it: a pure function from host facts. See discover-read.ts for the facts.
 *
 * Names and commands are as the processes gave them: show them with `printable` only.
 */
import { NAMESPACE_TYPES, type IdRange, type NamespaceInodes, type NamespaceType } from "../kernel/namespaces.ts";
import { type ProcessSummary } from "../kernel/process-list.ts";
import { TICKS_PER_SECOND } from "../kernel/process-status.ts";
import type { ProcessFacts } from "./discover-facts.ts";
import { type Group, groupProcesses, HOST } from "./discover-groups.ts";
import { type Engine, recogniseParent, type Recognition } from "./recognition.ts";

/** What pidbox's own state directory says of one of its containers. */
export interface StoredContainer {
  readonly id: string;
  readonly name: string;
  readonly initPid: number;
  /** Start of that process in clock ticks since boot; without it, a PID that was given out again is taken for the container. */
  readonly initStart?: number;
  /** Names given to --unsafe and --allow-degraded. */
  readonly unsafe: readonly string[];
  readonly degraded: readonly string[];
  /** Milliseconds since the epoch. */
  readonly created?: number;
  readonly command?: readonly string[];
  /** Exit status, once it has ended. */
  readonly exitCode?: number;
  /** Its supervisor was killed: how it ended is not known. `gc` removes what is left, all of it unless the container is kept. */
  readonly lost?: boolean;
  readonly kept?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  /** What its root filesystem was made from. */
  readonly image?: string;
  /** Its published ports, as docker's `ps` has them. */
  readonly ports?: readonly string[];
  /** Absent: it runs, or has ended if there is an exit status. */
  readonly state?: Container["state"];
  /** End in milliseconds since the epoch. */
  readonly ended?: number;
}

export interface Container {
  /** The engine's own id; `pidns-INODE`, `mntns-INODE` or `init-PID` where no engine gave one. Unique in one answer. */
  readonly id: string;
  readonly name: string | null;
  readonly engine: Engine;
  /** UID of the Kubernetes pod. */
  readonly pod: string | null;
  /** Id of the container that this one is nested in. */
  readonly parent: string | null;
  /** Others than `running` and `exited` are known of pidbox's own containers only. */
  readonly state: "created" | "running" | "paused" | "restarting" | "exited";
  readonly exitCode: number | null;
  /** End in milliseconds since the epoch. */
  readonly ended: number | null;
  /** Host PID of the container's first process, and its start in clock ticks since boot; together they name it for good. */
  readonly initPid: number | null;
  readonly initStart: number | null;
  readonly command: readonly string[];
  /** Id of the container whose PID namespace this one joined (`--pid=container:ID`, pods with a shared PID namespace). */
  readonly pidSharedWith: string | null;
  /** Host PIDs, ascending. */
  readonly processes: readonly number[];
  /** Host PIDs that are in the container's cgroup but outside its PID namespace. */
  readonly strays: readonly number[];
  /** PID namespaces from the host's (1) to this one. */
  readonly depth: number;
  readonly namespaces: NamespaceInodes;
  readonly sharedWithHost: readonly NamespaceType[];
  /** Types of which the kernel does not tell this user whether they are shared. Never to be read as "not shared". */
  readonly unknown: readonly NamespaceType[];
  /** uid map of its user namespace; null is unknown. With `user` in `sharedWithHost` there is no mapping of its own. */
  readonly uidMap: readonly IdRange[] | null;
  readonly cgroup: string | null;
  /** The process that started it, outside. */
  readonly supervisor: { readonly pid: number; readonly name: string } | null;
  /** Start of its first process in milliseconds since the epoch. */
  readonly since: number | null;
  readonly unsafe: readonly string[];
  readonly degraded: readonly string[];
  /** A container of pidbox whose supervisor was killed: what is left of it waits for `gc`. */
  readonly lost?: true;
  /** A container of pidbox that is there until somebody removes it. */
  readonly kept?: true;
  /** Of containers of pidbox alone. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
  /** Published, as docker's `ps` has them. */
  readonly ports?: readonly string[];
}

/** The number of ids there are: uid -1 is none (user_namespaces(7)). */
const ALL_IDS = 0xffff_ffff;

/** The uid mapping as one word: `host`, `host?` for ids equal to the host's in a namespace that is unknown, `?`, or ranges such as `0->100000+65536`. */
export function userMapText(container: Pick<Container, "uidMap" | "sharedWithHost" | "unknown">): string {
  if (container.sharedWithHost.includes("user")) return "host";
  if (container.uidMap === null) return "?";
  const [first] = container.uidMap;
  if (container.unknown.includes("user") && first?.inside === 0 && first.outside === 0 && first.count === ALL_IDS) return "host?";
  if (container.uidMap.length === 0) return "none";
  const ranges = container.uidMap.slice(0, 4).map((r) => `${r.inside}->${r.outside}+${r.count}`);
  return container.uidMap.length > 4 ? `${ranges.join(",")},...` : ranges.join(",");
}

// What the cgroup says comes first, as only privilege over the cgroup tree can forge it; the parent adds what it lacks.
function combine(cgroup: Recognition | undefined, parent: Recognition | undefined): Recognition {
  const vague = cgroup === undefined || cgroup.engine === "unknown" || cgroup.engine === "kubernetes";
  const engine = vague && parent !== undefined ? parent.engine : (cgroup?.engine ?? "unknown");
  // LXC, LXD and Incus use the same cgroup names; the monitor's path tells them apart.
  const exact = engine === "lxc" && (parent?.engine === "incus" || parent?.engine === "lxd") ? parent.engine : engine;
  const id = cgroup?.id ?? parent?.id;
  const agrees = parent?.id === undefined || parent.id === id;
  const name = cgroup?.name ?? (agrees ? parent?.name : undefined);
  const pod = cgroup?.pod;
  return { engine: exact, ...(id === undefined ? {} : { id }), ...(name === undefined ? {} : { name }), ...(pod === undefined ? {} : { pod }) };
}

function fallbackId(group: Group): string {
  const inode = /^pid:\[([0-9]+)\]$/.exec(group.namespace)?.[1];
  if (inode !== undefined && group.leader.pids.at(-1) === 1) return `pidns-${inode}`;
  if (group.namespace === HOST && group.leader.mountNamespace !== undefined) return `mntns-${group.leader.mountNamespace}`;
  return `init-${group.leader.pid}`;
}

function compareNamespaces(own: NamespaceInodes, facts: ProcessFacts, group: Group): Pick<Container, "sharedWithHost" | "unknown"> {
  const sharedWithHost: NamespaceType[] = [];
  const unknown: NamespaceType[] = [];
  for (const type of NAMESPACE_TYPES) {
    const host = facts.host[type];
    if (type === "pid") {
      // NSpid answers this one even when the link is hidden.
      if (group.namespace === HOST) sharedWithHost.push(type);
    } else if (host !== undefined) {
      if (own[type] === undefined) unknown.push(type);
      else if (own[type] === host) sharedWithHost.push(type);
    }
  }
  return { sharedWithHost, unknown };
}

interface Place {
  readonly group: Group;
  readonly container: Container;
}

/** Finds the container that a group is nested in, among the groups that are already known (outer ones come first). */
function parentOf(group: Group, facts: ProcessFacts, places: readonly Place[], byPid: ReadonlyMap<number, Place>): string | null {
  const parentNamespace = facts.details.get(group.leader.pid)?.relations.parent;
  if (parentNamespace !== undefined && group.depth > 2 && group.leader.pids.at(-1) === 1) {
    const key = `pid:[${parentNamespace}]`;
    const inside = places.filter((p) => p.group.namespace === key);
    const starter = byPid.get(group.leader.parent);
    const home = inside.find((p) => p === starter) ?? inside.find((p) => p.group.leader.pids.at(-1) === 1) ?? inside[0];
    if (home !== undefined) return home.container.id;
  }
  const starter = byPid.get(group.leader.parent);
  if (starter !== undefined && starter.group !== group && starter.group.depth <= group.depth) {
    return starter.group.namespace === group.namespace && starter.group.namespace !== HOST ? nestedInside(group, starter) : starter.container.id;
  }
  return null;
}

// In one PID namespace: a cgroup below another's is nested; beside it, it is a sibling that joined (--pid=container:ID, pods).
function nestedInside(group: Group, home: Place): string | null {
  return group.owner.path.startsWith(`${home.group.owner.path}/`) ? home.container.id : home.container.parent;
}

function assemble(group: Group, facts: ProcessFacts, supervisor: ProcessSummary | undefined, taken: ReadonlySet<string>): Container {
  const { leader } = group;
  const detail = facts.details.get(leader.pid);
  const parentSays = supervisor === undefined ? undefined : recogniseParent(supervisor.name, facts.commands.get(supervisor.pid) ?? []);
  const says = combine(group.owner.recognition, parentSays);
  // A namespace made inside a container is in the same cgroup: the id is the outer one's, and so is a forged one.
  const own = says.id !== undefined && !taken.has(says.id);
  const inner = parentSays ?? { engine: "unknown" as const };
  const id = own && says.id !== undefined ? says.id : fallbackId(group);
  const namespaces = detail?.namespaces ?? {};
  return {
    id: taken.has(id) ? `init-${leader.pid}` : id, name: (own ? says.name : inner.name) ?? null, engine: own || says.id === undefined ? says.engine : inner.engine,
    pod: says.pod ?? null, parent: null, state: "running", exitCode: null, ended: null,
    pidSharedWith: null, initPid: leader.pid, initStart: detail?.stat.start ?? null, command: detail?.command ?? [],
    processes: group.members.map((p) => p.pid).toSorted((a, b) => a - b), strays: group.strays, depth: group.depth,
    namespaces, ...compareNamespaces(namespaces, facts, group), uidMap: detail?.uidMap ?? null, cgroup: group.owner.path === "/" ? null : group.owner.path,
    // PID 1 adopts what its starter left behind: it started nothing.
    supervisor: supervisor === undefined || (supervisor.pid === 1 && parentSays === undefined) ? null : { pid: supervisor.pid, name: supervisor.name },
    since: detail === undefined ? null : Math.round((facts.bootTime + detail.stat.start / TICKS_PER_SECOND) * 1000),
    unsafe: [], degraded: [],
  };
}

function isStored(container: Container, stored: StoredContainer): boolean {
  if (container.id === stored.id) return true;
  if (container.initPid !== stored.initPid || (container.engine !== "unknown" && container.engine !== "pidbox")) return false;
  return stored.initStart === undefined || stored.initStart === container.initStart;
}

function ownOf({ lost, kept, labels, image, ports }: StoredContainer): Pick<Container, "lost" | "kept" | "labels" | "image" | "ports"> {
  const known = { ...(labels === undefined ? {} : { labels }), ...(image === undefined ? {} : { image }), ...(ports === undefined ? {} : { ports }) };
  return { ...(lost === true ? { lost: true } : {}), ...(kept === true ? { kept: true } : {}), ...known };
}

function exited(stored: StoredContainer, exitCode: number | null): Container {
  return {
    id: stored.id, name: stored.name, engine: "pidbox", pod: null, parent: null, state: stored.state ?? "exited", exitCode, ended: stored.ended ?? null,
    pidSharedWith: null, initPid: null, initStart: null,
    command: stored.command ?? [], processes: [], strays: [], depth: 0, namespaces: {}, sharedWithHost: [], unknown: [], uidMap: null, cgroup: null,
    supervisor: null, since: stored.created ?? null, unsafe: stored.unsafe, degraded: stored.degraded, ...ownOf(stored),
  };
}

function join(containers: readonly Container[], stored: readonly StoredContainer[]): Container[] {
  const byId = new Map(stored.map((s) => [s.id, s]));
  const byInit = new Map(stored.map((s) => [s.initPid, s]));
  const running = new Set<string>();
  const joined = containers.map((container): Container => {
    const own = byId.get(container.id) ?? (container.initPid === null ? undefined : byInit.get(container.initPid));
    if (own === undefined || !isStored(container, own) || running.has(own.id)) return container;
    running.add(own.id);
    return {
      ...container, id: own.id, name: own.name, engine: "pidbox", unsafe: own.unsafe, degraded: own.degraded, ...ownOf(own),
      ...(own.state === undefined ? {} : { state: own.state }),
    };
  });
  const gone = (s: StoredContainer): boolean => s.exitCode !== undefined || s.lost === true || s.state === "created";
  const ended = stored.flatMap((s) => (!gone(s) || running.has(s.id) ? [] : [exited(s, s.exitCode ?? null)]));
  return [...joined, ...ended];
}

/** All containers, outermost first; those of `stored` that have ended come last. */
export function discover(facts: ProcessFacts, stored: readonly StoredContainer[] = []): Container[] {
  const summaries = new Map(facts.processes.map((p) => [p.pid, p]));
  const byPid = new Map<number, Place>();
  const places: Place[] = [];
  const taken = new Set<string>();
  for (const group of groupProcesses(facts)) {
    const bare = assemble(group, facts, summaries.get(group.leader.parent), taken);
    const owner = group.namespace === HOST || group.leader.pids.at(-1) === 1 ? undefined : places.find((p) => p.group.namespace === group.namespace);
    const place = { group, container: { ...bare, parent: parentOf(group, facts, places, byPid), pidSharedWith: owner?.container.id ?? null } };
    taken.add(place.container.id);
    places.push(place);
    for (const p of group.members) byPid.set(p.pid, place);
  }
  return join(places.map((p) => p.container), stored);
}
