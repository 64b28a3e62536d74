import type { DescriptorFacts, TaskFacts } from "../../engine/posture.ts";
import type { KernelObject } from "../../kernel/object.ts";
import type { Severity } from "../../report/finding.ts";
import { cannotJudge } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw } from "../check.ts";
import { taskFile } from "../each-task.ts";
import type { AuditFacts, ContainerFacts } from "../facts.ts";
import { gravest, gravity, inside, kindText, Mounts, type Owner, OWNERS, unreadDescriptors, unreadParts } from "../foreign.ts";

interface Held {
  readonly task: TaskFacts;
  readonly number: number;
  readonly link: string;
  readonly object: KernelObject;
  readonly owner: Owner;
  readonly severity: Severity;
}

const STDERR = 2;
/** null, zero, full, random, urandom: there is nothing behind them, wherever they come from. */
const HARMLESS: readonly number[] = [3, 5, 7, 8, 9];
const MEMORY_MAJOR = 1;
const CHARACTER = 0o020000;
const FIFO = 0o010000;
const ENOENT = -2;
const DIRECTORY = 0o040000;

/** By a directory one walks up to the host's root; anything else can be opened again with other rights, by its name in /proc/self/fd. */
function severityOf(object: KernelObject, owner: Owner): Severity {
  return gravity(owner, (object.mode & 0o170000) === DIRECTORY ? "critical" : "high");
}

/** Descriptors on mounts that are not the container's. Threads of a process mostly have the same, which are told of once. */
function heldOf(container: ContainerFacts, facts: AuditFacts): Held[] {
  const mounts = new Mounts(container, facts);
  const found = new Map<string, Held>();
  for (const task of inside(container, facts)) {
    for (const { number, link, object } of typeof task.descriptors === "number" ? [] : task.descriptors) {
      // A fifo with a name is a stream like a pipe: runtimes wait on one until `start`.
      if (typeof object === "number" || !link.startsWith("/") || (object.mode & 0o170000) === FIFO) continue;
      // What standard input and output are, the one who starts a container chooses; only a directory is no stream.
      if (number <= STDERR && (object.mode & 0o170000) !== DIRECTORY) continue;
      if ((object.mode & 0o170000) === CHARACTER && object.rdev.major === MEMORY_MAJOR && HARMLESS.includes(object.rdev.minor)) continue;
      const owner = mounts.owner(object, link);
      const key = `${task.pid}/${number}/${object.mountId}/${object.inode}`;
      if (owner !== undefined && !found.has(key)) found.set(key, { task, number, link, object, owner, severity: severityOf(object, owner) });
    }
  }
  return [...found.values()];
}

export const check: ContainerCheck = {
  scope: "container",
  id: "P15",
  name: "foreign-descriptor",
  title: "An open descriptor leads out of the container",
  severity: "critical",
  why:
    "A directory of the host that is left open in a container is a way out that no mount table shows: openat(fd, \"..\") walks up to the host's root (CVE-2024-21626, runc). " +
    "Each descriptor's mount id is compared with the mounts of the container's own namespaces.",
  references: ["CVE-2024-21626", "T1611"],
  remedy: {
    text: "Find out who hands it in, close it there (O_CLOEXEC), and start the container again; where runc leaks it, update runc",
    docker: "docker restart NAME   # with runc 1.1.12 or newer",
    podman: "podman restart NAME   # without --preserve-fds",
    host: "apt-get install --only-upgrade runc",
  },
  evaluate(container, facts) {
    const cannot = cannotJudge(container, facts);
    if (cannot !== undefined) return cannot;
    const held = heldOf(container, facts);
    const [first] = held.toSorted((a, b) => Number(b.severity === "critical") - Number(a.severity === "critical"));
    // What was closed meanwhile is none.
    const hides = ({ object }: DescriptorFacts): boolean => typeof object === "number" && object !== ENOENT;
    const blind = container.tasks.find(({ descriptors }) => typeof descriptors === "number" || descriptors.some(hides));
    if (first === undefined) {
      const unread = unreadParts(container) ?? (blind === undefined ? undefined : unreadDescriptors(blind));
      const count = container.tasks.reduce((sum, { descriptors }) => sum + (typeof descriptors === "number" ? 0 : descriptors.length), 0);
      return unread ?? pass("none", saw("descriptors on mounts of its own, or the kernel's", count));
    }
    const { task, number, link, object, owner } = first;
    const text = `PID ${task.pid} (${task.status.name}) holds the ${kindText(object)} ${link} as ${number}, on ${OWNERS[owner]}${held.length > 1 ? `; and ${held.length - 1} more` : ""}`;
    const evidence = held.slice(0, 6).map((one) => saw(taskFile(one.task, `fd/${one.number}`), `${one.link}, mount ${one.object.mountId} on ${one.object.device.major}:${one.object.device.minor}`));
    return { ...finding(text, ...evidence), severity: gravest(held.map(({ severity }) => severity)) };
  },
};
