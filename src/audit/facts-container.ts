/**
 * What an audit reads of each container, from /proc and the cgroup tree alone.
 *
 * Everything goes through open /proc/PID directories (process-list.ts says why that is safe against PIDs that are given out again). What an attacker can
 * make slow is never waited for: see posture-paths.ts.
 */
import type { Container } from "../engine/discover.ts";
import type { PathFacts, TaskFacts } from "../engine/posture.ts";
import { openRoot, type OwnProcfs, readPaths, readProcfs } from "../engine/posture-paths.ts";
import { readTasks } from "../engine/posture-tasks.ts";
import { cgroupDirectory } from "../kernel/cgroup.ts";
import type { CgroupLayout } from "../kernel/cgroup.ts";
import { close, readText } from "../kernel/file.ts";
import { mountAt, readMountinfo } from "../kernel/mountinfo.ts";
import { readIdMap } from "../kernel/namespaces.ts";
import { openProcess } from "../kernel/process-list.ts";
import { bindReader } from "./facts-binds.ts";
import { readDeclared } from "./facts-declared.ts";
import { nodeReader, programReader } from "./facts-devices.ts";
import { type FilterOptions, filtersOf } from "./facts-filter.ts";
import { handleReader } from "./facts-handles.ts";
import { readNetwork } from "./facts-network.ts";
import { setuidReader } from "./facts-setuid.ts";
import { hostSocketReader } from "./facts-sockets.ts";
import type { ContainerFacts, HostFacts, NetworkFacts } from "./facts.ts";
import { readProcess } from "./facts-process.ts";

/** Files that hold limits, by controller; `unified` for those of every v2 cgroup. A file that is not there is left out. */
const CGROUP_FILES: Readonly<Record<string, readonly string[]>> = {
  unified: [
    "pids.max", "memory.max", "memory.high", "memory.swap.max", "memory.oom.group", "cpu.max", "cpu.weight", "cpuset.cpus", "io.max", "hugetlb.2MB.max",
    "rdma.max", "misc.max", "cgroup.max.depth", "cgroup.max.descendants", "cgroup.type",
  ],
  pids: ["pids.max"], memory: ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.oom_control", "memory.swappiness"],
  cpu: ["cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.shares", "cpu.rt_runtime_us"], cpuset: ["cpuset.cpus", "cpuset.mems"], devices: ["devices.list"],
  blkio: ["blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"], hugetlb: ["hugetlb.2MB.limit_in_bytes"], rdma: ["rdma.max"], misc: ["misc.max"],
};
const ENOENT = -2;

/** The directory of a task's cgroup in each hierarchy that the caller sees, by v1 controller or `unified`. */
function cgroupsOf(task: TaskFacts | undefined, layout: CgroupLayout): Map<string, string> {
  const found = new Map<string, string>();
  for (const { hierarchy, controllers, path } of task === undefined || typeof task.cgroups === "number" ? [] : task.cgroups) {
    for (const controller of hierarchy === 0 ? ["unified"] : controllers) {
      const mount = hierarchy === 0 ? layout.unified : layout.controllers.get(controller);
      const directory = mount === undefined ? undefined : cgroupDirectory(mount, path);
      if (directory !== undefined) found.set(controller, directory);
    }
  }
  return found;
}

/** A reader that asks the kernel for each file once: most containers have the same cgroups above them. */
function limitReader(layout: CgroupLayout): (cgroups: ReadonlyMap<string, string>) => ReadonlyMap<string, string | number> {
  const known = new Map<string, string | number>();
  const tops = new Set([layout.unified, ...layout.controllers.values()].map((mount) => mount?.mountPoint));
  const read = (path: string): string | number => {
    const before = known.get(path);
    if (before !== undefined) return before;
    const text = readText(path, 1 << 16);
    const value = typeof text === "number" ? text : text.trimEnd();
    known.set(path, value);
    return value;
  };
  return (cgroups) => {
    const files = new Map<string, string | number>();
    for (const [controller, directory] of cgroups) {
      for (let level = directory; level !== "" && !tops.has(level); level = level.slice(0, level.lastIndexOf("/"))) {
        for (const name of CGROUP_FILES[controller] ?? []) {
          const value = read(`${level}/${name}`);
          if (value !== ENOENT) files.set(`${level}/${name}`, value);
        }
      }
    }
    return files;
  };
}

