/** Gathers the posture of one running container. Which paths and files are looked at follows from the wall that it is compared with. */
import { cgroupDirectory, parseCgroupLayout } from "../kernel/cgroup.ts";
import type { CgroupLayout, CgroupMembership } from "../kernel/cgroup.ts";
import { close, readLink, readText } from "../kernel/file.ts";
import { type Mount, mountAt, readMountinfo } from "../kernel/mountinfo.ts";
import { type NamespaceInodes, type NamespaceType, parseNamespaceLink, readIdMap, readNamespace } from "../kernel/namespaces.ts";
import { statObject } from "../kernel/object.ts";
import { openProcess, type ProcessSummary, readDetail } from "../kernel/process-list.ts";
import { objectKey, type Posture, type TaskFacts } from "./posture.ts";
import { openRoot, type OwnProcfs, readPaths, readProcfs } from "./posture-paths.ts";
import { Descent, walkTasks } from "./posture-tasks.ts";
import type { Wall } from "./promise.ts";

/** Which container, and what is known of it already. */
export interface Target {
  readonly initPid: number;
  /** Processes that belong to it for other reasons than namespace or cgroup. */
  readonly members: readonly number[];
  /** Its own cgroups, as directories of the host; processes in them belong to it. */
  readonly cgroups: readonly string[];
  /** Cgroups of containers that joined its PID namespace: their processes are theirs. */
  readonly guests: readonly string[];
  /** Paths of namespaces that it was told to join, by type. */
  readonly joined: Readonly<Partial<Record<NamespaceType, string>>>;
  readonly host: NamespaceInodes;
  readonly modules: readonly string[];
}

/** The cgroup directories of memberships, on all hierarchies that the caller can see. */
function directories(layout: CgroupLayout, memberships: readonly CgroupMembership[]): string[] {
  const found = new Set<string>();
  for (const { controllers, hierarchy, path } of memberships) {
    const mount = hierarchy === 0 ? layout.unified : layout.controllers.get(controllers[0] ?? "");
    const directory = mount === undefined ? undefined : cgroupDirectory(mount, path);
    if (directory !== undefined) found.add(directory);
  }
  return [...found];
}

function within(directory: string, tree: string): boolean {
  return directory === tree || directory.startsWith(`${tree}/`);
}

/** The first three descriptors of the container's starter and of its first process: what was handed in on purpose. */
function readStdio(pids: readonly number[]): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const pid of pids) {
    const dirfd = openProcess(pid);
    if (dirfd < 0) continue;
    for (const fd of [0, 1, 2]) {
      const object = statObject(`fd/${fd}`, dirfd);
      if (typeof object !== "number") keys.add(objectKey(object));
    }
    close(dirfd);
  }
  return keys;
}

const ESRCH = -3;
const LIMIT_FILES: Readonly<Record<string, readonly string[]>> = { pids: ["pids.max"], memory: ["memory.max", "memory.limit_in_bytes"] };

/** Files of limits: those that are promised, and for `bounded` controllers those of every level up to the root of the mount. */
function limitFiles(wall: Wall, own: readonly string[], layout: CgroupLayout): string[] {
  const files = wall.limits.map((limit) => limit.path);
  const tops = new Set([layout.unified, ...layout.controllers.values()].map((mount) => mount?.mountPoint));
  for (const controller of wall.bounded) {
    for (const start of own) {
      for (let level = start; level !== "" && !tops.has(level); level = level.slice(0, level.lastIndexOf("/"))) {
        files.push(...(LIMIT_FILES[controller] ?? []).map((file) => `${level}/${file}`));
      }
    }
  }
  return files;
}

function readFiles(paths: readonly string[]): ReadonlyMap<string, string | number> {
  return new Map(paths.map((path) => {
    const text = readText(path, 1 << 16);
    return [path, typeof text === "number" ? text : text.trimEnd()];
  }));
}

function joinedInodes(joined: Target["joined"]): Posture["joined"] {
  const found: Partial<Record<NamespaceType, number>> = {};
  for (const [type, path] of Object.entries(joined) as [NamespaceType, string][]) {
    const link = readLink(path);
    if (typeof link === "string") found[type] = parseNamespaceLink(link);
  }
  return found;
}

