/**
 * The programs of engines on the host: those that run, and those that lie where engines look for them. Nothing is executed.
 *
 * Processes in containers are left out, whatever they call themselves: engines inside of containers are theirs, and not the host's.
 */
import type { Survey } from "../engine/discover-survey.ts";
import { close, listDirectory, readLink, readStart, readText, stat } from "../kernel/file.ts";
import { openProcess, parseCommandLine } from "../kernel/process-list.ts";
import { parseListeners } from "./facts-network.ts";
import { readOwners } from "./facts-packages.ts";
import type { EngineFacts, ListenerFacts, ProgramFacts } from "./facts.ts";
import { readProgramVersion } from "./program-version.ts";

const PROGRAMS: readonly string[] = [
  "dockerd", "containerd", "containerd-shim-runc-v2", "runc", "crun", "youki", "podman", "conmon", "buildkitd", "crio", "kubelet", "k3s", "incusd", "lxd",
  "nvidia-container-runtime-hook",
];
const DIRECTORIES: readonly string[] = [
  "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/libexec/crio", "/usr/libexec/podman", "/opt/bin", "/opt/containerd/bin",
  "/var/lib/rancher/k3s/data/current/bin", "/var/lib/rancher/rke2/bin", "/snap/docker/current/bin", "/snap/lxd/current/bin",
];
/** Those that answer requests for as long as the host runs. */
const DAEMONS = new Set(["dockerd", "containerd", "podman", "buildkitd", "crio", "kubelet", "k3s", "incusd", "lxd"]);
const DELETED = " (deleted)";
const COMM = 15;
const MOST_PIDS = 100;
const COMMAND = 65_536;
const MOST_DESCRIPTORS = 10_000;
const TABLE = 32 << 20;

interface Running {
  readonly name: string;
  readonly path: string;
  readonly deleted: boolean;
  readonly pids: number[];
}

function readRunning(view: Survey): Running[] {
  const short = new Set(PROGRAMS.map((name) => name.slice(0, COMM)));
  const found = new Map<string, Running>();
  for (const { pid, name: comm } of view.facts.processes) {
    if (!short.has(comm) || view.containerOf.has(pid)) continue;
    const link = readLink(`/proc/${pid}/exe`);
    if (typeof link === "number") continue;
    const deleted = link.endsWith(DELETED);
    const path = deleted ? link.slice(0, -DELETED.length) : link;
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (!PROGRAMS.includes(name)) continue;
    const known = found.get(link);
    if (known === undefined) found.set(link, { name, path, deleted, pids: [pid] });
    else if (known.pids.length < MOST_PIDS) known.pids.push(pid);
  }
  return [...found.values()];
}

/** Programs that lie in the usual places, each file once. */
function readInstalled(): Map<string, { readonly name: string; readonly path: string }> {
  const found = new Map<string, { readonly name: string; readonly path: string }>();
  for (const directory of DIRECTORIES) {
    for (const name of PROGRAMS) {
      const path = `${directory}/${name}`;
      const status = stat(path);
      if (typeof status === "number" || (status.mode & 0o170000) !== 0o100000) continue;
      const key = `${status.device.major}:${status.device.minor}:${status.inode}`;
      if (!found.has(key)) found.set(key, { name, path });
    }
  }
  return found;
}

function readPrograms(view: Survey): ProgramFacts[] {
  const running = readRunning(view);
  const paths = new Set(running.filter(({ deleted }) => !deleted).map(({ path }) => path));
  const idle = [...readInstalled().values()].filter(({ path }) => !paths.has(path));
  const all = [...running, ...idle.map((one) => ({ ...one, deleted: false, pids: [] }))];
  const owners = readOwners(all.filter(({ deleted }) => !deleted).map(({ path }) => path));
  return all.map(({ name, path, deleted, pids }) => {
    const version = readProgramVersion(pids[0] === undefined ? path : `/proc/${pids[0]}/exe`);
    const owner = deleted ? undefined : owners.get(path);
    return { name, path, deleted, pids, ...(version === undefined ? {} : { version }), ...(owner === undefined ? {} : { package: owner }) };
  });
}

function socketsOf(dirfd: number): Set<number> | number {
  const entries = listDirectory("fd", MOST_DESCRIPTORS, dirfd);
  if (typeof entries === "number") return entries;
  const links = entries.map(({ name }) => readLink(`fd/${name}`, dirfd));
  return new Set(links.flatMap((link) => (typeof link === "string" && link.startsWith("socket:[") ? [Number(link.slice(8, -1))] : [])));
}

interface Daemon {
  readonly name: string;
  readonly pid: number;
  readonly command: readonly string[];
}

function readListeners(daemons: readonly Daemon[]): readonly ListenerFacts[] | number {
  const found: ListenerFacts[] = [];
  for (const { name, pid, command } of daemons) {
    const dirfd = openProcess(pid);
    if (dirfd < 0) continue;
    // The tables of the daemon's own network namespace.
    const tables = ["net/tcp", "net/tcp6"].map((file) => readText(file, TABLE, dirfd));
    const sockets = socketsOf(dirfd);
    close(dirfd);
    if (typeof sockets === "number") return sockets;
    for (const table of tables) {
      const listeners = parseListeners("tcp", typeof table === "string" ? table : "").filter(({ inode }) => sockets.has(inode));
      found.push(...listeners.map(({ address, port }) => ({ address, port, pid, program: name, command })));
    }
  }
  return found;
}

export function readEngines(view: Survey): EngineFacts {
  const programs = readPrograms(view);
  const daemons = programs.filter(({ name }) => DAEMONS.has(name)).flatMap(({ name, pids }) =>
    pids.map((pid) => {
      const bytes = readStart(`/proc/${pid}/cmdline`, COMMAND);
      return { name, pid, command: typeof bytes === "number" ? [] : parseCommandLine(bytes) };
    }),
  );
  return { programs, listeners: readListeners(daemons), commands: new Map(daemons.map(({ name, command }) => [name, command])) };
}
