/** What every thread of every process must have: namespaces, ids, capabilities, filter, label, limits, descriptors. Pure. */
import { capabilityNames } from "../kernel/abi/capabilities.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { idInside, type IdRange, type NamespaceType } from "../kernel/namespaces.ts";
import type { KernelObject } from "../kernel/object.ts";
import type { CapabilitySets } from "../kernel/process-status.ts";
import type { Layer, LayerState } from "../report/layer.ts";
import { objectKey, type Posture, type TaskFacts } from "./posture.ts";
import type { Wall } from "./promise.ts";

/** The answer for one thread: it has what was promised, or what it has instead. */
export type Answer = { readonly ok: "yes"; readonly found?: string } | { readonly ok: "no" | "unknown"; readonly found: string };

const YES: Answer = { ok: "yes" };
const no = (found: string): Answer => ({ ok: "no", found });
const unknown = (found: string): Answer => ({ ok: "unknown", found });

/** `EACCES` for -13, with words for what it means here. */
export function unreadText(errno: number): string {
  return `not readable: ${errnoName(errno)}`;
}

function taskName(task: TaskFacts): string {
  const thread = task.thread === task.pid ? "" : ` thread ${task.thread}`;
  return `PID ${task.pid} (${task.status.name})${thread}`;
}

/** The worst answer is the layer's: one thread without it breaks the layer, one that is unknown leaves it unknown. */
function everyTask(posture: Posture, name: string, promised: string, file: string, test: (task: TaskFacts) => Answer): Layer {
  const answers = posture.tasks.map((task) => ({ task, answer: test(task) }));
  const bad = answers.filter(({ answer }) => answer.ok === "no");
  const dark = answers.filter(({ answer }) => answer.ok === "unknown");
  const [first] = bad.length > 0 ? bad : dark;
  const evidence = (task: TaskFacts | undefined): string => (task === undefined ? `/proc/${posture.initPid}/${file}` : `/proc/${task.pid}/task/${task.thread}/${file}`);
  if (first === undefined) {
    if (answers.length === 0) return { name, promised, found: "no process could be read", ok: "unknown", evidence: evidence(undefined) };
    const { found } = answers[0]?.answer ?? {};
    return { name, promised, found: found ?? `so in ${threadText(posture)}`, ok: "yes", evidence: evidence(undefined) };
  }
  const many = (bad.length > 0 ? bad : dark).length;
  const ok: LayerState = bad.length > 0 ? "no" : "unknown";
  return { name, promised, found: `${taskName(first.task)}: ${first.answer.found ?? ""}${many > 1 ? `; and ${many - 1} more` : ""}`, ok, evidence: evidence(first.task) };
}

/** `3 threads of 2 processes`. */
export function threadText(posture: Posture): string {
  const processes = new Set(posture.tasks.map((task) => task.pid)).size;
  const words = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;
  return `${words(posture.tasks.length, "thread", "threads")} of ${words(processes, "process", "processes")}`;
}

const NAMES: Readonly<Record<NamespaceType, string>> = {
  user: "user", pid: "PID", mnt: "mount", net: "network", ipc: "IPC", uts: "UTS", cgroup: "cgroup", time: "time",
};

function namespaceLayer(posture: Posture, type: NamespaceType, joined: boolean): Layer {
  const host = posture.host[type];
  const first = posture.tasks.find((task) => task.pid === posture.initPid && task.thread === posture.initPid);
  const wanted = joined ? posture.joined[type] : first?.namespaces[type];
  const depth = first?.status.pids.length ?? 0;
  return everyTask(posture, `${NAMES[type]} namespace`, joined ? "that of the container it joined" : "its own", `ns/${type}`, (task) => {
    const inode = task.namespaces[type];
    if (inode === undefined || host === undefined) return unknown("the namespace could not be read");
    if (inode === host) return no("the host's namespace");
    if (wanted === undefined) return unknown("the namespace to compare with could not be read");
    // A process that is deeper is in a PID namespace that the container made below its own: it was found by following parents up to here.
    const below = type === "pid" && task.status.pids.length > depth;
    if (inode !== wanted && !below) return no(`another namespace: ${type}:[${inode}] instead of [${wanted}]`);
    return { ok: "yes", found: `${type}:[${wanted}], the host has [${host}]` };
  });
}

function mapText(map: readonly IdRange[]): string {
  const shown = map.slice(0, 4).map((r) => `${r.inside}->${r.outside}+${r.count}`);
  return map.length === 0 ? "none" : shown.join(",") + (map.length > 4 ? ",..." : "");
}

function mapLayer(posture: Posture, kind: "user" | "group", found: readonly IdRange[] | number, wall: Wall): Layer | undefined {
  const wanted = kind === "user" ? wall.uidMap : wall.gidMap;
  if (wanted === undefined && !wall.awayFromRoot) return undefined;
  const promised = wanted === undefined ? `no ${kind} inside is the host's root` : mapText(wanted);
  const base = { name: `${kind} map`, promised, evidence: `/proc/${posture.initPid}/${kind === "user" ? "uid" : "gid"}_map` };
  if (typeof found === "number") return { ...base, found: unreadText(found), ok: "unknown" };
  const sorted = (map: readonly IdRange[]): string => JSON.stringify(map.toSorted((a, b) => a.inside - b.inside).map((r) => [r.inside, r.outside, r.count]));
  const good = wanted === undefined ? found.length > 0 && found.every((r) => r.outside > 0) : sorted(found) === sorted(wanted);
  return { ...base, found: mapText(found), ok: good ? "yes" : "no" };
}

