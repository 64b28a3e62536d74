/** What an audit reads once of the host: the files, paths and directories that checks name, mounts and cgroup hierarchies. */
import type { Survey } from "../engine/discover-survey.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { parseCgroupLayout } from "../kernel/cgroup.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, cString, listDirectory, readText, stat } from "../kernel/file.ts";
import { readMountinfo } from "../kernel/mountinfo.ts";
import { statObject } from "../kernel/object.ts";
import type { Reads } from "./check.ts";
import { readEngines } from "./facts-engines.ts";
import { readKernel } from "./facts-kernel.ts";
import { readEngineSockets } from "./facts-sockets.ts";
import type { HostFacts, HostPath } from "./facts.ts";

const TEXT = 1 << 20;
const MOST_NAMES = 10_000;

/** All that `reads` ask for, each once. */
export function mergeReads(reads: readonly Reads[]): Required<Reads> {
  const all = (of: (one: Reads) => readonly string[] | undefined): string[] => [...new Set(reads.flatMap((one) => of(one) ?? []))];
  return {
    files: all((r) => r.files), filesOf: all((r) => r.filesOf), paths: all((r) => r.paths), directories: all((r) => r.directories),
    inside: all((r) => r.inside),
  };
}

function readFile(path: string): string | number {
  const text = readText(path, TEXT);
  return typeof text === "number" ? text : text.replace(/\n$/, "");
}

function readNames(path: string): readonly string[] | number {
  const entries = listDirectory(path, MOST_NAMES);
  return typeof entries === "number" ? entries : entries.map(({ name }) => name).toSorted();
}

function readPath(path: string): HostPath | number {
  const status = stat(path);
  if (typeof status === "number") return status;
  const { mode, uid, gid, rdev } = status;
  return { mode, uid, gid, rdev };
}

const MFD_CLOEXEC = 1;

/** The kernel has one mount for all memfds: that of one's own tells which it is. */
function readMemfdMount(): number {
  const fd = syscall(SYSCALLS.memfd_create, address(cString("audit")), MFD_CLOEXEC);
  if (fd < 0) return fd;
  const object = statObject("", fd);
  close(fd);
  return typeof object === "number" ? object : object.mountId;
}

export function readHost(reads: Required<Reads>, view: Survey): HostFacts {
  const { host, processes } = view.facts;
  // The host's own table, where the caller is in a mount namespace of its own.
  const first = readMountinfo(1);
  const mounts = typeof first === "number" ? readMountinfo("self") : first;
  const own = readMountinfo("self");
  const directories = new Map([...reads.directories, ...reads.filesOf].map((path) => [path, readNames(path)]));
  const listed = reads.filesOf.flatMap((directory) => {
    const names = directories.get(directory);
    return typeof names === "object" ? names.map((name) => `${directory}/${name}`) : [];
  });
  const files = new Map([...reads.files, ...listed].map((path) => [path, readFile(path)]));
  const programs = processes.filter(({ pids, kernelThread }) => pids.length === 1 && !kernelThread).map(({ name }) => name);
  const last = readFile("/proc/sys/kernel/cap_last_cap");
  const words = (path: string): string => String(readFile(path)).slice(0, 256);
  const release = words("/proc/sys/kernel/osrelease");
  return {
    namespaces: host, programs: [...new Set(programs)].toSorted(), release, hostname: words("/proc/sys/kernel/hostname"),
    lastCapability: typeof last === "string" && /^[0-9]{1,2}$/.test(last) ? Number(last) : 63,
    mounts, layout: parseCgroupLayout(typeof own === "number" ? [] : own), files, directories,
    paths: new Map(reads.paths.map((path) => [path, readPath(path)])), memfdMount: readMemfdMount(), kernel: readKernel(release), engines: readEngines(view),
    engineSockets: readEngineSockets(processes, typeof mounts === "number" ? [] : mounts),
  };
}
