/** What of a container's threads lies on mounts that are not the container's own. Pure. */
import type { TaskFacts } from "../engine/posture.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import type { Mount } from "../kernel/mountinfo.ts";
import type { KernelObject } from "../kernel/object.ts";
import type { Answer, Severity } from "../report/finding.ts";
import { ownTables } from "./binds.ts";
import { evidenceOf, unknown } from "./check.ts";
import { taskFile } from "./each-task.ts";
import type { AuditFacts, ContainerFacts } from "./facts.ts";
import { sameDevice } from "./mount-tree.ts";
import { remembered } from "./remembered.ts";

/** Files without a place in any mount namespace; the kernel makes these names up (dma-buf, secretmem, huge pages). */
const NAMELESS = /^\/(dmabuf:|secretmem|anon_hugepage)/;

/** Whose mount something is on that is on none of the container's. */
export type Owner = "host" | "nobody" | "other";

const idsOf = remembered((mounts: readonly Mount[]): ReadonlySet<number> => new Set(mounts.map(({ id }) => id)));

/** Answers whose mount something is on. */
export class Mounts {
  readonly #own: ReadonlySet<number>;
  readonly #host: ReadonlySet<number>;
  readonly #container: ContainerFacts;
  readonly #facts: AuditFacts;

  constructor(container: ContainerFacts, facts: AuditFacts) {
    const { mounts } = facts.host;
    const root = container.first?.root;
    // A root that is a directory (chroot) is on a mount that the table does not show, which is a finding of its own.
    const around = typeof root === "object" && !root.mountRoot ? [root.mountId] : [];
    this.#own = new Set([...ownTables(container, facts.host).flat().map(({ id }) => id), ...around]);
    this.#host = typeof mounts === "number" ? new Set() : idsOf(mounts);
    this.#container = container;
    this.#facts = facts;
  }

  /** Undefined: the container's own, or the kernel's. `nobody`: in no table, but of a filesystem that it has: one that was taken away. */
  owner(object: KernelObject, link: string): Owner | undefined {
    const { mounts, memfdMount } = this.#facts.host;
    if (this.#own.has(object.mountId) || object.mountId === memfdMount || NAMELESS.test(link)) return undefined;
    const onDevice = (table: readonly Mount[]): boolean => table.some(({ device }) => sameDevice(device, object.device));
    if (this.#host.has(object.mountId)) return "host";
    if (ownTables(this.#container, this.#facts.host).some(onDevice)) return "nobody";
    return onDevice(typeof mounts === "number" ? [] : mounts) ? "host" : "other";
  }
}

export const OWNERS: Readonly<Record<Owner, string>> = {
  host: "a mount of the host", nobody: "a mount that is in no table any more", other: "a mount of neither the host nor the container",
};

/** How grave it is to hold something of such a mount. */
export function gravity(owner: Owner, base: Severity): Severity {
  return owner === "nobody" ? "medium" : base;
}

/** Threads in mount namespaces of the container: one that is in the host's own is told by another check. */
export function inside(container: ContainerFacts, { host }: AuditFacts): readonly TaskFacts[] {
  return container.tasks.filter(({ namespaces }) => namespaces.mnt === undefined || namespaces.mnt !== host.namespaces.mnt);
}

/** A table or thread that could not be read leaves it open whether something foreign is held. */
export function unreadParts(container: ContainerFacts): Answer | undefined {
  const [dark] = container.unreadable;
  if (dark !== undefined) {
    return unknown(`${container.unreadable.length} of its threads could not be read`, { source: `/proc/${dark.pid}`, value: "", errno: errnoName(dark.errno) });
  }
  const table = [...container.binds.tables].find(([, mounts]) => typeof mounts === "number");
  return table === undefined ? undefined : unknown(`the mount table of mnt:[${table[0]}] could not be read`, { source: "mountinfo", value: "", errno: errnoName(Number(table[1])) });
}

/** Of a thread whose descriptors, or one of them, could not be read: why. */
export function unreadDescriptors(task: TaskFacts): Answer {
  const { pid, descriptors } = task;
  const [file, errno] = typeof descriptors === "number"
    ? ["fd", descriptors]
    : (descriptors.flatMap(({ number, object }) => (typeof object === "number" ? [[`fd/${number}`, object] as const] : []))[0] ?? ["fd", 0]);
  return unknown(`the descriptors of PID ${pid} could not be read`, evidenceOf(taskFile(task, file), errno));
}

/** `socket`, `directory`, ... */
export function kindText({ mode }: KernelObject): string {
  const kinds: Readonly<Record<number, string>> = {
    0o040000: "directory", 0o100000: "file", 0o020000: "character device", 0o060000: "block device", 0o010000: "fifo", 0o140000: "socket", 0o120000: "link",
  };
  return kinds[mode & 0o170000] ?? "object";
}

const SEVEREST: readonly Severity[] = ["critical", "high", "medium", "low", "info"];

export function gravest(severities: readonly Severity[]): Severity {
  return SEVEREST.find((severity) => severities.includes(severity)) ?? "low";
}
