/**
 * Stage: bind mounts, from their source on the host to a detached mount with its attributes, propagation and id map (config.md, "Linux mount options").
 *
 * A bind of `do` and `run` is one thing with all that lies below its source, so what is said of an `rbind` holds for the whole tree. In a config of
 * pidbox-oci the options mean what mount(8) makes of them: only the forms that begin with r are recursive. Pure.
 */
import { AT, OPEN, RESOLVE } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR, MS } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { MountOptions } from "../spec/mount-options.ts";
import type { Mount } from "../spec/runtime-config.ts";
import { cloneTree, setAttributes } from "./filesystem.ts";
import { hasOwnUsers } from "./mount-kind.ts";
import { HOW_SIZE } from "./names.ts";
import type { Compilation } from "./names.ts";

/**
 * Ops that open the source of a bind mount as a detached tree: supervisor (privileged) or container before its pivot (rootless). `do` and `run` have made
 * the path canonical, so that a link in it is a change since; engines give paths with links.
 */
export function openSource(c: Compilation, mount: Mount, options: MountOptions): number {
  const { writer: w } = c;
  const path = w.text(mount.source ?? "");
  // In a user namespace a tree with mounts in it can only be copied whole, or what they hide would show.
  const recursive = options.bind === "rbind" || !c.facts.privileged;
  if (c.blueprint.runtime !== undefined) return cloneTree(c, AT.FDCWD, path, recursive);
  const source = w.register();
  w.call(SYSCALLS.openat2, AT.FDCWD, path, w.cells(OPEN.PATH | OPEN.CLOEXEC, 0, RESOLVE.NO_SYMLINKS), HOW_SIZE).into(source);
  const tree = cloneTree(c, source, c.empty, recursive);
  w.close(source);
  return tree;
}

/** One mount_setattr(2). */
interface Step {
  set: number;
  clear: number;
  propagation: number;
  idmap: boolean;
  readonly recursive: boolean;
}

/**
 * The propagation types to set, in order. A mount that a user namespace may mount upon must not be a peer of the host's: it becomes a slave first, as
 * the kernel does where a mount namespace is copied into another user namespace (mount_namespaces(7)).
 */
function propagationTypes(options: MountOptions, ownUsers: boolean): MountOptions["propagation"] {
  const list = options.propagation;
  const shared = list.find(({ type }) => type === MS.SHARED);
  if (shared === undefined || !ownUsers) return list;
  return [{ type: MS.SLAVE, recursive: shared.recursive }, ...list];
}

/** How a bind is dressed. */
export interface Dress {
  /** Register of the user namespace whose map the mount gets. */
  readonly userns?: number;
  /** Every attribute and the id map hold for the whole tree. */
  readonly whole: boolean;
  /** The tree has mounts below its top. */
  readonly deep: boolean;
}

/** What mount_setattr(2) is to do, in as few calls as the difference between the top and what lies below it allows. */
export function attributeSteps(options: MountOptions, dress: Dress, rights: { readonly clears: boolean; readonly ownUsers: boolean }): Step[] {
  const kept = rights.clears ? -1 : MOUNT_ATTR.ATIME;
  const wide = (recursive: boolean): boolean => dress.deep && (recursive || dress.whole);
  const steps: Step[] = [{ set: options.attributes.set, clear: options.attributes.clear & kept, propagation: 0, idmap: false, recursive: wide(false) }];
  const stepFor = (recursive: boolean): Step => {
    const known = steps.find((step) => step.recursive === recursive);
    if (known !== undefined) return known;
    const step: Step = { set: 0, clear: 0, propagation: 0, idmap: false, recursive };
    steps.push(step);
    return step;
  };
  const below = options.recursive;
  if (below.set !== 0 || below.clear !== 0) {
    const step = stepFor(wide(true));
    step.set = (step.set & ~below.clear) | below.set;
    step.clear = (step.clear & ~below.set) | (below.clear & kept);
  }
  if (dress.userns !== undefined) stepFor(wide(options.idmap === "ridmap")).idmap = true;
  const given = propagationTypes(options, rights.ownUsers);
  // What is given no propagation is private: no mount of the host is to appear in the container later, nor one of the container on the host.
  let last = -1;
  for (const { type, recursive } of given.length === 0 ? [{ type: MS.PRIVATE, recursive: true }] : given) {
    // Types take effect in the order of the options, so one may join an earlier call only if that is not before the one of the type before.
    const at = steps.findIndex((step, i) => i > last && step.recursive === wide(recursive));
    last = at < 0 ? steps.push({ set: 0, clear: 0, propagation: 0, idmap: false, recursive: wide(recursive) }) - 1 : at;
    const step = steps[last];
    if (step !== undefined) step.propagation = type;
  }
  return steps.filter((step) => step.set !== 0 || step.clear !== 0 || step.propagation !== 0 || step.idmap);
}

/** Ops that give a detached mount or tree of register `mount` its attributes, propagation and id map. */
export function dressMount(c: Compilation, mount: number, options: MountOptions, dress: Dress): void {
  const rights = { clears: c.facts.privileged || c.blueprint.runtime !== undefined, ownUsers: hasOwnUsers(c.blueprint) };
  for (const step of attributeSteps(options, dress, rights)) {
    setAttributes(c, mount, step.set + (step.idmap ? MOUNT_ATTR.IDMAP : 0), {
      clear: step.clear, propagation: step.propagation, recursive: step.recursive, ...(step.idmap && dress.userns !== undefined ? { idmap: dress.userns } : {}),
    });
  }
}

/** The same for an opened bind source. */
export function dressSource(c: Compilation, tree: number, options: MountOptions, userns: number | undefined): void {
  dressMount(c, tree, options, {
    ...(userns === undefined ? {} : { userns }), whole: c.blueprint.runtime === undefined, deep: options.bind === "rbind" || !c.facts.privileged,
  });
}
