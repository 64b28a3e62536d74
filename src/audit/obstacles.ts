/** What keeps the processes of a container from a file of the kernel that is mounted writable. Pure. */
import type { TaskFacts } from "../engine/posture.ts";
import type { Answer, Evidence } from "../report/finding.ts";
import { blocked, evidenceOf, finding, pass, type Reads, saw, unknown } from "./check.ts";
import { mountsOf } from "./binds.ts";
import { taskFile } from "./each-task.ts";
import type { AuditFacts, ContainerFacts } from "./facts.ts";
import { isReadOnly, mountText, placesOf } from "./mount-tree.ts";

const SELINUX_ENFORCE = "/sys/fs/selinux/enforce";
/** What a check that asks for obstacles has to read. */
export const OBSTACLE_READS: Reads = { files: [SELINUX_ENFORCE] };

/** Profiles that deny writing to /proc/sys, sysrq-trigger and the like, and mounting: dockerd's, containerd's, podman's, CRI-O's, LXC's and Incus's own. */
const PROFILES = /^(docker-default|cri-containerd\.apparmor\.d|containers-default-[0-9.]+|crio-default|lxc-container-default[a-z-]*|(lxd|incus|lxc)-[^ ]+)$/;
const ENFORCED = " (enforce)";
const SELINUX = /:(container_t|container_engine_t|svirt_lxc_net_t|container_kvm_t|container_init_t):/;

export const CAP_SYS_ADMIN = 21;

export function holds(task: TaskFacts, capability: number): boolean {
  return ((task.status.capabilities.effective >> BigInt(capability)) & 1n) !== 0n;
}

const ALL_IDS = 0xffff_ffff;

/** Whether ids are the host's as far as a map tells: one that could not be read does not say otherwise. */
function isIdentity(map: ContainerFacts["uidMap"]): boolean {
  return typeof map === "number" || map.some(({ inside, outside, count }) => inside === 0 && outside === 0 && count >= ALL_IDS);
}

/** Whether a thread has the host's user namespace. Where the kernel does not tell, only a map with other ids says that it has not. */
export function hasHostUsers(task: TaskFacts, container: ContainerFacts, { host }: AuditFacts): boolean {
  const { user } = task.namespaces;
  return user === undefined || host.namespaces.user === undefined ? isIdentity(container.uidMap) : user === host.namespaces.user;
}

/** The security module that keeps a thread from files of the kernel and from mounting, if its profile is a known one. */
export function confinement({ label }: TaskFacts, { host }: AuditFacts): "AppArmor" | "SELinux" | undefined {
  if (typeof label !== "string") return undefined;
  if (label.endsWith(ENFORCED) && PROFILES.test(label.slice(0, -ENFORCED.length))) return "AppArmor";
  return SELINUX.test(label) && host.files.get(SELINUX_ENFORCE) === "1" ? "SELinux" : undefined;
}

/** What keeps a thread from writing to files that are root's; undefined: nothing that is known. */
function taskObstacle(task: TaskFacts, container: ContainerFacts, facts: AuditFacts): string | undefined {
  if (!hasHostUsers(task, container, facts)) return "user namespace";
  return confinement(task, facts) ?? (task.status.uids.filesystem === 0 ? undefined : "file permissions");
}

export interface Obstacle {
  /** Undefined: one of the threads can. */
  readonly by: string | undefined;
  readonly evidence: Evidence;
}

/** What keeps every thread of a container from writing to files that are root's: of several, what keeps the first thread. */
export function writeObstacle(container: ContainerFacts, facts: AuditFacts): Obstacle {
  let first: Obstacle | undefined;
  for (const task of container.tasks) {
    const by = taskObstacle(task, container, facts);
    const { uids } = task.status;
    const labelled = by === "AppArmor" || by === "SELinux";
    const evidence = labelled ? evidenceOf(taskFile(task, "attr/current"), task.label) : saw(taskFile(task, "status Uid"), uids.filesystem);
    if (by === undefined) return { by, evidence };
    first ??= { by, evidence: by === "user namespace" ? saw(taskFile(task, "ns/user"), task.namespaces.user ?? 0) : evidence };
  }
  return first ?? { by: undefined, evidence: saw("threads", 0) };
}

/** Where a host has these filesystems. */
const MOUNTED: Readonly<Record<string, string>> = { proc: "/proc", sysfs: "/sys", binfmt_misc: "/proc/sys/fs/binfmt_misc" };
const hostPathOf = (type: string, name: string): string => `${MOUNTED[type] ?? ""}${name}`;
const ENOENT = -2;

/** What a check has to read that asks `judgeWritable` about these files. */
export function writableReads(files: Readonly<Record<string, readonly string[]>>): Reads {
  return { ...OBSTACLE_READS, paths: Object.entries(files).flatMap(([type, names]) => names.map((name) => hostPathOf(type, name))) };
}

/** Answers for files of root, from the root of their filesystem, that nobody in a container should be able to write to. */
export function judgeWritable(container: ContainerFacts, facts: AuditFacts, type: string, names: readonly string[]): Answer {
  const source = `/proc/${container.container.initPid ?? 0}/mountinfo`;
  if (typeof container.mounts === "number") return unknown("its mount table could not be read", evidenceOf(source, container.mounts));
  // What this kernel does not have is in no container either. A binfmt_misc of its own may be there without the host's.
  const there = names.filter((name) => type === "binfmt_misc" || facts.host.paths.get(hostPathOf(type, name)) !== ENOENT);
  const places = there.flatMap((name) => placesOf(mountsOf(container), type, name));
  const open = places.filter(({ mount }) => !isReadOnly(mount));
  const shown = (of: typeof places): Evidence[] => [...new Set(of.map(({ mount }) => mountText(mount)))].slice(0, 4).map((text) => saw(source, text));
  if (open.length === 0) return pass(places.length === 0 ? "covered or not there" : "read-only, covered or not there", ...shown(places));
  const text = `${open.slice(0, 3).map(({ path }) => path).join(", ")}${open.length > 3 ? ` and ${open.length - 3} more` : ""} can be written`;
  const obstacle = writeObstacle(container, facts);
  const evidence = [...shown(open), obstacle.evidence];
  return obstacle.by === undefined ? finding(text, ...evidence) : blocked(obstacle.by, `${text} as far as mounts go`, ...evidence);
}
