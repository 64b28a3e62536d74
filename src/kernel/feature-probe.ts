/**
 * Collects the facts that the feature decisions judge: harmless calls, files under /proc, /sys and /etc, and the caller's cgroups.
 *
 * Trusts: the running kernel. An attacker controls: names of cgroups, labels and files, so evidence is made printable where it is shown.
 */
import { PidboxError } from "../base/error.ts";
import { SYSCALLS } from "./abi/host.ts";
import { cgroupDirectory, parseCgroupLayout, parseSelfCgroup } from "./cgroup.ts";
import type { CgroupMembership, CgroupMount } from "./cgroup.ts";
import { readProbeCalls } from "./feature-calls.ts";
import { PROBE_FILES, PROBE_NAMESPACES, PROBE_PATHS } from "./feature-facts.ts";
import type { CgroupPlace, FeatureFacts, IdMapProgram, ProbeFile } from "./feature-facts.ts";
import { address, syscall } from "./ffi.ts";
import { AT_FDCWD, cString, listDirectory, readLink, readText, stat } from "./file.ts";
import { readKernelRelease } from "./host-features.ts";
import { parseMountinfo } from "./mountinfo.ts";

const AT_EACCESS = 0x200;
/** Modes of access(2). */
export const ACCESS = { EXECUTE: 1, WRITE: 2, READ: 4 } as const;
const S_ISUID = 0o4000;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const FILE_LIMIT = 4 << 20;

/** Whether the effective user may do `mode` to `path`: 0 or -errno (faccessat2(2); by faccessat with the real ids where a filter hides it). */
export function access(path: string, mode: number): number {
  const result = syscall(SYSCALLS.faccessat2, AT_FDCWD, address(cString(path)), mode, AT_EACCESS);
  return result === -38 ? syscall(SYSCALLS.faccessat, AT_FDCWD, address(cString(path)), mode) : result;
}

/** The first regular, executable file called `name` in the directories of `path` (a PATH); relative directories are skipped. */
export function findProgram(name: string, path: string): string | undefined {
  for (const directory of path.split(":")) {
    if (!directory.startsWith("/")) continue;
    const candidate = `${directory}/${name}`;
    const status = stat(candidate);
    if (typeof status !== "number" && (status.mode & S_IFMT) === S_IFREG && (status.mode & 0o111) !== 0) return candidate;
  }
  return undefined;
}

function readIdMapProgram(name: string, path: string): IdMapProgram | undefined {
  const found = findProgram(name, path);
  if (found === undefined) return undefined;
  const status = stat(found);
  const attribute = syscall(SYSCALLS.getxattr, address(cString(found)), address(cString("security.capability")), 0, 0);
  return { path: found, setuid: typeof status !== "number" && (status.mode & S_ISUID) !== 0 && status.uid === 0, fileCapabilities: attribute > 0 };
}

/** Ids of the active security modules (lsm_list_modules(2), Linux 6.8), or -errno. */
export function readLsmIds(): readonly number[] | number {
  const ids = new BigUint64Array(64);
  const size = new Uint32Array([ids.byteLength]);
  const count = syscall(SYSCALLS.lsm_list_modules, address(ids), address(size), 0);
  return count < 0 ? count : [...ids.subarray(0, count)].map(Number);
}

function words(text: string | number): readonly string[] | number {
  return typeof text === "number" ? text : text.split(/\s+/).filter((word) => word !== "");
}

/** cgroup.kill exists in every v2 cgroup but the root: looks in `directory`, else in the first child. */
function readKill(directory: string, isRoot: boolean): number | undefined {
  if (!isRoot) return presence(`${directory}/cgroup.kill`);
  const children = listDirectory(directory, 4096);
  const child = typeof children === "number" ? undefined : children.find((entry) => entry.type === 4);
  return child === undefined ? undefined : presence(`${directory}/${child.name}/cgroup.kill`);
}

function presence(path: string): number {
  const status = stat(path);
  return typeof status === "number" ? status : 0;
}

function writable(directory: string): number {
  const result = access(directory, ACCESS.WRITE);
  return result < 0 ? result : access(`${directory}/cgroup.procs`, ACCESS.WRITE);
}

