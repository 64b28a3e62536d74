/** What the filesystems can do: id-mapped mounts, overlay, tmpfs attributes, options of proc. Pure: judges facts. */
import { E, callEvidence, releaseEvidence, textOf, versionVerdict } from "./feature-facts.ts";
import type { Feature, FeatureFacts, ProbeCall, Verdict } from "./feature-facts.ts";
import { mountsOf } from "./feature-mounts.ts";
import { IDMAP_SINCE } from "./idmap.ts";
import type { Mount } from "./mountinfo.ts";
import { isAtLeast } from "./release.ts";
import type { KernelVersion } from "./release.ts";

/** Filesystems that had no id-mapped mounts as of Linux 6.18. */
const IDMAP_NEVER: ReadonlySet<string> = new Set(["nfs", "nfs4", "cifs", "smb3", "9p", "proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "vboxsf"]);

/** The mount that `path` is on: the deepest mount point that is a prefix, the last mounted if several are equal. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    const prefix = mount.mountPoint === "/" ? "/" : `${mount.mountPoint}/`;
    if (path !== mount.mountPoint && !path.startsWith(prefix)) continue;
    if (best === undefined || mount.mountPoint.length >= best.mountPoint.length) best = mount;
  }
  return best;
}

/** Whether the filesystem `type` can be id-mapped on this kernel, by table: asking needs a second process in a user namespace. */
export function idmapVerdict(facts: FeatureFacts, path: string, type: string): Verdict {
  const evidence = [{ source: `/proc/self/mountinfo: ${path}`, value: type }, releaseEvidence(facts), { source: "table of filesystems", value: "not asked of the kernel" }];
  const since = Object.hasOwn(IDMAP_SINCE, type) ? IDMAP_SINCE[type] : undefined;
  const remedy = "Keep the root filesystem on ext4, xfs, btrfs or another filesystem with id-mapped mounts";
  if (since !== undefined) {
    if (isAtLeast(facts.release, since)) return { answer: "yes", evidence };
    return { answer: "unknown", reason: `${type} has it since Linux ${since.join(".")}; a distribution may have brought it back`, evidence };
  }
  if (IDMAP_NEVER.has(type)) return { answer: "no", reason: `${type} has no id-mapped mounts`, evidence, remedy };
  if (type === "fuse" || type.startsWith("fuse.") || type === "fuseblk" || type === "virtiofs") {
    if (isAtLeast(facts.release, [6, 12])) return { answer: "unknown", reason: "since Linux 6.12 it is the fuse server's choice", evidence };
    return { answer: "no", reason: "fuse has them since Linux 6.12", evidence, remedy };
  }
  return { answer: "unknown", reason: "this filesystem is not in pidbox's table", evidence };
}

function idmapFeature(facts: FeatureFacts, path: string): Feature {
  // Only root maps a range of ids onto files; rootless the files stay the caller's own.
  const need = facts.effectiveUid === 0 ? "main" : "information";
  const head = { name: `idmapped-mount:${path}`, title: `id-mapped mounts of ${path}`, minimumKernel: "5.12", need, why: "files of root are root's inside and nobody's outside" } as const;
  const table = mountsOf(facts);
  if ("unknown" in table) return { ...head, ...table.unknown };
  const mount = mountOf(table.mounts, path);
  if (mount === undefined) return { ...head, answer: "unknown", reason: "no mount holds this path", evidence: [{ source: "/proc/self/mountinfo", value: "no match" }] };
  return { ...head, ...idmapVerdict(facts, path, mount.type) };
}

// /proc/filesystems lists what is built in or loaded; a module is loaded by the mount itself, which a probe must not do.
function overlay(facts: FeatureFacts): Verdict {
  const source = "/proc/filesystems";
  const text = textOf(facts, source);
  if (text === undefined) return { answer: "unknown", evidence: [{ source, value: "unreadable" }] };
  const listed = text.split("\n").some((line) => line.split("\t").at(-1) === "overlay");
  const evidence = [{ source, value: listed ? "overlay" : "overlay is not listed" }];
  if (!listed) return { answer: "unknown", reason: "not loaded; the kernel loads a module for it on the first mount, if there is one", evidence, remedy: "sudo modprobe overlay" };
  const verdict = versionVerdict(facts, [5, 11]);
  return { ...verdict, evidence: [...evidence, ...verdict.evidence] };
}

// fsconfig parses the option without making a superblock; without CAP_SYS_ADMIN only the version can tell.
function procOption(facts: FeatureFacts, call: ProbeCall, since: KernelVersion): Verdict {
  const result = facts.calls[call];
  const evidence = [callEvidence(facts, call)];
  if (result === 0) return { answer: "yes", evidence };
  if (result === E.INVAL) return { answer: "no", reason: `fsconfig refused the option; it came with Linux ${since.join(".")}`, evidence };
  const verdict = versionVerdict(facts, since);
  return { ...verdict, evidence: [...evidence, ...verdict.evidence] };
}

function userXattr(facts: FeatureFacts): Verdict {
  const result = facts.calls["memfd-user-xattr"];
  const evidence = [callEvidence(facts, "memfd-user-xattr"), releaseEvidence(facts)];
  if (result === 0) return { answer: "yes", evidence };
  if (result === E.OPNOTSUPP) {
    const reason = "tmpfs has user.* attributes since Linux 6.6 with CONFIG_TMPFS_XATTR; a container that is not root's cannot remove or replace directories of its root filesystem (EIO)";
    return { answer: "no", reason, evidence };
  }
  return { answer: "unknown", evidence };
}

/** The filesystem group. */
export function filesystemFeatures(facts: FeatureFacts): Feature[] {
  return [
    { name: "overlay", title: "overlay in a user namespace", minimumKernel: "5.11", need: "layer", why: "a copy-on-write view of the root filesystem", ...overlay(facts) },
    { name: "overlay-idmapped", title: "overlay over id-mapped layers", minimumKernel: "5.19", need: "layer", why: "copy-on-write and id maps together", ...versionVerdict(facts, [5, 19]) },
    { name: "tmpfs-user-xattr", title: "user attributes on tmpfs", minimumKernel: "6.6", need: "layer", why: "overlay in a user namespace marks deleted files with them", ...userXattr(facts) },
    { name: "proc-subset", title: "proc with subset=pid", minimumKernel: "5.8", need: "layer", why: "/proc without the host's system files", ...procOption(facts, "proc-subset", [5, 8]) },
    { name: "proc-hidepid", title: "proc with hidepid= of its own", minimumKernel: "5.8", need: "layer", why: "users of a container do not see each other", ...procOption(facts, "proc-hidepid", [5, 8]) },
    { name: "proc-pidns", title: "proc with pidns=", minimumKernel: "6.18", need: "information", why: "verify looks into a PID namespace from outside", ...procOption(facts, "proc-pidns", [6, 18]) },
    ...facts.idmapPaths.map((path) => idmapFeature(facts, path)),
  ];
}
