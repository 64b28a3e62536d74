/**
 * Stage: an overlay with an upper layer in memory over the root's directory (overlayfs.rst). Pure.
 *
 * Overlay marks directories that replace lower ones with an attribute of the upper layer. In a user namespace that is user.*, which tmpfs has since
 * Linux 6.6; on older kernels mkdir over a removed directory, and rm -r of a lower one, would be EIO. There a helper of the supervisor mounts the overlay
 * with the host's root rights, where the attribute is trusted.*, as other engines do. Without these rights the errors remain, and doctor says so.
 */
import { AT, CLONE, OPEN } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR, MS } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { hostId } from "../spec/id-mapping.ts";
import { fork } from "./clone-arguments.ts";
import { attachAt, cloneTree, makeFilesystem, setAttributes } from "./filesystem.ts";
import type { Parameter } from "./filesystem.ts";
import type { Compilation } from "./names.ts";
import { components } from "./target.ts";

/**
 * Whiteouts in the upper layer: what they cover cannot be seen through the overlay, and nothing inside can take them away again, for removing a file
 * of the merged view never shows the lower one (overlayfs.rst, "whiteouts and opaque directories"). Cheaper than a mount each.
 */
function hide(c: Compilation, staging: number, paths: readonly string[]): void {
  const { writer: w } = c;
  if (paths.length === 0) return;
  w.from("hidden paths");
  const parents = new Set<string>();
  for (const path of paths) {
    const parts = components(path);
    for (let depth = 1; depth < parts.length; depth++) parents.add(parts.slice(0, depth).join("/"));
  }
  w.each([...parents].sort().map((path) => w.text(`upper/${path}`)), (path) => w.call(SYSCALLS.mkdirat, staging, path, 0o755));
  // A character device 0:0 is a whiteout, and the one device node that a user namespace may make (5.8).
  w.each(paths.map((path) => w.text(`upper/${components(path).join("/")}`)), (path) => w.call(SYSCALLS.mknodat, staging, path, 0o020000, 0));
  w.from("/root");
}

function makeLayers(c: Compilation, staging: number, hidden: readonly string[]): void {
  for (const name of ["lower", "upper", "work"]) c.writer.call(SYSCALLS.mkdirat, staging, c.writer.text(name), 0o755);
  hide(c, staging, hidden);
}

function mountLayers(c: Compilation, staging: number, parameters: readonly Parameter[], above = ""): number {
  c.writer.call(SYSCALLS.fchdir, staging);
  return makeFilesystem(c, "overlay", [["lowerdir", "lower"], ["upperdir", `${above}upper`], ["workdir", `${above}work`], ...parameters], MOUNT_ATTR.NODEV);
}

/** Ops for a mount of the directory with the container's layer on disk, if it has one. */
export function openLayer(c: Compilation): number | undefined {
  const { writer: w, blueprint: { rootfs } } = c;
  if (rootfs.kind !== "overlay" || rootfs.layer === undefined) return undefined;
  const directory = w.register();
  w.from("writable layer").call(SYSCALLS.openat, AT.FDCWD, w.text(rootfs.layer), OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC | OPEN.NOFOLLOW).into(directory);
  const mount = cloneTree(c, directory, c.empty, false);
  setAttributes(c, mount, MOUNT_ATTR.NODEV, { propagation: MS.PRIVATE });
  w.close(directory);
  return mount;
}

/** Container's ops: the overlay over `lower` with the layer on disk that is mounted at register `layer`; both are closed. Its attributes are user.*. */
export function layKeptOverlay(c: Compilation, staging: number, lower: number, layer: number): number {
  for (const [name, mount] of [["lower", lower], ["layer", layer]] as const) {
    c.writer.call(SYSCALLS.mkdirat, staging, c.writer.text(name), 0o755);
    attachAt(c, mount, staging, name);
  }
  c.writer.close(lower, layer);
  return mountLayers(c, staging, [["userxattr"]], "layer/");
}

/** Container's ops: the overlay over the mount of register `lower`, which they close. `staging` is the register of an attached, empty tmpfs. */
export function layOverlay(c: Compilation, staging: number, lower: number, hidden: readonly string[]): number {
  makeLayers(c, staging, hidden);
  attachAt(c, lower, staging, "lower");
  c.writer.close(lower);
  return mountLayers(c, staging, c.facts.tmpfsUserXattr ? [["userxattr"]] : []);
}

/** Whether the supervisor lays the overlay: it has the rights, and the container's user namespace would lack the attributes. */
export function isLaidOutside(c: Compilation): boolean {
  const { rootfs, mapping } = c.blueprint;
  return rootfs.kind === "overlay" && rootfs.layer === undefined && c.facts.privileged && !c.facts.tmpfsUserXattr && mapping !== undefined;
}

const CLONE_FILES = 0x400;

/**
 * Supervisor's ops: the descriptor of register `lower` becomes one of the overlay over it. A helper mounts it, in a mount namespace that is gone with it:
 * layers have to be attached somewhere, and that must not be seen on the host. It has the supervisor's descriptors, so the number stays the same.
 */
export function layOverlayOutside(c: Compilation, lower: number): void {
  const { writer: w, blueprint: { rootfs, mapping } } = c;
  const [uid, gid] = [hostId(mapping?.uid, 0) ?? 0, hostId(mapping?.gid, 0) ?? 0];
  const child = w.register();
  const parent = w.label();
  w.from("/root");
  fork(w, { flags: CLONE.NEWNS + CLONE_FILES }).into(child).jumpSet(parent, child);
  // struct mount_attr: attr_set, attr_clr, propagation, userns_fd
  w.call(SYSCALLS.mount_setattr, AT.FDCWD, w.text("/"), AT.RECURSIVE, w.cells(0, 0, MS.PRIVATE, 0), 32);
  const staging = makeFilesystem(c, "tmpfs", [["mode", "0755"], ["uid", String(uid)], ["gid", String(gid)]], MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV);
  attachAt(c, staging, AT.FDCWD, "/");
  // What the layers begin with belongs to the container's root; the mount itself needs all rights again (setfsuid(2)).
  w.call(SYSCALLS.setfsgid, gid).call(SYSCALLS.setfsuid, uid);
  makeLayers(c, staging, rootfs.kind === "overlay" ? rootfs.hidden ?? [] : []);
  w.call(SYSCALLS.setfsuid, 0).call(SYSCALLS.setfsgid, 0);
  attachAt(c, lower, staging, "lower");
  // The lower layer may bring attributes of its own: what they redirect to is not followed.
  const overlay = mountLayers(c, staging, [["redirect_dir", "nofollow"]]);
  w.call(SYSCALLS.dup3, overlay, lower, 0o2000000).close(overlay, staging).exit(0);
  w.place(parent);
  const status = w.cells(0);
  w.call(SYSCALLS.wait4, child, status, 0).load(child, status, 4).expect(child, 0).release(child);
}