function idsLayer(posture: Posture, wall: Wall): Layer | undefined {
  const { uidMap, gidMap } = posture;
  if (wall.ids === "any") return undefined;
  const promised = wall.user === undefined ? "ids of the container's map only" : `${wall.user.uid}:${wall.user.gid} inside, and no way to another`;
  return everyTask(posture, "users and groups", promised, "status", ({ status }) => {
    if (typeof uidMap === "number" || typeof gidMap === "number") return unknown("the id maps could not be read");
    const inside = (map: readonly IdRange[], ids: readonly number[]): (number | undefined)[] => ids.map((id) => idInside(map, id));
    const uids = inside(uidMap, Object.values(status.uids));
    const gids = inside(gidMap, Object.values(status.gids));
    const groups = wall.ids === "primary" ? [] : inside(gidMap, status.groups);
    if ([...uids, ...gids, ...groups].includes(undefined)) return no(`an id of the host that is not in the map: ${[...Object.values(status.uids), ...Object.values(status.gids)].join(" ")}`);
    const { user } = wall;
    if (user !== undefined && (uids.some((id) => id !== user.uid) || gids.some((id) => id !== user.gid))) return no(`runs as ${uids[1] ?? "?"}:${gids[1] ?? "?"}`);
    return YES;
  });
}

const SETS = ["effective", "permitted", "inheritable", "bounding", "ambient"] as const;

function capabilityText(mask: bigint): string {
  const names = capabilityNames(mask).map((name) => name.replace(/^CAP_/, ""));
  const many = names.length > 12 ? ` and ${names.length - 4} more` : "";
  if (many !== "") names.sort((a, b) => Number(b === "SYS_ADMIN") - Number(a === "SYS_ADMIN"));
  return names.length === 0 ? "none" : (many === "" ? names : names.slice(0, 4)).join(",") + many;
}

function capabilityLayer(posture: Posture, most: CapabilitySets): Layer {
  const none = SETS.every((set) => most[set] === 0n);
  const promised = none ? "none in any of the five sets" : `at most ${capabilityText(most.bounding)}; inheritable ${capabilityText(most.inheritable)}, ambient ${capabilityText(most.ambient)}`;
  return everyTask(posture, "capabilities", promised, "status", ({ status }) => {
    for (const set of SETS) {
      const extra = status.capabilities[set] & ~most[set];
      if (extra !== 0n) return no(`${set}: ${capabilityText(extra)}`);
    }
    return YES;
  });
}

function seccompLayer(posture: Posture, filter: string): Layer {
  return everyTask(posture, "seccomp", filter === "any" ? "a filter" : `the filter ${filter}`, "status", ({ status }) => {
    if (status.seccomp === undefined) return unknown("this kernel does not tell");
    if (status.seccomp !== 2) return no("no filter");
    return status.seccompFilters === 0 ? no("a filter mode without filters") : YES;
  });
}

function privilegeLayer(posture: Posture): Layer {
  return everyTask(posture, "no new privileges", "on", "status", ({ status }) => {
    if (status.noNewPrivileges === undefined) return unknown("this kernel does not tell");
    return status.noNewPrivileges ? YES : no("off: a set-uid program gains privileges");
  });
}

function labelLayer(posture: Posture, label: NonNullable<Wall["label"]>): Layer {
  if (label === "any" && posture.modules.length === 0) {
    const found = "this host has no module that labels processes";
    return { name: "security module", promised: "a profile, where the host has a module", found, ok: "yes", evidence: "/sys/kernel/security/lsm" };
  }
  const promised = label === "any" ? `a profile of ${posture.modules.join(" or ")}` : label.exact;
  return everyTask(posture, "security module", promised, "attr/current", (task) => {
    if (typeof task.label === "number") return unknown(unreadText(task.label));
    const confined = task.label.replace(/ \((enforce|complain|kill|unconfined|prompt)\)$/, "");
    const open = task.label === "" || confined === "unconfined" || /(^|:)unconfined_t(:|$)/.test(task.label) || task.label.endsWith("(complain)");
    const good = label === "any" ? !open : confined === label.exact && !task.label.endsWith("(complain)");
    return good ? { ok: "yes", found: task.label } : no(task.label === "" ? "no label" : task.label);
  });
}

/** A root or working directory, or a descriptor, is inside if it is on a mount of the container's own table. */
function onOwnMount(posture: Posture, object: KernelObject): boolean {
  return typeof posture.mounts !== "number" && posture.mounts.some((mount) => mount.id === object.mountId);
}

