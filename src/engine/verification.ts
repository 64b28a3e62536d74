/** Reads one container's wall back from the kernel and compares it with what was promised. */
import { PidboxError } from "../base/error.ts";
import { parseCgroupLayout } from "../kernel/cgroup.ts";
import type { CgroupLayout } from "../kernel/cgroup.ts";
import type { NamespaceInodes, NamespaceType } from "../kernel/namespaces.ts";
import { publishedText } from "../spec/publish.ts";
import type { PublishedPort } from "../spec/publish.ts";
import { placeLimits } from "../plan/cgroup-placement.ts";
import type { CgroupHierarchy } from "../plan/host-facts.ts";
import type { Layer } from "../report/layer.ts";
import { compare } from "./compare.ts";
import { type Host, readHost } from "./host.ts";
import { readPosture, type Target } from "./posture-read.ts";
import { NAMESPACE_OF, planWall, strictWall, type Wall } from "./promise.ts";
import type { ContainerState } from "./store.ts";

/** Which container, and what is known of it. */
export interface Subject {
  readonly initPid: number;
  /** Other processes that are known to be its own. */
  readonly members: readonly number[];
  /** Cgroups of other containers of pidbox that joined its PID namespace. */
  readonly guests?: readonly string[];
  /** Absent: another engine's container, held against the strict profile. */
  readonly state: ContainerState | undefined;
  readonly host: NamespaceInodes;
  /** Where its ports are reached now. */
  readonly ports?: readonly PublishedPort[];
}

export interface Verification {
  readonly against: Wall["against"];
  readonly layers: readonly Layer[];
  /** What is no part of the table, as sentences. */
  readonly notes: readonly string[];
}

/** v2 controllers that limits belong to; a file that is missing is an answer of the kernel, not of this list. */
const CONTROLLERS_V2 = ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"];

/** A container's cgroup directory as the hierarchy that placeLimits puts limits in. */
function hierarchyOf(directory: string, layout: CgroupLayout): CgroupHierarchy {
  const inside = (mountPoint: string): boolean => directory.startsWith(`${mountPoint}/`);
  const controllers = [...layout.controllers].filter(([, mount]) => inside(mount.mountPoint)).map(([name]) => name);
  if (controllers.length > 0) return { version: 1, controllers, mountPoint: directory, directory, name: controllers.join(",") };
  return { version: 2, controllers: CONTROLLERS_V2, mountPoint: directory, directory, name: "unified" };
}

function wallOf(state: ContainerState, host: Host): Wall {
  const layout = parseCgroupLayout(host.mounts);
  const facts = { ...host.facts, cgroups: state.cgroups.map((directory) => hierarchyOf(directory, layout)) };
  const options = { degraded: state.degraded.includes("cgroups"), swapless: state.blueprint.runtime === undefined };
  return planWall(state, placeLimits(state.blueprint.config.linux?.resources ?? {}, facts, options));
}

function joinedPaths(state: ContainerState | undefined): Target["joined"] {
  const joined: Partial<Record<NamespaceType, string>> = {};
  for (const { type, path } of state?.blueprint.config.linux?.namespaces ?? []) {
    const name = NAMESPACE_OF[type];
    if (path !== undefined && name !== undefined) joined[name] = path;
  }
  return joined;
}

function notesOf(state: ContainerState | undefined, published: readonly PublishedPort[]): string[] {
  if (state === undefined) return [];
  const { config, landlock } = state.blueprint;
  const open = published.map(publishedText).join(", ");
  const ports = open === "" ? [] : [`Published, for connections from the host to the container alone: ${open}. Its network namespace has no way out.`];
  const sysctls = Object.keys(config.linux?.sysctl ?? {}).length > 0;
  const unseen = ["host name", ...(sysctls ? ["sysctls"] : []), ...(landlock ? ["Landlock"] : [])];
  return [...ports, `Not in the table, because the kernel shows it to nobody outside: ${unseen.join(", ")}. The plan's own ops set it, or nothing would have started.`];
}

/** Verifies a running container. NOT_FOUND when it has ended: half a table proves nothing. */
export function verify(subject: Subject): Verification {
  const host = readHost();
  const { state } = subject;
  const wall = state === undefined ? strictWall(subject.host) : wallOf(state, host);
  const modules = [...(host.facts.apparmor ? ["AppArmor"] : []), ...(host.facts.selinux ? ["SELinux"] : [])];
  const target: Target = {
    initPid: subject.initPid, members: subject.members, cgroups: state?.cgroups ?? [], guests: subject.guests ?? [], joined: joinedPaths(state),
    host: subject.host, modules,
  };
  const posture = readPosture(target, wall);
  if (typeof posture === "number") {
    throw new PidboxError("NOT_FOUND", `Process ${subject.initPid} ended before it could be verified`, { hint: "Nothing is known of a container that has ended", context: { path: `/proc/${subject.initPid}` } });
  }
  return { against: wall.against, layers: compare(wall, posture), notes: notesOf(state, subject.ports ?? []) };
}
