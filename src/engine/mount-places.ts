/**
 * Mounts of a bundle with what only a look at the disk can tell: sources that are relative to the bundle, and destinations that a link of the root
 * filesystem leads elsewhere (an image's /etc/resolv.conf may point into a /run that is empty yet; other runtimes make what it points to).
 *
 * Trusts: the config. An attacker controls: the root filesystem. What is read from it is only taken for the name of another place in the container: the
 * plan resolves that name again, in the container's root, when it mounts.
 */
import { RESOLVE } from "../kernel/abi/constants.ts";
import { close, O, open, readLink } from "../kernel/file.ts";
import { openInRoot } from "../kernel/inroot.ts";
import { isBind, placeOf } from "../plan/mount-kind.ts";
import { components } from "../plan/target.ts";
import type { Mount } from "../spec/runtime-config.ts";

const ELOOP = -40;
/** As many as the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

/** Places where a link is an attack and not a detour: the plan follows none there. */
function isStrict(mount: Mount): boolean {
  return mount.type === "proc" || mount.type === "sysfs" || ["dev", "proc", "sys"].includes(placeOf(mount));
}

/** The target of the link `name` in the directory `path` of the root, or undefined for anything else. */
function linkIn(root: number, path: string, name: string): string | undefined {
  const directory = openInRoot(root, path === "" ? "." : path, O.PATH | O.DIRECTORY);
  if (directory < 0) return undefined;
  const target = readLink(name, directory);
  close(directory);
  return typeof target === "string" ? target : undefined;
}

/** `destination` with the links of the root taken out, up to where an earlier mount will lie; undefined if they go in circles. */
function resolvePlace(root: number, destination: string, earlier: ReadonlySet<string>): string | undefined {
  const pending = components(destination);
  const found: string[] = [];
  for (let links = 0; pending.length > 0 && !earlier.has(found.join("/"));) {
    const name = pending.shift() ?? "";
    if (name === "..") {
      found.pop();
      continue;
    }
    const target = linkIn(root, found.join("/"), name);
    if (target === undefined) {
      found.push(name);
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    if (target.startsWith("/")) found.length = 0;
    pending.unshift(...target.split("/").filter((part) => part !== "" && part !== "."));
  }
  return `/${components([...found, ...pending].join("/")).join("/")}`;
}

/** The mounts as the plan can make them. `rootfs` is an absolute path without links. */
export function settleMounts(mounts: readonly Mount[], bundle: string, rootfs: string): Mount[] {
  const root = open(rootfs, O.PATH | O.DIRECTORY);
  const earlier = new Set<string>();
  const settled = mounts.map((mount): Mount => {
    const place = placeOf(mount);
    const covered = [...earlier].some((other) => place.startsWith(`${other}/`));
    let { destination } = mount;
    if (root >= 0 && place !== "" && !covered && !isStrict(mount)) {
      const fd = openInRoot(root, place, O.PATH, RESOLVE.NO_SYMLINKS);
      if (fd >= 0) close(fd);
      // Where a link leads is asked even if something is there now, for an earlier mount may hide it.
      if (fd === ELOOP) destination = resolvePlace(root, destination, earlier) ?? destination;
    }
    earlier.add(placeOf({ destination }));
    const relative = isBind(mount) && mount.source !== undefined && mount.source !== "" && !mount.source.startsWith("/");
    return { ...mount, destination, ...(relative ? { source: `${bundle}/${mount.source}` } : {}) };
  });
  if (root >= 0) close(root);
  return settled;
}
