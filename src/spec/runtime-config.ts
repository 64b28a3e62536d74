/**
 * The Linux part of an OCI runtime-spec 1.3.0 config.json, with the specification's own names.
 *
 * A `Config` comes from `parseConfig` of spec/validate.ts or is built from flags; in both cases every value obeys the clauses that validate.ts checks.
 * Fields that are absent mean what the specification says of absence, which is not always the zero value (`pids.limit`, `oomScoreAdj`, `umask`).
 * Properties of other platforms (windows, solaris, vm, zos, freebsd) are unknown properties here and are ignored (config.md, Extensibility).
 */

/** A 64-bit integer: a number when it is a safe integer, else a bigint; `18446744073709551615` (RLIM_INFINITY) is common. Compare with `<`, print with `String`. */
export type Integer64 = number | bigint;

export interface Config {
  /** SemVer; any 1.x is accepted. */
  readonly ociVersion: string;
  readonly process?: Process;
  readonly root?: Root;
  readonly hostname?: string;
  readonly domainname?: string;
  /** Mounted in this order. */
  readonly mounts?: readonly Mount[];
  readonly hooks?: Hooks;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux?: Linux;
}

export interface Process {
  readonly terminal?: boolean;
  /** Ignored unless `terminal`. Characters. */
  readonly consoleSize?: { readonly height: number; readonly width: number };
  /** Absent: root. */
  readonly user?: User;
  readonly args?: readonly string[];
  /** `NAME=VALUE` each. */
  readonly env?: readonly string[];
  /** Absolute path in the container. */
  readonly cwd: string;
  readonly capabilities?: Capabilities;
  readonly rlimits?: readonly Rlimit[];
  readonly noNewPrivileges?: boolean;
  readonly apparmorProfile?: string;
  /** -1000 to 1000; absent: leave the value that the runtime has. */
  readonly oomScoreAdj?: number;
  readonly selinuxLabel?: string;
  readonly scheduler?: Scheduler;
  readonly ioPriority?: IoPriority;
  /** CPU lists such as `0-3,7` for exec'd processes only, not for the init. */
  readonly execCPUAffinity?: { readonly initial?: string; readonly final?: string };
}

export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Absent: inherit the runtime's. */
  readonly umask?: number;
  readonly additionalGids?: readonly number[];
}

/** Absent set: the empty set. Names with the CAP_ prefix. */
export interface Capabilities {
  readonly bounding?: readonly string[];
  readonly effective?: readonly string[];
  readonly inheritable?: readonly string[];
  readonly permitted?: readonly string[];
  readonly ambient?: readonly string[];
}

export type RlimitType =
  | "RLIMIT_AS" | "RLIMIT_CORE" | "RLIMIT_CPU" | "RLIMIT_DATA" | "RLIMIT_FSIZE" | "RLIMIT_LOCKS" | "RLIMIT_MEMLOCK" | "RLIMIT_MSGQUEUE"
  | "RLIMIT_NICE" | "RLIMIT_NOFILE" | "RLIMIT_NPROC" | "RLIMIT_RSS" | "RLIMIT_RTPRIO" | "RLIMIT_RTTIME" | "RLIMIT_SIGPENDING" | "RLIMIT_STACK";

export interface Rlimit {
  readonly type: RlimitType;
  readonly soft: Integer64;
  readonly hard: Integer64;
}

/** sched_setattr(2). */
export interface Scheduler {
  readonly policy: "SCHED_OTHER" | "SCHED_FIFO" | "SCHED_RR" | "SCHED_BATCH" | "SCHED_ISO" | "SCHED_IDLE" | "SCHED_DEADLINE";
  readonly nice?: number;
  readonly priority?: number;
  readonly flags?: readonly SchedulerFlag[];
  /** Nanoseconds, SCHED_DEADLINE only, as are `deadline` and `period`. */
  readonly runtime?: Integer64;
  readonly deadline?: Integer64;
  readonly period?: Integer64;
}

export type SchedulerFlag =
  | "SCHED_FLAG_RESET_ON_FORK" | "SCHED_FLAG_RECLAIM" | "SCHED_FLAG_DL_OVERRUN" | "SCHED_FLAG_KEEP_POLICY" | "SCHED_FLAG_KEEP_PARAMS"
  | "SCHED_FLAG_UTIL_CLAMP_MIN" | "SCHED_FLAG_UTIL_CLAMP_MAX";

/** ioprio_set(2); priority 0 (highest) to 7, absent: 0. */
export interface IoPriority {
  readonly class: "IOPRIO_CLASS_RT" | "IOPRIO_CLASS_BE" | "IOPRIO_CLASS_IDLE";
  readonly priority?: number;
}

export interface Root {
  /** Absolute, or relative to the bundle. */
  readonly path: string;
  readonly readonly?: boolean;
}