function unifiedPlace(mount: CgroupMount, directory: string): CgroupPlace {
  const isRoot = directory === mount.mountPoint;
  const kill = readKill(directory, isRoot && mount.root === "/");
  return {
    version: 2, directory, controllers: words(readText(`${directory}/cgroup.controllers`, 4096)), writable: writable(directory),
    ...(kill === undefined ? {} : { kill }),
  };
}

/** Where pidbox would make its cgroups: the hierarchies' roots for root, the process's own cgroups for others. */
export function readCgroupPlaces(mountinfo: string, memberships: string, effectiveUid: number): CgroupPlace[] {
  const layout = parseCgroupLayout(parseMountinfo(mountinfo));
  const own = parseSelfCgroup(memberships);
  const directoryIn = (mount: CgroupMount, isOwn: (m: CgroupMembership) => boolean): string | undefined => {
    if (effectiveUid === 0) return mount.mountPoint;
    const membership = own.find(isOwn);
    return membership === undefined ? undefined : cgroupDirectory(mount, membership.path);
  };
  const places: CgroupPlace[] = [];
  const byMount = new Map<CgroupMount, string[]>();
  for (const [controller, mount] of layout.controllers) byMount.set(mount, [...(byMount.get(mount) ?? []), controller]);
  for (const [mount, controllers] of byMount) {
    const directory = directoryIn(mount, (m) => m.controllers.some((name) => controllers.includes(name)));
    if (directory !== undefined) places.push({ version: 1, directory, controllers, writable: writable(directory) });
  }
  const directory = layout.unified === undefined ? undefined : directoryIn(layout.unified, (m) => m.hierarchy === 0);
  if (layout.unified !== undefined && directory !== undefined) places.push(unifiedPlace(layout.unified, directory));
  return places;
}

function readVulnerabilities(): Readonly<Record<string, string>> | number {
  const directory = "/sys/devices/system/cpu/vulnerabilities";
  const entries = listDirectory(directory, 256);
  if (typeof entries === "number") return entries;
  const found: Record<string, string> = {};
  for (const { name } of entries) {
    const text = readText(`${directory}/${name}`, 4096);
    if (typeof text === "string") found[name] = text.trim();
  }
  return found;
}

function record<K extends string, V>(keys: readonly K[], value: (key: K) => V): Record<K, V> {
  // The cast is sound: every key of K is in `keys`, for K is their union.
  return Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, V>;
}

function placesOf(files: Readonly<Record<ProbeFile, string | number>>, effectiveUid: number): CgroupPlace[] {
  const mountinfo = files["/proc/self/mountinfo"];
  const memberships = files["/proc/self/cgroup"];
  if (typeof mountinfo === "number" || typeof memberships === "number") return [];
  try {
    return readCgroupPlaces(mountinfo, memberships, effectiveUid);
  } catch (error) {
    if (error instanceof PidboxError && error.code === "PARSE") return [];
    throw error;
  }
}

export interface ProbeOptions {
  readonly executable: string;
  /** PATH of the caller, to find newuidmap. */
  readonly path: string;
  /** Paths whose filesystems pidbox would idmap; `/` for `do`. */
  readonly idmapPaths: readonly string[];
}

/** Reads everything once. */
export function readFeatureFacts(options: ProbeOptions): FeatureFacts {
  const files = record(PROBE_FILES, (path) => readText(path, FILE_LIMIT));
  const effectiveUid = syscall(SYSCALLS.geteuid);
  return {
    release: readKernelRelease(), effectiveUid, executable: options.executable, files,
    calls: readProbeCalls(),
    paths: record(PROBE_PATHS, presence),
    namespaces: record(PROBE_NAMESPACES, (name) => readLink(`/proc/self/ns/${name}`)),
    lsmIds: readLsmIds(),
    cgroups: placesOf(files, effectiveUid),
    newuidmap: readIdMapProgram("newuidmap", options.path), newgidmap: readIdMapProgram("newgidmap", options.path),
    vulnerabilities: readVulnerabilities(),
    idmapPaths: options.idmapPaths,
  };
}
