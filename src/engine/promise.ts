/**
 * What a container's wall should be: for pidbox's own containers what their plan promised, for others the strict profile. Pure.
 *
 * Not promised, because the kernel shows it to nobody outside: host name, sysctls, Landlock. Their ops were confirmed when the container was started.
 */
import { capabilityMask } from "../kernel/abi/capabilities.ts";
import { MOUNT_ATTR } from "../kernel/abi/mount.ts";
import { NAMESPACE_TYPES, type IdRange, type NamespaceInodes, type NamespaceType } from "../kernel/namespaces.ts";
import type { CapabilitySets } from "../kernel/process-status.ts";
import { maySetGroups } from "../plan/identity.ts";
import type { CgroupPlacement } from "../plan/cgroup-placement.ts";
import { MASKED_PATHS, READONLY_PATHS } from "../plan/defaults.ts";
import { isBind } from "../plan/mount-kind.ts";
import { parseMountOptions } from "../spec/mount-options.ts";
import type { Capabilities, IdMapping, LinuxNamespaceType, Mount as ConfigMount, Rlimit } from "../spec/runtime-config.ts";
import type { ContainerState } from "./store.ts";

export interface MountPromise {
  readonly destination: string;
  /** Filesystem; absent: any, for a bind. */
  readonly type?: string;
  /** Words of mountinfo's options that must be there. */
  readonly options: readonly string[];
  /** Options of the filesystem itself that must be there. */
  readonly superOptions: readonly string[];
  /** What lies below it came with it. */
  readonly recursive: boolean;
}

export interface LimitPromise {
  /** Name of the file, such as `pids.max`. */
  readonly name: string;
  /** Path on the host. */
  readonly path: string;
  readonly value: string;
}

export interface Wall {
  readonly against: "plan" | "strict profile";
  /** Namespaces that are not the host's. `joined`: that of another container. */
  readonly namespaces: readonly { readonly type: NamespaceType; readonly joined: boolean }[];
  /** Exact maps; absent: not promised. */
  readonly uidMap?: readonly IdRange[];
  readonly gidMap?: readonly IdRange[];
  /** No id inside is root of the host. */
  readonly awayFromRoot: boolean;
  /** Ids inside that every process has, where none can change them. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Ids of every process must be in the map. `primary`: supplementary groups were kept by the kernel's own rule and mean nothing inside. */
  readonly ids: "all" | "primary" | "any";
  /** At most these; absent: not promised. */
  readonly capabilities?: CapabilitySets;
  readonly noNewPrivileges: boolean;
  /** Name of the filter; absent: not promised. */
  readonly seccomp?: string;
  /** The exact label, or that there is one where the host has a module for it. */
  readonly label?: { readonly exact: string } | "any";
  readonly root: { readonly type?: string; readonly options: readonly string[] };
  /** Absent: the mount table is not compared with a list. */
  readonly mounts?: readonly MountPromise[];
  /** Places below which device nodes of the host may be mounted one by one. */
  readonly deviceBinds: boolean;
  readonly sharedMounts: boolean;
  readonly masked: readonly string[];
  /** Paths of the tree `source` that are not to be seen. */
  readonly hidden: { readonly source: string; readonly paths: readonly string[] };
  readonly readonlyPaths: readonly string[];
  readonly ownProc: boolean;
  readonly cgroups: readonly string[];
  readonly limits: readonly LimitPromise[];
  /** Controllers that must limit the container somewhere on the way up. */
  readonly bounded: readonly string[];
  readonly rlimits: readonly Rlimit[];
  readonly oomScoreAdj?: number;
  readonly init: boolean;
  readonly waived: readonly { readonly flag: string; readonly name: string }[];
}

/** The kernel's name of each namespace that a config names. */
export const NAMESPACE_OF: Readonly<Record<LinuxNamespaceType, NamespaceType>> = {
  user: "user", pid: "pid", mount: "mnt", network: "net", ipc: "ipc", uts: "uts", cgroup: "cgroup", time: "time",
};

const NONE: CapabilitySets = { inheritable: 0n, permitted: 0n, effective: 0n, bounding: 0n, ambient: 0n };

/** The most that a process may come to hold: without no_new_privs a set-uid program brings back all of the bounding set (capabilities(7)). */
function mostCapabilities(sets: Capabilities, noNewPrivileges: boolean): CapabilitySets {
  const mask = (names: readonly string[] | undefined): bigint => capabilityMask(names ?? []);
  const bounding = mask(sets.bounding);
  return {
    bounding, inheritable: mask(sets.inheritable), ambient: mask(sets.ambient),
    permitted: noNewPrivileges ? mask(sets.permitted) : bounding, effective: noNewPrivileges ? mask(sets.permitted) : bounding,
  };
}

function ranges(map: readonly IdMapping[]): IdRange[] {
  return map.map((m) => ({ inside: m.containerID, outside: m.hostID, count: m.size }));
}

const WORDS: readonly (readonly [flag: number, word: string])[] = [
  [MOUNT_ATTR.RDONLY, "ro"], [MOUNT_ATTR.NOSUID, "nosuid"], [MOUNT_ATTR.NODEV, "nodev"], [MOUNT_ATTR.NOEXEC, "noexec"], [MOUNT_ATTR.NOSYMFOLLOW, "nosymfollow"],
];

