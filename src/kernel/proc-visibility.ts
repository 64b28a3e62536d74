/** How much of /proc and /sys the caller can see, from its mount table. Pure. */
import type { Mount } from "./mountinfo.ts";

/** Directories below /proc that are empty for good; mounts on them hide nothing (proc_create_mount_point in the kernel's tree). */
const EMPTY_IN_PROC: readonly string[] = ["/sys/fs/binfmt_misc", "/fs/nfsd", "/openprom"];

/** The same below /sys (sysfs_create_mount_point in the kernel's tree). */
const EMPTY_IN_SYS: readonly string[] = [
  "/firmware/efi/efivars", "/fs/bpf", "/fs/cgroup", "/fs/fuse/connections", "/fs/pstore", "/fs/resctrl", "/fs/selinux", "/fs/smackfs", "/kernel/config", "/kernel/debug",
  "/kernel/security", "/kernel/tracing",
];

interface ProcVisibility {
  readonly visible: boolean;
  /** Mount points that hide a part of /proc, in the kernel's order. */
  readonly masks: readonly string[];
  readonly readOnly: boolean;
}

/**
 * Whether the mount namespace has a proc mount with nothing covered. The kernel refuses a fresh proc in a user namespace without one
 * (mnt_already_visible(), fs/namespace.c): what an engine masked could be seen through it.
 */
export function procVisibility(mounts: readonly Mount[]): ProcVisibility {
  return visibility(mounts, "proc", EMPTY_IN_PROC);
}

/** Whether a fresh sysfs is possible in a user namespace, by the same rule. A read-only one is enough for ours. */
export function isSysVisible(mounts: readonly Mount[]): boolean {
  return visibility(mounts, "sysfs", EMPTY_IN_SYS).visible;
}

function visibility(mounts: readonly Mount[], type: string, empty: readonly string[]): ProcVisibility {
  const seen = mounts.filter((mount) => mount.type === type && mount.root === "/").map((mount) => {
    const children = mounts.filter((child) => child.parent === mount.id && child.id !== mount.id);
    const masks = children.map((child) => child.mountPoint).filter((point) => !empty.includes(point.slice(mount.mountPoint.length)));
    return { visible: masks.length === 0, masks, readOnly: mount.options.includes("ro") };
  });
  return seen.find((s) => s.visible && !s.readOnly) ?? seen.find((s) => s.visible) ?? seen[0] ?? { visible: false, masks: [], readOnly: false };
}
