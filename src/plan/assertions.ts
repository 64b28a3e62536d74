/**
 * Stage: what the kernel must confirm just before exec. A failed assertion is a failed op: nothing starts (design: "a plan proves itself").
 *
 * Asserted here: namespace inodes, user and group ids, the five capability sets, no_new_privs, seccomp mode, working directory, root mount.
 * Not asserted here: mounts and masks below the root, cgroup membership, other threads: `verify` reads those. Pure.
 */
import { AT, CAPABILITY_VERSION_3, PR, STATX } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { allCapabilities, capabilityMask } from "./identity.ts";
import { createsNamespace } from "./names.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";

const NAMESPACES: readonly (readonly [type: string, file: string])[] = [
  ["user", "user"], ["pid", "pid"], ["mount", "mnt"], ["network", "net"], ["ipc", "ipc"], ["uts", "uts"], ["cgroup", "cgroup"], ["time", "time"],
];

/** Data of struct statx for the supervisor's own namespaces, by type: filled before clone, compared after it. */
export type OwnNamespaces = ReadonlyMap<string, number>;

/** Supervisor's ops: note its own namespaces that the container must not be in. */
export function noteNamespaces(c: Compilation): OwnNamespaces {
  const { writer: w } = c;
  const own = new Map<string, number>();
  for (const [type, file] of NAMESPACES) {
    if (!createsNamespace(c.blueprint, type)) continue;
    const status = w.room(STATX.size);
    w.from(`/linux/namespaces/${type}`).call(SYSCALLS.statx, AT.FDCWD, w.text(`/proc/self/ns/${file}`), 0, STATX.INO, status);
    own.set(type, status);
  }
  return own;
}

/** Container's ops, while /proc is there (`proc`: register of its root): each new namespace is another one than the supervisor's. */
export function assertNamespaces(c: Compilation, own: OwnNamespaces, proc: number): void {
  const { writer: w } = c;
  const before = w.register();
  const now = w.register();
  const status = w.room(STATX.size);
  for (const [type, file] of NAMESPACES) {
    const seen = own.get(type);
    if (seen === undefined) continue;
    w.from(`/linux/namespaces/${type}`).call(SYSCALLS.statx, proc, w.text(`self/ns/${file}`), 0, STATX.INO, status);
    w.load(before, seen + STATX.inodeAt, 8).load(now, status + STATX.inodeAt, 8).expect(now, before, { differs: true });
  }
  w.release(before, now);
}

/** Container's ops: "/" is the mount of descriptor register `mount`, and nothing lies over it. */
export function assertRoot(c: Compilation, mount: number): void {
  const { writer: w } = c;
  const [a, b] = [w.room(STATX.size), w.room(STATX.size)];
  const [root, slash] = [w.register(), w.register()];
  w.from("/root");
  w.call(SYSCALLS.statx, mount, c.empty, AT.EMPTY_PATH, STATX.MNT_ID, a);
  w.call(SYSCALLS.statx, AT.FDCWD, w.text("/"), 0, STATX.MNT_ID, b);
  w.load(root, a + STATX.mountIdAt, 8).load(slash, b + STATX.mountIdAt, 8).expect(root, slash).release(root, slash);
}

/** Container's ops: ids, capability sets and no_new_privs as the config says. */
export function assertIdentity(c: Compilation): void {
  const { writer: w, blueprint, facts } = c;
  const process = blueprint.config.process;
  const found = w.register();
  const check = (at: number, wanted: number): void => void w.load(found, at, 4).expect(found, wanted);
  const ids = w.room(16);
  w.from("/process/user").call(SYSCALLS.getresuid, ids, ids + 4, ids + 8);
  for (const at of [0, 4, 8]) check(ids + at, process?.user?.uid ?? 0);
  w.call(SYSCALLS.getresgid, ids, ids + 4, ids + 8);
  for (const at of [0, 4, 8]) check(ids + at, process?.user?.gid ?? 0);
  w.from("/process/capabilities");
  const sets = process?.capabilities ?? {};
  const words = w.room(24);
  w.call(SYSCALLS.capget, w.words(CAPABILITY_VERSION_3, 0), words);
  [sets.effective, sets.permitted, sets.inheritable].forEach((names, i) => {
    const mask = capabilityMask(names);
    check(words + 4 * i, mask % 2 ** 32);
    check(words + 12 + 4 * i, Math.floor(mask / 2 ** 32));
  });
  // Ambient is a subset of inheritable by the kernel's own rule (capabilities(7)), so an empty inheritable set proves an empty ambient one.
  const dropped = allCapabilities(facts.lastCapability) - capabilityMask(sets.bounding);
  w.from("/process/capabilities/bounding").bits(SYSCALLS.prctl, dropped, PR.CAPBSET_READ).flags(FLAG.NOT);
  if (process?.noNewPrivileges === true) {
    w.from("/process/noNewPrivileges").call(SYSCALLS.prctl, PR.GET_NO_NEW_PRIVS).into(found).expect(found, 1);
  }
  w.release(found);
}

/** Main child's ops: the working directory is inside the root (CVE-2024-21626: getcwd(2) says "(unreachable)" otherwise). */
export function assertDirectory(c: Compilation): void {
  const { writer: w } = c;
  const path = w.room(4096);
  const first = w.register();
  w.from("/process/cwd").call(SYSCALLS.getcwd, path, 4096).load(first, path, 1).expect(first, 0x2f).release(first);
}

/** Main child's ops, last of all: the filter is on. Only for filters known to allow prctl(2). */
export function assertSeccomp(c: Compilation): void {
  const { writer: w } = c;
  const mode = w.register();
  w.from("/linux/seccomp").call(SYSCALLS.prctl, PR.GET_SECCOMP).into(mode).expect(mode, 2).release(mode);
}