function mountPromise(mount: ConfigMount, idmapped: boolean): MountPromise {
  const options = parseMountOptions(mount.options ?? []);
  const words = WORDS.filter(([flag]) => (options.attributes.set & flag) !== 0).map(([, word]) => word);
  const bind = isBind(mount);
  const grouped = mount.type === "cgroup" || mount.type === "cgroup2";
  const type = bind || grouped ? {} : { type: mount.type ?? "none" };
  return {
    destination: mount.destination, ...type, options: bind && idmapped && options.idmap !== "no" ? [...words, "idmapped"] : words,
    superOptions: mount.type === "proc" ? options.data.filter((option) => option === "subset=pid") : [], recursive: options.bind === "rbind" || grouped,
  };
}

function rootPromise(blueprint: ContainerState["blueprint"]): Wall["root"] {
  const { rootfs, config, degraded, mapping } = blueprint;
  const idmapped = rootfs.kind === "bind" && mapping !== undefined && mapping.writer.kind === "direct" && !degraded.includes("idmap");
  const options = ["nodev", ...(config.root?.readonly === true ? ["ro"] : []), ...(idmapped ? ["idmapped"] : [])];
  return { ...(rootfs.kind === "bind" ? {} : { type: rootfs.kind === "overlay" ? "overlay" : "tmpfs" }), options };
}

function mountPromises(blueprint: ContainerState["blueprint"]): MountPromise[] {
  const { rootfs, config, degraded, mapping } = blueprint;
  const idmapped = mapping?.writer.kind === "direct" && !degraded.includes("idmap");
  const entries = rootfs.kind !== "assembled" ? [] : rootfs.entries.filter((entry) => entry.kind === "bind");
  return [
    ...entries.map((entry): MountPromise => ({ destination: entry.path, options: ["ro", "nosuid", "nodev"], superOptions: [], recursive: true })),
    ...(config.mounts ?? []).map((mount) => mountPromise(mount, idmapped)),
  ];
}

/** Limits by file, from what the same function as at the start says for the same cgroups. */
function limitPromises(placements: readonly CgroupPlacement[]): LimitPromise[] {
  return placements.flatMap(({ hierarchy, limits }) => limits.map(({ file, value }) => ({ name: file, path: `${hierarchy.directory}/${file}`, value })));
}

/** The wall of one of pidbox's own containers. `placements` has the container's own cgroups as directories. */
export function planWall(state: ContainerState, placements: readonly CgroupPlacement[]): Wall {
  const { config, mapping, seccomp, init, unsafe, degraded, rootfs } = state.blueprint;
  const process = config.process;
  const namespaces = (config.linux?.namespaces ?? []).map(({ type, path }) => ({ type: NAMESPACE_OF[type], joined: path !== undefined }));
  const own = namespaces.some((n) => n.type === "user" && !n.joined);
  const sets = mostCapabilities(process?.capabilities ?? {}, process?.noNewPrivileges === true);
  const changes = capabilityMask(["CAP_SETUID", "CAP_SETGID"]) & sets.bounding;
  const label = process?.apparmorProfile ?? process?.selinuxLabel;
  const user = process?.user ?? { uid: 0, gid: 0 };
  return {
    against: "plan", namespaces, awayFromRoot: false,
    ids: !namespaces.some((n) => n.type === "user") ? "any" : mapping === undefined || maySetGroups(mapping) ? "all" : "primary",
    ...(own && mapping !== undefined ? { uidMap: ranges(mapping.uid), gidMap: ranges(mapping.gid) } : {}),
    ...(changes === 0n && process?.noNewPrivileges === true ? { user: { uid: user.uid, gid: user.gid } } : {}),
    capabilities: sets, noNewPrivileges: process?.noNewPrivileges === true, ...(seccomp === undefined ? {} : { seccomp }),
    ...(label === undefined ? {} : { label: { exact: label } }),
    root: rootPromise(state.blueprint), mounts: mountPromises(state.blueprint), deviceBinds: true,
    sharedMounts: (config.mounts ?? []).some((mount) => mount.options?.some((o) => o === "shared" || o === "rshared") ?? false),
    masked: config.linux?.maskedPaths ?? [],
    hidden: rootfs.kind === "overlay" ? { source: rootfs.source, paths: rootfs.hidden ?? [] } : { source: "/", paths: [] },
    readonlyPaths: config.linux?.readonlyPaths ?? [],
    ownProc: namespaces.some((n) => n.type === "pid") && !degraded.includes("proc"),
    cgroups: state.cgroups, limits: limitPromises(placements), bounded: [], rlimits: process?.rlimits ?? [],
    ...(process?.oomScoreAdj === undefined ? {} : { oomScoreAdj: process.oomScoreAdj }), init,
    waived: [...unsafe.map((name) => ({ flag: "--unsafe", name })), ...degraded.map((name) => ({ flag: "--allow-degraded", name }))],
  };
}

/** The strict profile, for containers that others started: what `pidbox do` would have built, as far as it can be seen from outside. */
export function strictWall(host: NamespaceInodes): Wall {
  return {
    against: "strict profile",
    namespaces: NAMESPACE_TYPES.filter((type) => host[type] !== undefined).map((type) => ({ type, joined: false })),
    awayFromRoot: true, ids: "any", capabilities: NONE, noNewPrivileges: true, seccomp: "any", label: "any", root: { options: [] }, deviceBinds: true,
    sharedMounts: false,
    masked: MASKED_PATHS, hidden: { source: "/", paths: [] }, readonlyPaths: READONLY_PATHS, ownProc: true, cgroups: [], limits: [],
    bounded: ["pids", "memory"], rlimits: [], init: false, waived: [],
  };
}
