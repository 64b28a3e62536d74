/**
 * Stage: the root directory, and the pivot into it. After this no path of the host can be named any more.
 *
 * A staging tmpfs in memory is put over "/" of the new mount namespace; the root is built on it, becomes "/" by pivot_root(2), and the whole old
 * tree, staging included, is detached. Nothing is created on the host. Pure.
 */
import { AT, ERRNO, MNT_DETACH, OPEN } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR, MS } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { assertRoot } from "./assertions.ts";
import type { RootfsPropagation } from "../spec/runtime-config.ts";
import type { AssembledEntry, Rootfs } from "./blueprint.ts";
import { attach, attachAt, cloneTree, makeFilesystem, setAttributes } from "./filesystem.ts";
import { createsNamespace } from "./names.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import { isLaidOutside, layKeptOverlay, layOverlay, openLayer } from "./overlay.ts";
import { components, ensureTarget } from "./target.ts";

/** A host directory that was opened before the pivot and gets its place after it. */
interface OpenedEntry {
  readonly entry: AssembledEntry;
  readonly mount: number;
}

function openEntries(c: Compilation, rootfs: Rootfs): OpenedEntry[] {
  const { writer: w } = c;
  if (rootfs.kind !== "assembled") return [];
  return rootfs.entries.map((entry) => {
    if (entry.kind === "link") return { entry, mount: 0 };
    const mount = cloneTree(c, AT.FDCWD, w.text(entry.path), true);
    setAttributes(c, mount, MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV, { recursive: true, propagation: MS.PRIVATE });
    return { entry, mount };
  });
}

function placeEntries(c: Compilation, entries: readonly OpenedEntry[]): void {
  const { writer: w } = c;
  for (const { entry, mount } of entries) {
    if (entry.kind === "link") {
      w.call(SYSCALLS.symlinkat, w.text(entry.target), c.root, w.text(components(entry.path).join("/")));
      continue;
    }
    const target = ensureTarget(c, entry.path);
    attach(c, mount, target);
    w.close(mount, target);
  }
}

/** The root where it was attached, before the pivot. */
export interface AttachedRoot {
  /** The host's tree stays until all mounts are there: for hooks that look at them. */
  readonly early: boolean;
  /** It lies on a staging tmpfs over "/", and else at its own path of the host. */
  readonly staged: boolean;
  readonly entries: readonly OpenedEntry[];
}

/**
 * Container's ops: make the root and attach it; `c.root` leads to it. `lower` and `layer` are registers of what the supervisor prepared, if it did.
 * `early`: the pivot comes later, after the mounts.
 */
export function attachRootfs(c: Compilation, lower: number | undefined, layer: number | undefined, early: boolean): AttachedRoot {
  const { writer: w, blueprint: { rootfs } } = c;
  w.from("/root");
  // In the host's user namespace a copied tree still has the host's peers: what is attached to it would be attached there (mount_namespaces(7)).
  if (!createsNamespace(c.blueprint, "user")) setAttributes(c, AT.FDCWD, 0, { path: "/", propagation: MS.SLAVE, recursive: true });
  const entries = openEntries(c, rootfs);
  // Copied before the staging lies over "/": the source may be "/" itself.
  const source = rootfs.kind === "assembled" ? 0 : (lower ?? cloneTree(c, AT.FDCWD, w.text(rootfs.source), true));
  const attributes = c.blueprint.runtime === undefined ? MOUNT_ATTR.NODEV : 0;
  const copied = { propagation: sourcePropagation(c), recursive: rootfs.kind === "bind" };
  if (lower === undefined && rootfs.kind !== "assembled") setAttributes(c, source, attributes, copied);
  if ((early || c.blueprint.runtime?.noPivot === true) && rootfs.kind === "bind") {
    attachAt(c, source, AT.FDCWD, rootfs.source);
    openRoot(c, source);
    return { early, staged: false, entries };
  }
  const above = layer ?? openLayer(c);
  w.from("/root");
  const staging = makeFilesystem(c, "tmpfs", [["mode", "0755"]], MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV);
  w.call(SYSCALLS.mkdirat, staging, w.text("root"), 0o755);
  attachAt(c, staging, AT.FDCWD, "/");
  let root: number;
  if (rootfs.kind === "assembled") {
    root = makeFilesystem(c, "tmpfs", [["mode", "0755"]], MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV);
  } else {
    const laid = rootfs.kind !== "overlay" || isLaidOutside(c);
    root = laid ? source : above === undefined ? layOverlay(c, staging, source, rootfs.hidden ?? []) : layKeptOverlay(c, staging, source, above);
  }
  attachAt(c, root, staging, "root");
  w.close(staging);
  openRoot(c, root);
  return { early: false, staged: true, entries };
}

