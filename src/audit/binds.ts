/** What a container's mounts show of the host, and what its own mount tables are. Pure. */
import type { Mount } from "../kernel/mountinfo.ts";
import type { Answer } from "../report/finding.ts";
import { evidenceOf, inapplicable, unknown } from "./check.ts";
import type { AuditFacts, ContainerFacts, HostFacts } from "./facts.ts";
import { hostPaths, treeOf } from "./mount-tree.ts";
import { remembered } from "./remembered.ts";

const NONE: readonly Mount[] = [];

/** The mount table of a container's first process; empty where it could not be read. */
export function mountsOf({ mounts }: ContainerFacts): readonly Mount[] {
  return typeof mounts === "number" ? NONE : mounts;
}

/** A mount of a container that shows files of the host. */
export interface Bind {
  readonly mount: Mount;
  /** Shortest first. */
  readonly paths: readonly string[];
}

const bindsOn = remembered((host: readonly Mount[]) => remembered((container: ContainerFacts) => {
  const mounts = mountsOf(container);
  const tree = treeOf(mounts);
  return mounts.flatMap((mount): Bind[] => {
    const paths = hostPaths(mount, host).toSorted((a, b) => a.length - b.length);
    if (paths.length === 0 || !tree.shows(mount) || (mount.mountPoint === "/" && !paths.includes("/"))) return [];
    return [{ mount, paths }];
  });
}));

/** The mounts of a container that lead to files of the host and can be reached. Its own root counts only if it is the host's. */
export function bindsOf(container: ContainerFacts, { mounts }: Pick<HostFacts, "mounts">): readonly Bind[] {
  return bindsOn(typeof mounts === "number" ? NONE : mounts)(container);
}

/** Mount tables of every mount namespace of a container that is not the host's. */
export function ownTables(container: ContainerFacts, { namespaces }: Pick<HostFacts, "namespaces">): readonly (readonly Mount[])[] {
  const others = [...container.binds.tables].filter(([inode]) => inode !== namespaces.mnt).map(([, table]) => (typeof table === "number" ? [] : table));
  return container.container.sharedWithHost.includes("mnt") ? others : [mountsOf(container), ...others];
}

/** Why mounts of the host in a container cannot be judged: it has them all, or a table could not be read. Undefined: they can. */
export function cannotJudge({ container, mounts }: ContainerFacts, { host }: AuditFacts): Answer | undefined {
  if (container.sharedWithHost.includes("mnt")) return inapplicable("it has the host's mounts, which is a finding of its own");
  if (typeof mounts === "number") return unknown("its mount table could not be read", evidenceOf(`/proc/${container.initPid ?? 0}/mountinfo`, mounts));
  return typeof host.mounts === "number" ? unknown("the host's mount table could not be read", evidenceOf("/proc/1/mountinfo", host.mounts)) : undefined;
}

/** Where mounts of a container are read. */
export function mountSource({ container }: ContainerFacts): string {
  return `/proc/${container.initPid ?? 0}/mountinfo`;
}
