/**
 * Stage: a time namespace whose clocks are set off (time_namespaces(7)). Offsets can be written only until the first process is in it, and one that
 * clone3(2) makes has that process at once; so here the namespace comes first, by unshare(2), and the process into it. Pure.
 */
import { AT, CLONE, OPEN } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { TimeOffset } from "../spec/runtime-config.ts";
import type { Blueprint } from "./blueprint.ts";
import { writeFile } from "./file.ts";
import { createsNamespace } from "./names.ts";
import type { Compilation } from "./names.ts";

/** Whether the container's time namespace is made by this stage and not by clone3(2). */
export function setsClocks(blueprint: Blueprint): boolean {
  return createsNamespace(blueprint, "time") && Object.keys(blueprint.config.linux?.timeOffsets ?? {}).length > 0;
}

function offsetText(clock: string, offset: TimeOffset | undefined): string {
  return offset === undefined ? "" : `${clock} ${offset.secs ?? 0} ${offset.nanosecs ?? 0}\n`;
}

/** The next child of this process, or whoever joins it by setns(2), is in a new time namespace with the config's offsets. */
function makeNamespace(c: Compilation): void {
  const { writer: w, blueprint: { config } } = c;
  const { monotonic, boottime } = config.linux?.timeOffsets ?? {};
  const text = offsetText("monotonic", monotonic) + offsetText("boottime", boottime);
  writeFile(w.from("/linux/timeOffsets").call(SYSCALLS.unshare, CLONE.NEWTIME), AT.FDCWD, "/proc/self/timens_offsets", text);
}

/**
 * Supervisor's ops just before clone (privileged): the container is born into the namespace. It belongs to the supervisor's user namespace then, so nobody
 * inside can set the clocks again. Returns the register for `keepOwnTime`.
 */
export function bearIntoTime(c: Compilation): number | undefined {
  const { writer: w, facts } = c;
  if (!setsClocks(c.blueprint) || !facts.privileged) return undefined;
  const own = w.register();
  w.from("/linux/timeOffsets").call(SYSCALLS.openat, AT.FDCWD, w.text("/proc/self/ns/time"), OPEN.RDONLY | OPEN.CLOEXEC).into(own);
  makeNamespace(c);
  return own;
}

/** Supervisor's ops after clone: its later children, and what it executes, have its own clocks again. */
export function keepOwnTime(c: Compilation, own: number | undefined): void {
  const { writer: w } = c;
  if (own !== undefined) w.from("/linux/timeOffsets").call(SYSCALLS.setns, own, CLONE.NEWTIME).close(own);
}

/** Container's ops (rootless), as root of its user namespace and while it may still write to its own /proc files: the namespace, and into it. */
export function enterTime(c: Compilation): void {
  const { writer: w, facts } = c;
  if (!setsClocks(c.blueprint) || facts.privileged) return;
  makeNamespace(c);
  const made = w.register();
  w.call(SYSCALLS.openat, AT.FDCWD, w.text("/proc/self/ns/time_for_children"), OPEN.RDONLY | OPEN.CLOEXEC).into(made);
  w.call(SYSCALLS.setns, made, CLONE.NEWTIME).close(made);
}
