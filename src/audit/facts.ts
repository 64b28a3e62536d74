/**
 * Everything that checks may look at, as plain data: a function of these facts gives the same results on another machine. Pure.
 *
 * A negative number in the place of a value is -errno: the kernel did not tell, which is never the same as nothing being there.
 */
import type { Container } from "../engine/discover.ts";
import type { CgroupFiles, PathFacts, TaskFacts } from "../engine/posture.ts";
import type { CgroupLayout } from "../kernel/cgroup.ts";
import type { Mount } from "../kernel/mountinfo.ts";
import type { KernelObject } from "../kernel/object.ts";
import type { IdRange, NamespaceInodes } from "../kernel/namespaces.ts";
import type { ProcessStat } from "../kernel/process-status.ts";
import type { BindFacts } from "./facts-binds.ts";
import type { DeviceFacts } from "./facts-devices.ts";
import type { HandleFacts } from "./facts-handles.ts";
import type { SetuidFacts } from "./facts-setuid.ts";
import type { EngineSocket } from "./facts-sockets.ts";

/** What is read once per process, beside what each of its threads has. */
export interface ProcessFacts {
  readonly pid: number;
  readonly stat: ProcessStat | number;
  /** At most 4 KiB; whatever the process wrote there. */
  readonly command: readonly string[];
  /** Target of the exe link; ` (deleted)` stays. */
  readonly program: string | number;
  /** What that link leads to. */
  readonly executable: KernelObject | number;
  /** Names of environment variables as they were at exec, without values: those may be secrets. */
  readonly variables: readonly string[] | number;
}

/** The mode and owner of a path of the host, links followed. */
export interface HostPath {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: { readonly major: number; readonly minor: number };
}

export interface HostFacts {
  /** Namespaces that count as the host's. */
  readonly namespaces: NamespaceInodes;
  /** uname -r. */
  readonly release: string;
  readonly hostname: string;
  /** Bits of capabilities that this kernel has: /proc/sys/kernel/cap_last_cap. */
  readonly lastCapability: number;
  readonly mounts: readonly Mount[] | number;
  readonly layout: CgroupLayout;
  /** Text of the files that checks name, without the last newline, or -errno. */
  readonly files: ReadonlyMap<string, string | number>;
  readonly paths: ReadonlyMap<string, HostPath | number>;
  /** Names in the directories that checks name. */
  readonly directories: ReadonlyMap<string, readonly string[] | number>;
  /** Id of the kernel's own mount that memfds are on, or -errno. */
  readonly memfdMount: number;
  /** Sockets on which engines answer. */
  readonly engineSockets: readonly EngineSocket[] | number;
}

export interface ContainerFacts {
  readonly container: Container;
  /** The container's first process and thread; undefined: it ended while it was read. */
  readonly first: TaskFacts | undefined;
  /** Every thread of every process, the first process first. */
  readonly tasks: readonly TaskFacts[];
  readonly processes: readonly ProcessFacts[];
  /** Threads of which the kernel tells nothing, with the reason. */
  readonly unreadable: readonly { readonly pid: number; readonly errno: number }[];
  /** Ended while they were read. */
  readonly vanished: number;
  readonly uidMap: readonly IdRange[] | number;
  readonly gidMap: readonly IdRange[] | number;
  /** Mount table of the first process. */
  readonly mounts: readonly Mount[] | number;
  /** What the paths that checks name lead to in the container. */
  readonly paths: ReadonlyMap<string, PathFacts>;
  /** PID namespace that each procfs in the container shows, by mount point. */
  readonly procfs: ReadonlyMap<string, number>;
  /** The cgroup of the first process in each hierarchy, as a directory of the host, by v1 controller or `unified`. */
  readonly cgroups: ReadonlyMap<string, string>;
  /** Files of these cgroups and of all above them, by path. */
  readonly cgroupFiles: CgroupFiles;
  readonly devices: DeviceFacts;
  readonly binds: BindFacts;
  readonly handles: HandleFacts;
  readonly setuid: SetuidFacts;
}

export interface AuditFacts {
  /** Milliseconds since the epoch. */
  readonly taken: number;
  readonly version: string;
  readonly host: HostFacts;
  readonly containers: readonly ContainerFacts[];
  /** Why the picture may be incomplete, as sentences. */
  readonly limits: readonly string[];
}
