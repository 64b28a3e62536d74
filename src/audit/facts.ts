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
import type { Config } from "../spec/runtime-config.ts";
import type { CveData } from "./cve/data.ts";
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
  /** Cookie of core scheduling: 0 is none (PR_SCHED_CORE_GET, Linux 5.14). -EINVAL: this kernel has no core scheduling, or the CPU no siblings. */
  readonly coreCookie: bigint | number;
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

/**
 * Seccomp programs of the processes that stand for a container, each as the hexadecimal bytes of struct sock_filter[]; no sets where no thread has a filter.
 * `plan`: what pidbox loaded, as its state has it. `declared`: what the runtime was told to load, as the config.json of the container has it.
 */
export type FilterFacts =
  | { readonly from: "kernel" | "plan" | "declared"; readonly sets: readonly { readonly pid: number; readonly programs: readonly string[] }[] }
  | { readonly from: "nothing"; readonly why: string; readonly errno?: number };

/** How a kernel module is there: `loadable` where the kernel loads it by itself when something asks for its alias, `manual` where only root can. */
export type ModuleState = "built-in" | "loaded" | "loadable" | "manual" | "disabled" | "absent" | "unknown";

export interface KernelFacts {
  readonly machine: "x64" | "arm64";
  /** /proc/sys/kernel/version: `#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-3 (2026-05-30)`. */
  readonly build: string;
  /** ID and VERSION_CODENAME of os-release, empty where there are none. */
  readonly distribution: string;
  readonly codename: string;
  /** Modules that checks ask for, by name. */
  readonly modules: ReadonlyMap<string, ModuleState>;
  /** The whole configuration of the running kernel, `CONFIG_` names to values, those that are not set left out; or -errno. */
  readonly config: ReadonlyMap<string, string> | number;
  /** Active security modules in their order, or -errno. */
  readonly securityModules: readonly string[] | number;
  /** Live patches and whether they are enabled and still in transition. */
  readonly livepatches: readonly { readonly name: string; readonly enabled: boolean; readonly transition: boolean }[];
  /** CVEs that the changelog of the package that runs names as fixed; absent: there is no changelog, or it is that of another version. */
  readonly changelog?: readonly string[];
}

/** A package of dpkg. */
export interface PackageFacts {
  readonly name: string;
  readonly version: string;
  /** Source package, where it has another name or version. */
  readonly source: string;
}

/** A program of an engine on this host: one file, which processes may run. */
export interface ProgramFacts {
  /** Name of the program, such as `dockerd`. */
  readonly name: string;
  readonly path: string;
  /** PIDs of the host that run it, at most a hundred. */
  readonly pids: readonly number[];
  /** The file that they run is not there any more. */
  readonly deleted: boolean;
  /** As its build information or its text says; absent: not found. */
  readonly version?: string;
  readonly package?: PackageFacts;
}

/** A TCP socket of the host that listens. */
export interface ListenerFacts {
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  readonly program: string;
  /** Arguments of the process. */
  readonly command: readonly string[];
}

export interface EngineFacts {
  readonly programs: readonly ProgramFacts[];
  /** Listeners of engines; -errno: sockets of other users' processes cannot be told. */
  readonly listeners: readonly ListenerFacts[] | number;
  /** Arguments of the daemons that run, by program name. */
  readonly commands: ReadonlyMap<string, readonly string[]>;
}

export interface HostFacts {
  /** Names of the processes in the host's own PID namespace, each once. */
  readonly programs: readonly string[];
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
  readonly kernel: KernelFacts;
  readonly engines: EngineFacts;
}

/** A socket that waits for others. */
export interface SocketFacts {
  readonly protocol: "tcp" | "udp";
  /** `0.0.0.0` and `::` are all addresses. */
  readonly address: string;
  readonly port: number;
  readonly inode: number;
}

/** What a network namespace has, in the kernel's order. */
export interface NetworkFacts {
  readonly interfaces: readonly string[] | number;
  readonly routes: readonly { readonly interface: string; readonly gateway: string }[] | number;
  readonly listeners: readonly SocketFacts[] | number;
  /** Names of abstract Unix sockets, with `@` for NUL. */
  readonly abstractNames: readonly string[] | number;
  /** Lines of packet(7) sockets. */
  readonly packetSockets: readonly string[] | number;
}

/** What the engine's runtime was told to make. */
export interface DeclaredFacts {
  /** Path of config.json. */
  readonly source: string;
  readonly config: Config | number;
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
  /** That of the first process; containers that share one have the same. */
  readonly network: NetworkFacts | undefined;
  /** Undefined: nobody says where. */
  readonly declared: DeclaredFacts | undefined;
  /** The cgroup of the first process in each hierarchy, as a directory of the host, by v1 controller or `unified`. */
  readonly cgroups: ReadonlyMap<string, string>;
  /** Files of these cgroups and of all above them, by path. */
  readonly cgroupFiles: CgroupFiles;
  readonly devices: DeviceFacts;
  readonly binds: BindFacts;
  readonly handles: HandleFacts;
  readonly setuid: SetuidFacts;
  readonly filters: FilterFacts;
}

export interface AuditFacts {
  /** Milliseconds since the epoch. */
  readonly taken: number;
  readonly version: string;
  readonly host: HostFacts;
  readonly containers: readonly ContainerFacts[];
  /** Known vulnerabilities of kernels and engines, as of their date. */
  readonly cves: CveData;
  /** Why the picture may be incomplete, as sentences. */
  readonly limits: readonly string[];
}
