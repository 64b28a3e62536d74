/**
 * What the feature probes saw, as plain data, and the form of their answers. Pure.
 *
 * feature-probe.ts fills the facts from the running kernel; the feature-*.ts decisions read nothing else, so a captured host is a test.
 */
import { errnoName } from "./abi/errno.ts";
import type { KernelRelease, KernelVersion } from "./release.ts";
import { isAtLeast } from "./release.ts";

export type FeatureAnswer = "yes" | "no" | "unknown";

/**
 * How much hangs on a feature: `main` - neither `do` nor `run` starts without it; `layer` - one layer of the wall is missing or weaker;
 * `information` - it explains other answers and is neither good nor bad by itself.
 */
export type FeatureNeed = "main" | "layer" | "information";

/** One thing that was asked and what came back: `source` is a path or a call, `value` text from the kernel (not yet printable) or an errno's name. */
export interface FeatureEvidence {
  readonly source: string;
  readonly value: string;
}

export interface Feature {
  /** Stable, kebab-case; what an error's `context.feature` names. */
  readonly name: string;
  readonly title: string;
  /** First kernel that has it, such as `5.6`; absent for what is not a matter of version. */
  readonly minimumKernel?: string;
  readonly need: FeatureNeed;
  /** What pidbox uses it for. */
  readonly why: string;
  readonly answer: FeatureAnswer;
  /** Why the answer is what it is, where the evidence alone does not say it. */
  readonly reason?: string;
  readonly evidence: readonly FeatureEvidence[];
  /** The command or text that mends it. */
  readonly remedy?: string;
}

/** Calls that feature-calls.ts makes; each value is what the kernel returned, a negative errno included. */
export const PROBE_CALLS = [
  "openat2", "mount_setattr", "open_tree", "fsopen", "fsconfig", "close_range", "clone3", "clone3-into-cgroup", "clone3-new-user", "pidfd_open",
  "pidfd-get-info", "mount", "umount2", "unshare", "setns", "landlock", "memfd", "memfd-seal", "memfd-seal-exec", "memfd-user-xattr",
  "proc-subset", "proc-hidepid", "proc-pidns", "seccomp-filter", "seccomp-notify", "seccomp-wait-killable", "core-scheduling",
] as const;
export type ProbeCall = (typeof PROBE_CALLS)[number];

/** Files read whole; `-errno` where that failed. */
export const PROBE_FILES = [
  "/proc/self/status", "/proc/self/mountinfo", "/proc/self/cgroup", "/proc/self/uid_map", "/proc/filesystems", "/proc/self/attr/current",
  "/proc/self/attr/apparmor/current", "/proc/sys/user/max_user_namespaces", "/proc/sys/kernel/unprivileged_userns_clone",
  "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "/proc/sys/kernel/seccomp/actions_avail", "/proc/sys/vm/memfd_noexec",
  "/proc/sys/kernel/yama/ptrace_scope", "/proc/sys/dev/tty/legacy_tiocsti", "/sys/kernel/security/lsm",
  "/sys/module/apparmor/parameters/enabled", "/sys/fs/selinux/enforce", "/etc/subuid", "/etc/subgid", "/etc/passwd", "/run/systemd/container",
] as const;
export type ProbeFile = (typeof PROBE_FILES)[number];

/** Paths of which only the presence counts: 0 or -errno of stat. */
export const PROBE_PATHS = [
  "/proc/self/ns/time", "/proc/self/ns/user", "/proc/self/ns/cgroup", "/.dockerenv", "/run/.containerenv", "/run/systemd/system",
] as const;
export type ProbePath = (typeof PROBE_PATHS)[number];

/** Namespaces whose initial inode number is the same on every kernel (PROC_*_INIT_INO, include/linux/proc_ns.h). */
export const PROBE_NAMESPACES = ["pid", "user", "uts", "ipc"] as const;
export type ProbeNamespace = (typeof PROBE_NAMESPACES)[number];

/** One place where a cgroup controller of this process lives. */
export interface CgroupPlace {
  readonly version: 1 | 2;
  /** Directory under which pidbox would make its own: the hierarchy's root for root, the process's own cgroup for others. */
  readonly directory: string;
  /** v1: the controllers of the mount; v2: what cgroup.controllers says, or -errno. */
  readonly controllers: readonly string[] | number;
  /** 0 or -errno of access(2) for writing to the directory and to its cgroup.procs. */
  readonly writable: number;
  /** v2: 0 or -errno of looking for cgroup.kill in a cgroup that is not the root; undefined if there is none to look at. */
  readonly kill?: number;
}

/** newuidmap or newgidmap as found in the caller's PATH. */
export interface IdMapProgram {
  readonly path: string;
  readonly setuid: boolean;
  /** It has a security.capability attribute, as distributions ship it that avoid setuid. */
  readonly fileCapabilities: boolean;
}

