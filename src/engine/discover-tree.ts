/** The tree of PID namespaces with their processes, and the PIDs of one process at every level of it. Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import type { ProcessSummary } from "../kernel/process-list.ts";
import type { Container } from "./discover.ts";
import type { Survey } from "./discover-survey.ts";

export interface NamespaceNode {
  /** Inode of the PID namespace; null when the kernel does not show it. */
  readonly inode: number | null;
  /** 1 is the host's. */
  readonly level: number;
  /** Inode of the user namespace that owns it, and the uid that made that; null is unknown. */
  readonly ownerUserNamespace: number | null;
  readonly ownerUid: number | null;
  readonly containers: readonly Container[];
  readonly processes: readonly ProcessSummary[];
  readonly children: readonly NamespaceNode[];
}

interface Draft {
  readonly key: string;
  readonly containers: Container[];
  readonly children: Draft[];
}

const HOST_KEY = "host";

function keyOf(container: Container, view: Survey): string {
  if (container.sharedWithHost.includes("pid")) return HOST_KEY;
  const inode = container.namespaces.pid;
  if (inode !== undefined) return `pid:[${inode}]`;
  const joined = container.pidSharedWith === null ? undefined : view.containers.find((c) => c.id === container.pidSharedWith);
  return joined === undefined || joined === container ? container.id : keyOf(joined, view);
}

function parentKey(container: Container, view: Survey): string {
  const inode = container.initPid === null ? undefined : view.facts.details.get(container.initPid)?.relations.parent;
  if (inode !== undefined && inode !== view.facts.host.pid) return `pid:[${inode}]`;
  const parent = inode !== undefined || container.depth <= 2 ? undefined : view.containers.find((c) => c.id === container.parent);
  return parent === undefined ? HOST_KEY : keyOf(parent, view);
}

function finish(draft: Draft, level: number, view: Survey): NamespaceNode {
  const first = draft.containers[0];
  const detail = draft.key === HOST_KEY ? undefined : view.facts.details.get(first?.initPid ?? 0);
  const members = draft.containers.flatMap((c) => c.processes).toSorted((a, b) => a - b);
  const inside =
    draft.key === HOST_KEY ? view.facts.processes.filter((p) => p.pids.length === 1) : members.flatMap((pid) => view.processes.get(pid) ?? []);
  const inode = draft.key === HOST_KEY ? view.facts.host.pid : first?.namespaces.pid;
  return {
    inode: inode ?? null, level,
    ownerUserNamespace: detail?.relations.owner ?? null, ownerUid: detail?.relations.ownerUid ?? null,
    containers: draft.containers, processes: inside, children: draft.children.map((child) => finish(child, level + 1, view)),
  };
}

/** The PID namespaces from the host's down. */
export function namespaceTree(view: Survey): NamespaceNode {
  const host: Draft = { key: HOST_KEY, containers: [], children: [] };
  const drafts = new Map<string, Draft>([[HOST_KEY, host]]);
  const running = view.containers.filter((c) => c.state === "running").toSorted((a, b) => a.depth - b.depth);
  for (const container of running) {
    const key = keyOf(container, view);
    const known = drafts.get(key);
    if (known !== undefined) {
      known.containers.push(container);
      continue;
    }
    const draft: Draft = { key, containers: [container], children: [] };
    // Outer namespaces come first, so a parent that is not there yet is one that a torn view of /proc made up.
    (drafts.get(parentKey(container, view)) ?? host).children.push(draft);
    drafts.set(key, draft);
  }
  return finish(host, 1, view);
}

/** The nodes from the root to the one that holds `container`, or undefined. */
export function pathTo(node: NamespaceNode, container: Container): NamespaceNode[] | undefined {
  if (node.containers.includes(container)) return [node];
  for (const child of node.children) {
    const below = pathTo(child, container);
    if (below !== undefined) return [node, ...below];
  }
  return undefined;
}

export interface Level {
  readonly level: number;
  /** Inode of the PID namespace; null when the kernel does not show it. */
  readonly namespace: number | null;
  readonly pid: number;
  readonly container: Container | null;
}

export interface Location {
  readonly process: ProcessSummary;
  readonly container: Container | null;
  /** From the host's PID namespace to the process's own. */
  readonly levels: readonly Level[];
}

/** What a process is called at every level. */
export function locate(view: Survey, process: ProcessSummary): Location {
  const container = view.containerOf.get(process.pid) ?? null;
  const path = container === null ? undefined : pathTo(namespaceTree(view), container);
  const last = process.pids.length - 1;
  const levels = process.pids.map((pid, i): Level => {
    const node = path?.[i];
    const home = i === last ? container : (node?.containers[0] ?? null);
    return { level: i + 1, namespace: i === 0 ? (view.facts.host.pid ?? null) : (node?.inode ?? null), pid, container: i === 0 && last > 0 ? null : home };
  });
  return { process, container, levels };
}

/** The process that `container` knows as PID `inside`; NOT_FOUND if there is none. */
export function findInside(view: Survey, container: Container, inside: number): ProcessSummary {
  // A joined namespace is one set of PIDs, whichever of its containers was named.
  const node = pathTo(namespaceTree(view), container)?.at(-1);
  const found = node?.processes.find((p) => p.pids.at(-1) === inside);
  if (found === undefined) throw new PidboxError("NOT_FOUND", `There is no process with PID ${inside} inside ${quote(container.name ?? container.id)}`);
  return found;
}