/** `c.root` becomes an O_PATH descriptor of the attached root of register `root`, which goes. */
function openRoot(c: Compilation, root: number): void {
  const { writer: w } = c;
  w.call(SYSCALLS.openat, root, w.text("."), OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).into(c.root).close(root);
}

/** Container's ops: into the root, and forget the host. */
export function pivot(c: Compilation, place: AttachedRoot): void {
  const { writer: w } = c;
  w.from("/root").call(SYSCALLS.fchdir, c.root);
  const here = w.text(".");
  if (c.blueprint.runtime?.noPivot === true) {
    moveOver(c);
  } else {
    w.call(SYSCALLS.pivot_root, here, here);
    // The old root now lies over the new one, and the staging, if there is one, over both: each call takes the topmost, with all that hangs below it.
    w.call(SYSCALLS.umount2, here, MNT_DETACH);
    if (place.staged) w.call(SYSCALLS.umount2, here, MNT_DETACH);
  }
  w.call(SYSCALLS.chdir, w.text("/"));
  assertRoot(c, c.root);
  placeEntries(c, place.entries);
}

/**
 * Container's ops for `--no-pivot`, where the host's root is a file system in RAM that pivot_root(2) cannot take away: the container's root is moved over it.
 * What lies below stays, but for /proc and /sys: an unmasked one would let a user namespace inside make another (mount_too_revealing, fs/namespace.c).
 */
function moveOver(c: Compilation): void {
  const { writer: w } = c;
  const answer = w.register();
  for (const path of ["/proc", "/sys"]) {
    const [locked, gone] = [w.label(), w.label()];
    w.call(SYSCALLS.umount2, w.text(path), MNT_DETACH).flags(FLAG.IGNORE).into(answer).jumpError(locked, answer).jump(gone).place(locked);
    const cover = makeFilesystem(c, "tmpfs", [["size", "0"], ["nr_inodes", "2"]], MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC);
    attachAt(c, cover, AT.FDCWD, path);
    w.close(cover).place(gone);
  }
  w.release(answer);
  attachAt(c, c.root, AT.FDCWD, "/");
  w.call(SYSCALLS.chroot, w.text("."));
}

/** Container's ops after all mounts: no writing to the root itself. */
export function sealRootfs(c: Compilation): void {
  if (c.blueprint.config.root?.readonly !== true) return;
  c.writer.from("/root/readonly");
  setAttributes(c, c.root, MOUNT_ATTR.RDONLY);
}

const PROPAGATION: Readonly<Record<RootfsPropagation, { readonly propagation: number; readonly recursive: boolean }>> = {
  private: { propagation: MS.PRIVATE, recursive: false }, rprivate: { propagation: MS.PRIVATE, recursive: true },
  shared: { propagation: MS.SHARED, recursive: false }, rshared: { propagation: MS.SHARED, recursive: true },
  slave: { propagation: MS.SLAVE, recursive: false }, rslave: { propagation: MS.SLAVE, recursive: true },
  unbindable: { propagation: MS.UNBINDABLE, recursive: false }, runbindable: { propagation: MS.UNBINDABLE, recursive: true },
};