export interface Mount {
  /** Absolute, or (deprecated) relative to "/" of the container. */
  readonly destination: string;
  /** A dummy for bind mounts: `options` with bind or rbind decides. */
  readonly type?: string;
  readonly source?: string;
  /** See spec/mount-options.ts. */
  readonly options?: readonly string[];
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
}

export interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  /** Number of ids, at least 1. */
  readonly size: number;
}

export interface Hook {
  /** Absolute path: on the host, for startContainer in the container. */
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds, greater than zero. */
  readonly timeout?: number;
}

export interface Hooks {
  /** Deprecated; run before createRuntime. */
  readonly prestart?: readonly Hook[];
  readonly createRuntime?: readonly Hook[];
  readonly createContainer?: readonly Hook[];
  readonly startContainer?: readonly Hook[];
  readonly poststart?: readonly Hook[];
  readonly poststop?: readonly Hook[];
}

export interface Linux {
  /** Absent types are inherited from the runtime. */
  readonly namespaces?: readonly LinuxNamespace[];
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
  /** Keys are clock names. */
  readonly timeOffsets?: { readonly monotonic?: TimeOffset; readonly boottime?: TimeOffset };
  readonly devices?: readonly LinuxDevice[];
  /** Keys are interface names in the runtime's network namespace. */
  readonly netDevices?: Readonly<Record<string, LinuxNetDevice>>;
  /** `/a` is below the cgroup mount, `a` where the runtime chooses, `slice:prefix:name` for the systemd driver. */
  readonly cgroupsPath?: string;
  readonly resources?: LinuxResources;
  readonly intelRdt?: LinuxIntelRdt;
  readonly memoryPolicy?: LinuxMemoryPolicy;
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly seccomp?: LinuxSeccomp;
  readonly rootfsPropagation?: RootfsPropagation;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly mountLabel?: string;
  readonly personality?: LinuxPersonality;
}

/** The specification has the four plain words; runc and docker also write the recursive ones. */
export type RootfsPropagation = "private" | "shared" | "slave" | "unbindable" | "rprivate" | "rshared" | "rslave" | "runbindable";

export type LinuxNamespaceType = "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup" | "time";

export interface LinuxNamespace {
  readonly type: LinuxNamespaceType;
  /** Absolute path of a namespace to join; absent: create a new one. */
  readonly path?: string;
}

export interface TimeOffset {
  readonly secs?: number;
  /** 0 to 999999999. */
  readonly nanosecs?: number;
}