export interface FeatureFacts {
  readonly release: KernelRelease;
  readonly effectiveUid: number;
  /** Path of the pidbox binary, for the AppArmor profile that may be needed. */
  readonly executable: string;
  readonly calls: Readonly<Record<ProbeCall, number>>;
  readonly files: Readonly<Record<ProbeFile, string | number>>;
  readonly paths: Readonly<Record<ProbePath, number>>;
  /** Targets of /proc/self/ns/NAME, such as `pid:[4026531836]`, or -errno. */
  readonly namespaces: Readonly<Record<ProbeNamespace, string | number>>;
  /** LSM ids of lsm_list_modules(2) (6.8), or -errno. */
  readonly lsmIds: readonly number[] | number;
  readonly cgroups: readonly CgroupPlace[];
  readonly newuidmap: IdMapProgram | undefined;
  readonly newgidmap: IdMapProgram | undefined;
  /** File name to text under /sys/devices/system/cpu/vulnerabilities, or -errno. */
  readonly vulnerabilities: Readonly<Record<string, string>> | number;
  /** Paths whose filesystems pidbox would idmap. */
  readonly idmapPaths: readonly string[];
}

/** The results that the decisions compare with: `-errno`. */
export const E = { PERM: -1, NOENT: -2, BADF: -9, ACCES: -13, FAULT: -14, NODEV: -19, INVAL: -22, NOSPC: -28, NOSYS: -38, USERS: -87, OPNOTSUPP: -95 } as const;

/** A result or `-errno` as words: `EPERM`, or the number itself. */
export function resultText(result: number): string {
  return result < 0 ? errnoName(result) : String(result);
}

/** `text` as one word of a POSIX shell, for commands that people paste; control characters are left to `printable`. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A file's fact as evidence: its first line, or the errno's name. */
export function fileEvidence(facts: FeatureFacts, file: ProbeFile): FeatureEvidence {
  const found = facts.files[file];
  return { source: file, value: typeof found === "number" ? resultText(found) : (found.split("\n")[0] ?? "").slice(0, 200) };
}

export function callEvidence(facts: FeatureFacts, call: ProbeCall): FeatureEvidence {
  return { source: `${call}()`, value: resultText(facts.calls[call]) };
}

export function releaseEvidence(facts: FeatureFacts): FeatureEvidence {
  return { source: "uname -r", value: facts.release.text };
}

/** The trimmed text of a file, or undefined if it could not be read. */
export function textOf(facts: FeatureFacts, file: ProbeFile): string | undefined {
  const found = facts.files[file];
  return typeof found === "number" ? undefined : found.replaceAll("\0", "").trim();
}

/** The value of a `Name:\tvalue` line of /proc/self/status. */
export function statusField(facts: FeatureFacts, name: string): string | undefined {
  const line = textOf(facts, "/proc/self/status")?.split("\n").find((l) => l.startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim();
}

/** Whether a seccomp filter is on the caller: a refusal may then be the filter's and not the kernel's. */
export function isFiltered(facts: FeatureFacts): boolean {
  return statusField(facts, "Seccomp") === "2";
}

/** Whether the caller has capability number `bit` in its effective set. */
export function hasCapability(facts: FeatureFacts, bit: number): boolean {
  const set = statusField(facts, "CapEff");
  return set !== undefined && /^[0-9a-f]{1,16}$/.test(set) && ((BigInt(`0x${set}`) >> BigInt(bit)) & 1n) === 1n;
}

/** The rest of a feature beside what is constant about it. */
export interface Verdict {
  readonly answer: FeatureAnswer;
  readonly reason?: string;
  readonly evidence: readonly FeatureEvidence[];
  readonly remedy?: string;
}

/**
 * The verdict on a call that was made so that it cannot do anything: any of `expected` (or success) proves that the kernel has it.
 * ENOSYS is "no" whatever the version says; EPERM and EACCES are the filter's "no" if there is one, and else not conclusive.
 */
export function callVerdict(facts: FeatureFacts, call: ProbeCall, minimum: KernelVersion, expected: readonly number[]): Verdict {
  const result = facts.calls[call];
  const evidence = [callEvidence(facts, call)];
  if (result >= 0 || expected.includes(result)) return { answer: "yes", evidence };
  const filtered = isFiltered(facts);
  const why = filtered ? { remedy: "Run pidbox outside this container, or with a seccomp profile that allows the call" } : {};
  if (result === E.NOSYS) {
    if (!isAtLeast(facts.release, minimum)) return { answer: "no", reason: `it came with Linux ${minimum.join(".")}`, evidence: [...evidence, releaseEvidence(facts)] };
    return { answer: "no", reason: filtered ? "the seccomp filter on this process hides it" : "this kernel is new enough but does not have it", evidence, ...why };
  }
  if ((result === E.PERM || result === E.ACCES) && filtered) return { answer: "no", reason: "the seccomp filter on this process refuses it", evidence, ...why };
  return { answer: "unknown", reason: "the result says nothing about the feature", evidence };
}

/** The verdict where nothing can be asked: by the version that brought it. An older kernel may have a backport, so it is "unknown" and not "no". */
export function versionVerdict(facts: FeatureFacts, minimum: KernelVersion): Verdict {
  const evidence = [releaseEvidence(facts)];
  if (isAtLeast(facts.release, minimum)) return { answer: "yes", reason: `told from the version: Linux ${minimum.join(".")} brought it`, evidence };
  return { answer: "unknown", reason: `Linux ${minimum.join(".")} brought it; a distribution may have brought it back to this kernel`, evidence };
}
