/** Stage: a v2 cgroup that a container may manage itself belongs to its user (cgroup-v2.rst, "Delegation"). Pure. */
import { AT, ERRNO } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { hostId } from "../spec/id-mapping.ts";
import type { Blueprint } from "./blueprint.ts";
import { isCgroup, optionsOf, placeOf } from "./mount-kind.ts";
import { createsNamespace } from "./names.ts";
import type { Compilation } from "./names.ts";

/**
 * The host id of the container's user, if the container sees its cgroup as its own and can write to it: with a cgroup namespace, a user namespace and a
 * cgroup mount that is not read-only, as runc has it (config-linux.md, "Cgroup ownership").
 */
export function cgroupOwner(blueprint: Blueprint, hybrid: boolean): number | undefined {
  const { config, mapping } = blueprint;
  const mappings = mapping?.uid ?? config.linux?.uidMappings ?? [];
  if (mappings.length === 0 || !createsNamespace(blueprint, "cgroup")) return undefined;
  const writable = config.mounts?.some((mount) => {
    // Beside v1, `cgroup` is a directory of v1 hierarchies, which are nobody's but root's.
    const shown = hybrid ? mount.type === "cgroup2" : isCgroup(mount);
    return shown && placeOf(mount) === "sys/fs/cgroup" && (optionsOf(mount).attributes.set & MOUNT_ATTR.RDONLY) === 0;
  });
  return writable === true ? hostId(mappings, config.process?.user?.uid ?? 0) : undefined;
}

/** Ops that give the cgroup at register `dir` to its container: the directory and the files that the kernel lists, and no limit among them. */
export function delegateCgroup(c: Compilation, dir: number): void {
  const { writer: w, blueprint, facts } = c;
  const owner = facts.privileged && facts.delegatedFiles !== undefined ? cgroupOwner(blueprint, facts.cgroups.some(({ version }) => version === 1)) : undefined;
  if (owner === undefined) return;
  w.from("cgroup ownership").call(SYSCALLS.fchownat, dir, c.empty, owner, -1, AT.EMPTY_PATH);
  // The list has files of controllers that this cgroup may not have.
  for (const file of facts.delegatedFiles ?? []) w.call(SYSCALLS.fchownat, dir, w.text(file), owner, -1, AT.SYMLINK_NOFOLLOW).tolerate(ERRNO.ENOENT);
}