/** A root that receives what is mounted on the host is copied as a slave of its source; every other has nothing to do with it. */
export function sourcePropagation(c: Compilation): number {
  const word = c.blueprint.config.linux?.rootfsPropagation;
  return word === "slave" || word === "rslave" ? MS.SLAVE : MS.PRIVATE;
}

/**
 * Container's ops once the root is complete: its propagation for what is mounted or copied later (config-linux.md, "Rootfs Mount Propagation"). Until here
 * it is private or a slave, so a shared root has no peer on the host, and what the mounts of the config are to the host was settled at their sources.
 */
export function shareRootfs(c: Compilation): void {
  const word = c.blueprint.config.linux?.rootfsPropagation;
  if (word === undefined || word === "private") return;
  c.writer.from("/linux/rootfsPropagation");
  setAttributes(c, c.root, 0, PROPAGATION[word]);
}

/** Container's ops: masked paths get an empty file or directory of a read-only tmpfs of the container's own; what is absent is skipped (config-linux.md). */
export function maskPaths(c: Compilation): void {
  const { writer: w, blueprint } = c;
  const masked = blueprint.config.linux?.maskedPaths ?? [];
  if (masked.length === 0) return;
  w.from("/linux/maskedPaths");
  const cover = makeFilesystem(c, "tmpfs", [["mode", "0755"], ["size", "0"], ["nr_inodes", "4"]], MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC);
  w.call(SYSCALLS.mkdirat, cover, w.text("directory"), 0o555);
  w.call(SYSCALLS.mknodat, cover, w.text("file"), 0o100444, 0);
  setAttributes(c, cover, MOUNT_ATTR.RDONLY);
  // A detached mount can be copied since Linux 6.15. Before, it has to be in the tree meanwhile: over "/", where no look-up from c.root meets it.
  const [major, minor] = c.facts.kernel;
  const attached = major < 6 || (major === 6 && minor < 15);
  if (attached) attach(c, cover, c.root);
  const target = w.register();
  w.each(masked.map((path) => w.text(components(path).join("/"))), (path) => {
    const next = w.label();
    const file = w.label();
    w.call(SYSCALLS.openat2, c.root, path, c.how.directory, 24).into(target).tolerate(ERRNO.ENOENT, ERRNO.ENOTDIR);
    w.jumpError(file, target);
    coverWith(c, cover, "directory", target);
    w.jump(next).place(file);
    w.call(SYSCALLS.openat2, c.root, path, c.how.target, 24).into(target).tolerate(ERRNO.ENOENT, ERRNO.ENOTDIR);
    w.jumpError(next, target);
    coverWith(c, cover, "file", target);
    w.place(next);
  });
  w.release(target);
  if (attached) w.call(SYSCALLS.umount2, w.text("/"), MNT_DETACH);
}

function coverWith(c: Compilation, cover: number, name: string, target: number): void {
  const copy = cloneTree(c, cover, c.writer.text(name), false);
  attach(c, copy, target);
  c.writer.call(SYSCALLS.close, target).close(copy);
}

/** Container's ops: read-only paths are bound over themselves, read-only from the moment they are attached. */
export function readonlyPaths(c: Compilation): void {
  const { writer: w, blueprint } = c;
  const paths = blueprint.config.linux?.readonlyPaths ?? [];
  if (paths.length === 0) return;
  w.from("/linux/readonlyPaths");
  const target = w.register();
  w.each(paths.map((path) => w.text(components(path).join("/"))), (path) => {
    const next = w.label();
    w.call(SYSCALLS.openat2, c.root, path, c.how.target, 24).into(target).tolerate(ERRNO.ENOENT, ERRNO.ENOTDIR);
    w.jumpError(next, target);
    const copy = cloneTree(c, target, c.empty, true);
    setAttributes(c, copy, MOUNT_ATTR.RDONLY, { recursive: true });
    attach(c, copy, target);
    w.call(SYSCALLS.close, target).close(copy).place(next);
  });
  w.release(target);
}