/** Whether a process is the container's: by PID namespace (its own, or one below), by cgroup, or because it was named. */
function membership(target: Target, pidNamespace: number, layout: CgroupLayout): (summary: ProcessSummary) => boolean {
  const named = new Set([target.initPid, ...target.members]);
  // In a PID namespace that it joined most processes are another container's.
  const separate = pidNamespace >= 0 && pidNamespace !== target.host.pid && target.joined.pid === undefined;
  const descent = new Descent(separate ? pidNamespace : -1);
  const inCgroup = (memberships: readonly CgroupMembership[], cgroups: readonly string[]): boolean =>
    cgroups.length > 0 && directories(layout, memberships).some((directory) => cgroups.some((own) => within(directory, own)));
  return (summary) => {
    if (named.has(summary.pid)) return true;
    if (separate && descent.includes(summary)) return !inCgroup(summary.cgroups, target.guests);
    return inCgroup(summary.cgroups, target.cgroups);
  };
}

function pathsOf(wall: Wall): string[] {
  return [...wall.masked, ...wall.hidden.paths, ...wall.readonlyPaths, ...(wall.mounts ?? []).map((mount) => mount.destination)];
}

function readSources(wall: Wall): Posture["sources"] {
  const { source, paths } = wall.hidden;
  return new Map(paths.map((path) => [path, statObject(source === "/" ? path : source + path)]));
}

function ownProcfs(mounts: readonly Mount[], namespace: number | undefined): OwnProcfs | undefined {
  const mount = mountAt(mounts, "/proc");
  return mount === undefined || namespace === undefined ? undefined : { device: mount.device, namespace };
}

/** Reads the posture, or -errno when the first process is gone. */
export function readPosture(target: Target, wall: Wall): Posture | number {
  const dirfd = openProcess(target.initPid);
  if (dirfd < 0) return dirfd;
  const root = openRoot(dirfd);
  try {
    const ownMounts = readMountinfo("self");
    const layout = parseCgroupLayout(typeof ownMounts === "number" ? [] : ownMounts);
    const walk = walkTasks(membership(target, readNamespace(dirfd, "pid"), layout));
    const mounts = readMountinfo(target.initPid, dirfd);
    const table = typeof mounts === "number" ? [] : mounts;
    const procfs = root < 0 ? new Map<string, number>() : readProcfs(root, table, ownProcfs(typeof ownMounts === "number" ? [] : ownMounts, target.host.pid));
    const cgroupDirectories = new Map(walk.tasks.map((task: TaskFacts): [string, readonly string[]] => [
      `${task.pid}/${task.thread}`, typeof task.cgroups === "number" ? [] : directories(layout, task.cgroups),
    ]));
    const parent = readDetail(target.initPid)?.status.parent;
    const paths = root < 0 ? new Map(pathsOf(wall).map((path) => [path, { object: root }])) : readPaths(root, table, pathsOf(wall));
    const posture: Posture = {
      ...walk, initPid: target.initPid, initProgram: readLink("exe", dirfd), host: target.host, joined: joinedInodes(target.joined),
      uidMap: readIdMap(dirfd, "uid"), gidMap: readIdMap(dirfd, "gid"), mounts, paths, sources: readSources(wall),
      procfs,
      stdio: readStdio([target.initPid, ...(parent === undefined || parent <= 1 ? [] : [parent])]),
      cgroupFiles: readFiles(limitFiles(wall, cgroupDirectories.get(`${target.initPid}/${target.initPid}`) ?? [], layout)), cgroupDirectories, modules: target.modules,
    };
    // The descriptor is of this very process: an error now means that it ended, and that what was read may be half of the truth.
    const still = readText("stat", 1 << 16, dirfd);
    if (typeof still === "number") return still;
    return /^[ZX] /.test(still.slice(still.lastIndexOf(")") + 2)) ? ESRCH : posture;
  } finally {
    if (root >= 0) close(root);
    close(dirfd);
  }
}
