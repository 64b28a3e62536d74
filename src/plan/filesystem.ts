/** Ops that make mounts with the new mount API: always detached first, with their attributes, then moved to a descriptor. Pure. */
import { AT, FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC, MOVE_MOUNT, OPEN_TREE } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Compilation } from "./names.ts";

/** A parameter of a filesystem: a flag, or a key with its value. */
export type Parameter = readonly [key: string, value?: string];

export function setParameter(c: Compilation, context: number, [key, value]: Parameter): void {
  const { writer: w } = c;
  if (value === undefined) w.call(SYSCALLS.fsconfig, context, FSCONFIG.SET_FLAG, w.text(key));
  else w.call(SYSCALLS.fsconfig, context, FSCONFIG.SET_STRING, w.text(key), w.text(value));
}

/** Ops for a new, detached filesystem; its descriptor is in the register returned. */
export function makeFilesystem(c: Compilation, type: string, parameters: readonly Parameter[], attributes: number): number {
  const { writer: w } = c;
  const mount = w.register();
  w.call(SYSCALLS.fsopen, w.text(type), FSOPEN_CLOEXEC).into(mount);
  for (const parameter of parameters) setParameter(c, mount, parameter);
  w.call(SYSCALLS.fsconfig, mount, FSCONFIG.CREATE);
  w.call(SYSCALLS.fsmount, mount, FSMOUNT_CLOEXEC, attributes).into(mount);
  return mount;
}

/** Attaches the detached mount of one register to the place of another. */
export function attach(c: Compilation, mount: number, target: number): void {
  c.writer.call(SYSCALLS.move_mount, mount, c.empty, target, c.empty, MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH);
}

/** Puts the detached mount of a register on the entry `name` of the directory of another. */
export function attachAt(c: Compilation, mount: number, directory: number, name: string): void {
  c.writer.call(SYSCALLS.move_mount, mount, c.empty, directory, c.writer.text(name), MOVE_MOUNT.F_EMPTY_PATH);
}

/** A detached copy of the mount tree at `path` below the descriptor `at` (`c.empty`: that descriptor itself). */
export function cloneTree(c: Compilation, at: number, path: number, recursive: boolean): number {
  const { writer: w } = c;
  const mount = w.register();
  w.call(SYSCALLS.open_tree, at, path, OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.EMPTY_PATH | (recursive ? AT.RECURSIVE : 0)).into(mount);
  return mount;
}

/** Sets attributes of a mount that is not attached yet, or of the one at `path`; `idmap` is a register with a user namespace. */
export function setAttributes(
  c: Compilation, mount: number, set: number,
  options: { clear?: number; propagation?: number; recursive?: boolean; idmap?: number; path?: string } = {},
): void {
  const { writer: w } = c;
  // struct mount_attr: attr_set, attr_clr, propagation, userns_fd
  const block = w.cells(set, options.clear ?? 0, options.propagation ?? 0, 0);
  if (options.idmap !== undefined) w.store(block + 24, options.idmap, 8);
  const path = options.path === undefined ? c.empty : w.text(options.path);
  w.call(SYSCALLS.mount_setattr, mount, path, AT.EMPTY_PATH | (options.recursive === true ? AT.RECURSIVE : 0), block, 32);
}