function directoryLayer(posture: Posture): Layer {
  return everyTask(posture, "root and directory", "on mounts of the container", "cwd", (task) => {
    if (typeof posture.mounts === "number") return unknown("the mount table could not be read");
    for (const [name, object] of [["root", task.root], ["working directory", task.cwd]] as const) {
      if (typeof object === "number") return unknown(`${name} ${unreadText(object)}`);
      if (!onOwnMount(posture, object)) return no(`the ${name} is outside`);
    }
    return YES;
  });
}

const KIND = 0o170000;
const DIRECTORY = 0o040000;
const CHARACTER = 0o020000;
const BLOCK = 0o060000;
const REGULAR = 0o100000;

/** Pipes, sockets and anonymous inodes have no place in any tree; files, directories and devices have. */
function inTree(object: KernelObject): boolean {
  return [DIRECTORY, CHARACTER, BLOCK, REGULAR].includes(object.mode & KIND);
}

function descriptorLayer(posture: Posture): Layer {
  return everyTask(posture, "descriptors", "no directory, file or device from outside but standard input and output", "fd", (task) => {
    if (typeof task.descriptors === "number") return unknown(unreadText(task.descriptors));
    if (typeof posture.mounts === "number") return unknown("the mount table could not be read");
    for (const { number, link, object } of task.descriptors) {
      if (typeof object === "number") return unknown(`descriptor ${number} ${unreadText(object)}`);
      if (!link.startsWith("/") || !inTree(object) || onOwnMount(posture, object) || link.startsWith("/memfd:")) continue;
      if ((object.mode & KIND) === DIRECTORY) return no(`descriptor ${number} is a directory from outside: ${link}`);
      if (!posture.stdio.has(objectKey(object))) return no(`descriptor ${number} is from outside: ${link}`);
    }
    return YES;
  });
}

const RLIMIT_NAMES: Readonly<Record<string, string>> = {
  RLIMIT_CPU: "Max cpu time", RLIMIT_FSIZE: "Max file size", RLIMIT_DATA: "Max data size", RLIMIT_STACK: "Max stack size",
  RLIMIT_CORE: "Max core file size", RLIMIT_RSS: "Max resident set",
  RLIMIT_NPROC: "Max processes", RLIMIT_NOFILE: "Max open files", RLIMIT_MEMLOCK: "Max locked memory", RLIMIT_AS: "Max address space", RLIMIT_LOCKS: "Max file locks",
  RLIMIT_SIGPENDING: "Max pending signals", RLIMIT_MSGQUEUE: "Max msgqueue size", RLIMIT_NICE: "Max nice priority", RLIMIT_RTPRIO: "Max realtime priority", RLIMIT_RTTIME: "Max realtime timeout",
};
const INFINITE = 2n ** 63n;

function rlimitLayer(posture: Posture, wall: Wall): Layer | undefined {
  if (wall.rlimits.length === 0) return undefined;
  const most = (value: number | bigint): number => (BigInt(value) < 0n || BigInt(value) >= INFINITE ? Number.POSITIVE_INFINITY : Number(value));
  const text = (value: number): string => (Number.isFinite(value) ? value.toString() : "unlimited");
  const promised = wall.rlimits.map((limit) => `${limit.type.replace(/^RLIMIT_/, "").toLowerCase()} at most ${text(most(limit.hard))}`).join(", ");
  return everyTask(posture, "process limits", promised, "limits", (task) => {
    // PID 1 of pidbox's own making is not the program; it opens and allocates nothing.
    if (wall.init && task.pid === posture.initPid) return YES;
    if (typeof task.limits === "number") return unknown(unreadText(task.limits));
    for (const { type, hard } of wall.rlimits) {
      const found = task.limits.get(RLIMIT_NAMES[type] ?? "");
      if (found === undefined) return unknown(`${type} is not listed`);
      if (found.hard > most(hard)) return no(`${type} is ${text(found.hard)}`);
    }
    return YES;
  });
}

function oomLayer(posture: Posture, wanted: number | undefined): Layer | undefined {
  if (wanted === undefined) return undefined;
  return everyTask(posture, "out-of-memory score", `at least ${wanted}`, "oom_score_adj", ({ oomScoreAdj }) => {
    if (oomScoreAdj === undefined) return unknown("not readable");
    return oomScoreAdj >= wanted ? YES : no(oomScoreAdj.toString());
  });
}

/** The layers that each thread has for itself. */
export function compareTasks(wall: Wall, posture: Posture): Layer[] {
  const layers = [
    ...wall.namespaces.map(({ type, joined }) => namespaceLayer(posture, type, joined)),
    mapLayer(posture, "user", posture.uidMap, wall), mapLayer(posture, "group", posture.gidMap, wall), idsLayer(posture, wall),
    wall.capabilities === undefined ? undefined : capabilityLayer(posture, wall.capabilities),
    wall.noNewPrivileges ? privilegeLayer(posture) : undefined,
    wall.seccomp === undefined ? undefined : seccompLayer(posture, wall.seccomp),
    wall.label === undefined ? undefined : labelLayer(posture, wall.label),
    directoryLayer(posture), descriptorLayer(posture), rlimitLayer(posture, wall), oomLayer(posture, wall.oomScoreAdj),
  ];
  return layers.filter((layer) => layer !== undefined);
}
