/** Which filesystems can be id-mapped, by table: asking the kernel needs a second process in a user namespace. Pure. */
import { compareKernel } from "./release.ts";
import type { KernelVersion } from "./release.ts";

/** First kernel with id-mapped mounts of a filesystem (mount_setattr(2); FS_ALLOW_IDMAP in fs/). */
export const IDMAP_SINCE: Readonly<Record<string, KernelVersion>> = {
  ext4: [5, 12], xfs: [5, 12], vfat: [5, 12], msdos: [5, 12], btrfs: [5, 15], ntfs3: [5, 15], f2fs: [5, 18], erofs: [5, 19], overlay: [5, 19],
  squashfs: [6, 2], tmpfs: [6, 3], ceph: [6, 7], hugetlbfs: [6, 9],
};

/** Whether a mount of this type can be id-mapped on this kernel; `false` also for one that only a distribution brought back, or that nobody has tried. */
export function isIdmappable(type: string, kernel: KernelVersion): boolean {
  const since = Object.hasOwn(IDMAP_SINCE, type) ? IDMAP_SINCE[type] : undefined;
  return since !== undefined && compareKernel(kernel, since) >= 0;
}