/** The tasks of a container that are still its own: a PID may have been given to a process of somebody else since the survey. */
function ownTasks(container: Container, tasks: readonly TaskFacts[]): readonly TaskFacts[] {
  const { pid, mnt } = container.namespaces;
  const strays = new Set(container.strays);
  return tasks.filter((task) => {
    if (strays.has(task.pid)) return true;
    const { namespaces, status } = task;
    return pid === undefined || namespaces.pid === undefined || namespaces.pid === pid || namespaces.mnt === mnt || status.pids.length > container.depth;
  });
}

/** Reads containers of one host, one after the other. */
export function containerReader(host: HostFacts, inside: readonly string[], filters: FilterOptions): (container: Container) => ContainerFacts {
  const readLimits = limitReader(host.layout);
  const readPrograms = programReader();
  const readNodes = nodeReader();
  const readBinds = bindReader(typeof host.mounts === "number" ? [] : host.mounts, typeof host.engineSockets === "number" ? [] : host.engineSockets);
  const readHandles = handleReader(hostSocketReader());
  const readSetuid = setuidReader();
  const ownTable = readMountinfo("self");
  const ownProc = typeof ownTable === "number" ? undefined : mountAt(ownTable, "/proc");
  const { pid: hostNamespace } = host.namespaces;
  const own: OwnProcfs | undefined = ownProc === undefined || hostNamespace === undefined ? undefined : { device: ownProc.device, namespace: hostNamespace };
  const networks = new Map<number, NetworkFacts>();
  const networkOf = (task: TaskFacts | undefined): NetworkFacts | undefined => {
    const inode = task?.namespaces.net;
    if (task === undefined || inode === undefined) return undefined;
    const known = networks.get(inode) ?? readNetwork(task.pid);
    networks.set(inode, known);
    return known;
  };
  return (container) => {
    const pids = [...container.processes, ...container.strays];
    const walk = readTasks(pids);
    const isFirst = (task: TaskFacts): number => Number(task.pid === container.initPid);
    const tasks = ownTasks(container, walk.tasks).toSorted((a, b) => isFirst(b) - isFirst(a) || a.pid - b.pid || a.thread - b.thread);
    const first = tasks.find((task) => task.pid === container.initPid && task.thread === container.initPid);
    const members = new Set(tasks.map((task) => task.pid));
    const processes = pids.filter((pid) => members.has(pid)).map(readProcess).filter((process) => process !== undefined);
    const declared = readDeclared(container);
    const base = {
      container, first, tasks, processes, unreadable: walk.unreadable, vanished: walk.vanished + walk.tasks.length - tasks.length,
      declared, filters: filtersOf(container, tasks, declared, filters),
    };
    const cgroups = cgroupsOf(first, host.layout);
    const limits = { cgroups, cgroupFiles: readLimits(cgroups), network: networkOf(first), handles: readHandles(container, tasks) };
    const programs = readPrograms(cgroups.get("unified"));
    const dirfd = first === undefined ? -3 : openProcess(first.pid);
    if (dirfd < 0) {
      const binds = readBinds(dirfd, container, tasks, []);
      const hidden = { uidMap: dirfd, gidMap: dirfd, mounts: dirfd, devices: { programs, nodes: dirfd }, setuid: dirfd };
      return { ...base, ...limits, ...hidden, paths: new Map(), procfs: new Map(), binds };
    }
    const root = openRoot(dirfd);
    const mounts = readMountinfo(container.initPid ?? 0, dirfd);
    const table = typeof mounts === "number" ? [] : mounts;
    const paths = root < 0 ? new Map(inside.map((path): [string, PathFacts] => [path, { object: root }])) : readPaths(root, table, inside);
    const facts = {
      ...base, ...limits, uidMap: readIdMap(dirfd, "uid"), gidMap: readIdMap(dirfd, "gid"), mounts, paths,
      procfs: root < 0 ? new Map<string, number>() : readProcfs(root, table, own), devices: { programs, nodes: readNodes(root, table) },
      binds: readBinds(root, container, tasks, table), setuid: readSetuid(root, table),
    };
    if (root >= 0) close(root);
    close(dirfd);
    return facts;
  };
}