export interface LinuxDevice {
  /** Character (c, u), block (b) or FIFO (p). */
  readonly type: "c" | "b" | "u" | "p";
  readonly path: string;
  /** Absent only for type p. */
  readonly major?: number;
  readonly minor?: number;
  /** Permission bits; a decimal number in JSON. */
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface LinuxNetDevice {
  /** Name in the container; may hold `%d`; absent: keep the name. */
  readonly name?: string;
}

export interface LinuxResources {
  readonly devices?: readonly DeviceRule[];
  readonly memory?: MemoryLimits;
  readonly cpu?: CpuLimits;
  readonly pids?: { readonly limit?: number };
  readonly blockIO?: BlockIo;
  readonly hugepageLimits?: readonly HugepageLimit[];
  readonly network?: { readonly classID?: number; readonly priorities?: readonly { readonly name: string; readonly priority: number }[] };
  /** Keys are device names. */
  readonly rdma?: Readonly<Record<string, { readonly hcaHandles?: number; readonly hcaObjects?: number }>>;
  /** cgroup v2 file name to content. */
  readonly unified?: Readonly<Record<string, string>>;
}

export interface DeviceRule {
  readonly allow: boolean;
  /** Absent: a. */
  readonly type?: "a" | "c" | "b";
  /** Absent or -1: all. */
  readonly major?: number;
  readonly minor?: number;
  /** Some of r, w, m; absent: all of them. */
  readonly access?: string;
}

/** Bytes; -1 is unlimited. `swap` is memory and swap together. */
export interface MemoryLimits {
  readonly limit?: Integer64;
  readonly reservation?: Integer64;
  readonly swap?: Integer64;
  readonly kernel?: Integer64;
  readonly kernelTCP?: Integer64;
  /** 0 to 100. */
  readonly swappiness?: number;
  readonly disableOOMKiller?: boolean;
  readonly useHierarchy?: boolean;
  readonly checkBeforeUpdate?: boolean;
}

/** Periods, quotas and bursts are microseconds. */
export interface CpuLimits {
  readonly shares?: number;
  /** Negative: unlimited. */
  readonly quota?: number;
  readonly burst?: number;
  readonly period?: number;
  readonly realtimeRuntime?: number;
  readonly realtimePeriod?: number;
  /** CPU list such as `0-3,7`. */
  readonly cpus?: string;
  readonly mems?: string;
  readonly idle?: number;
}

export interface BlockIo {
  readonly weight?: number;
  readonly leafWeight?: number;
  readonly weightDevice?: readonly { readonly major: number; readonly minor: number; readonly weight?: number; readonly leafWeight?: number }[];
  /** Bytes per second. */
  readonly throttleReadBpsDevice?: readonly ThrottleDevice[];
  readonly throttleWriteBpsDevice?: readonly ThrottleDevice[];
  /** Operations per second. */
  readonly throttleReadIOPSDevice?: readonly ThrottleDevice[];
  readonly throttleWriteIOPSDevice?: readonly ThrottleDevice[];
}

export interface ThrottleDevice {
  readonly major: number;
  readonly minor: number;
  readonly rate: Integer64;
}

export interface HugepageLimit {
  /** Such as 64KB, 2MB, 1GB. */
  readonly pageSize: string;
  /** Bytes. */
  readonly limit: Integer64;
}

export interface LinuxIntelRdt {
  readonly closID?: string;
  readonly schemata?: readonly string[];
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
  readonly enableMonitoring?: boolean;
}

/** set_mempolicy(2). */
export interface LinuxMemoryPolicy {
  readonly mode:
    | "MPOL_DEFAULT" | "MPOL_BIND" | "MPOL_INTERLEAVE" | "MPOL_WEIGHTED_INTERLEAVE" | "MPOL_PREFERRED" | "MPOL_PREFERRED_MANY" | "MPOL_LOCAL";
  /** Node list such as `0-3`. */
  readonly nodes?: string;
  readonly flags?: readonly ("MPOL_F_NUMA_BALANCING" | "MPOL_F_RELATIVE_NODES" | "MPOL_F_STATIC_NODES")[];
}

export interface LinuxPersonality {
  readonly domain: "LINUX" | "LINUX32";
  /** The specification allows none yet. */
  readonly flags?: readonly string[];
}

export interface LinuxSeccomp {
  readonly defaultAction: SeccompAction;
  /** Absent: EPERM for SCMP_ACT_ERRNO and SCMP_ACT_TRACE. */
  readonly defaultErrnoRet?: number;
  /** Absent: the native one. */
  readonly architectures?: readonly SeccompArchitecture[];
  readonly flags?: readonly SeccompFlag[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly SeccompSyscall[];
}

export interface SeccompSyscall {
  readonly names: readonly string[];
  readonly action: SeccompAction;
  readonly errnoRet?: number;
  /** All must hold. */
  readonly args?: readonly SeccompArg[];
}

export interface SeccompArg {
  /** 0 to 5. */
  readonly index: number;
  readonly value: Integer64;
  /** For SCMP_CMP_MASKED_EQ: `value` is the mask and this is what the masked argument must equal. Absent: 0. */
  readonly valueTwo?: Integer64;
  readonly op: SeccompOperator;
}

export type SeccompAction =
  | "SCMP_ACT_KILL" | "SCMP_ACT_KILL_PROCESS" | "SCMP_ACT_KILL_THREAD" | "SCMP_ACT_TRAP" | "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE" | "SCMP_ACT_ALLOW"
  | "SCMP_ACT_LOG" | "SCMP_ACT_NOTIFY";

export type SeccompOperator =
  | "SCMP_CMP_NE" | "SCMP_CMP_LT" | "SCMP_CMP_LE" | "SCMP_CMP_EQ" | "SCMP_CMP_GE" | "SCMP_CMP_GT" | "SCMP_CMP_MASKED_EQ";

export type SeccompFlag =
  | "SECCOMP_FILTER_FLAG_TSYNC" | "SECCOMP_FILTER_FLAG_LOG" | "SECCOMP_FILTER_FLAG_SPEC_ALLOW" | "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";

export type SeccompArchitecture =
  | "SCMP_ARCH_X86" | "SCMP_ARCH_X86_64" | "SCMP_ARCH_X32" | "SCMP_ARCH_ARM" | "SCMP_ARCH_AARCH64" | "SCMP_ARCH_LOONGARCH64" | "SCMP_ARCH_M68K"
  | "SCMP_ARCH_MIPS" | "SCMP_ARCH_MIPS64" | "SCMP_ARCH_MIPS64N32" | "SCMP_ARCH_MIPSEL" | "SCMP_ARCH_MIPSEL64" | "SCMP_ARCH_MIPSEL64N32"
  | "SCMP_ARCH_PPC" | "SCMP_ARCH_PPC64" | "SCMP_ARCH_PPC64LE" | "SCMP_ARCH_S390" | "SCMP_ARCH_S390X" | "SCMP_ARCH_SH" | "SCMP_ARCH_SHEB"
  | "SCMP_ARCH_PARISC" | "SCMP_ARCH_PARISC64" | "SCMP_ARCH_RISCV64";
