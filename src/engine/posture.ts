/**
 * What the kernel says of a running container, as plain data: everything that `compare` looks at. A negative number in the place of a value is -errno:
 * the kernel did not tell, which is never the same as nothing being there. Pure.
 */
import type { CgroupMembership } from "../kernel/cgroup.ts";
import type { Mount } from "../kernel/mountinfo.ts";
import type { IdRange, NamespaceInodes, NamespaceType } from "../kernel/namespaces.ts";
import type { KernelObject } from "../kernel/object.ts";
import type { ProcessStatus } from "../kernel/process-status.ts";

export interface DescriptorFacts {
  readonly number: number;
  /** As /proc names it: a path, `pipe:[1]`, `socket:[2]`, `anon_inode:[eventfd]`. */
  readonly link: string;
  readonly object: KernelObject | number;
}

/** Soft and hard value; Infinity is unlimited. */
export interface LimitPair {
  readonly soft: number;
  readonly hard: number;
}

/** One thread of one process. A thread may have namespaces, ids, filters and descriptors of its own, so each is read by itself. */
export interface TaskFacts {
  readonly pid: number;
  readonly thread: number;
  readonly status: ProcessStatus;
  readonly namespaces: NamespaceInodes;
  readonly root: KernelObject | number;
  readonly cwd: KernelObject | number;
  readonly descriptors: readonly DescriptorFacts[] | number;
  /** Label of the security module, from attr/current. */
  readonly label: string | number;
  /** By the names of /proc/PID/limits, such as `Max open files`. */
  readonly limits: ReadonlyMap<string, LimitPair> | number;
  readonly cgroups: readonly CgroupMembership[] | number;
  readonly oomScoreAdj: number | undefined;
}

/** What a path of the container leads to, as the container's processes see it. */
export interface PathFacts {
  /** -ENOENT and -ENOTDIR: there is nothing. */
  readonly object: KernelObject | number;
  /** For directories of a tmpfs: whether there is nothing in it; absent: not looked at. */
  readonly empty?: boolean;
}

/** A file of a cgroup, by its path on the host: content without the last newline, or -errno. */
export type CgroupFiles = ReadonlyMap<string, string | number>;

export interface Posture {
  /** Host PID of the first process. */
  readonly initPid: number;
  /** Target of its exe link. */
  readonly initProgram: string | number;
  readonly tasks: readonly TaskFacts[];
  /** Zombies have nothing left to hold. */
  readonly zombies: number;
  /** Ended while they were read. */
  readonly vanished: number;
  /** Whether a last look found no process that was not read. */
  readonly settled: boolean;
  /** Processes of which the kernel tells nothing, with the reason. */
  readonly unreadable: readonly { readonly pid: number; readonly errno: number }[];
  readonly host: NamespaceInodes;
  /** Inodes of the namespaces that the config joins by path. */
  readonly joined: Readonly<Partial<Record<NamespaceType, number>>>;
  readonly uidMap: readonly IdRange[] | number;
  readonly gidMap: readonly IdRange[] | number;
  readonly mounts: readonly Mount[] | number;
  readonly paths: ReadonlyMap<string, PathFacts>;
  /** What hidden paths are on the host. */
  readonly sources: ReadonlyMap<string, KernelObject | number>;
  /** PID namespace of PID 1 in each procfs of the container, by mount point. */
  readonly procfs: ReadonlyMap<string, number>;
  /** Standard input, output and error that were handed in from outside, as `MOUNT:INODE`. */
  readonly stdio: ReadonlySet<string>;
  readonly cgroupFiles: CgroupFiles;
  /** Directory of each hierarchy's cgroup of a task, by `PID/THREAD`. */
  readonly cgroupDirectories: ReadonlyMap<string, readonly string[]>;
  /** Security modules of the host that label processes and are active. */
  readonly modules: readonly string[];
}

/** How an object is known on both sides of a descriptor table. */
export function objectKey(object: KernelObject): string {
  return `${object.mountId}:${object.inode}`;
}

const UNLIMITED = "unlimited";

/** /proc/PID/limits (proc_pid_limits(5)): a name padded to 26 columns, soft, hard, unit. Lines that are not so are left out. */
export function parseLimits(text: string): ReadonlyMap<string, LimitPair> {
  const limits = new Map<string, LimitPair>();
  for (const line of text.split("\n")) {
    const match = /^(Max [a-z ]+?) {2,}(unlimited|[0-9]{1,20}) +(unlimited|[0-9]{1,20})( |$)/.exec(line);
    const [, name, soft, hard] = match ?? [];
    if (name === undefined) continue;
    const value = (word: string | undefined): number => (word === UNLIMITED ? Number.POSITIVE_INFINITY : Number(word));
    limits.set(name, { soft: value(soft), hard: value(hard) });
  }
  return limits;
}
