/** `pidbox tree`: the PID namespaces of the host, who is in them, and what a process is called where. */
import { PidboxError } from "../base/error.ts";
import { columns, printable, quote } from "../base/text.ts";
import type { Container } from "../engine/discover.ts";
import { readSurvey, selectContainer, selectTarget, shortId, type Survey } from "../engine/discover-survey.ts";
import { findInside, type Level, type Location, locate, type NamespaceNode, namespaceTree, pathTo } from "../engine/discover-tree.ts";
import type { ProcessSummary } from "../kernel/process-list.ts";
import { readUsers } from "../kernel/users.ts";
import { readStoredOf } from "./stored-containers.ts";
import type { Outcome, Verb } from "./verb.ts";

function label(container: Container): string {
  const id = shortId(container.id);
  return container.name === null || container.name === container.id ? `${container.engine} ${id}` : `${container.engine} ${id} (${printable(container.name)})`;
}

function namespaceText(inode: number | null): string {
  return inode === null ? "pid:[?]" : `pid:[${inode}]`;
}

function visible(node: NamespaceNode, view: Survey, all: boolean): readonly ProcessSummary[] {
  return node.level > 1 || all ? node.processes : node.processes.filter((p) => view.containerOf.has(p.pid));
}

function nodeText(node: NamespaceNode, view: Survey, all: boolean, users: ReadonlyMap<number, string>): string {
  const name = namespaceText(node.inode);
  if (node.level === 1) {
    const rest = node.processes.length - visible(node, view, all).length;
    return `${name}  host, ${node.processes.length} processes${rest > 0 ? `, ${rest} of them in no container (-a lists them)` : ""}`;
  }
  const uid = node.ownerUid;
  const owner = node.ownerUserNamespace === null ? "owner unknown" : `owner user:[${node.ownerUserNamespace}] of ${uid === null ? "?" : printable(users.get(uid) ?? uid.toString())}`;
  return `${name}  ${node.containers.map(label).join(", ")}, ${owner}`;
}

interface Branch {
  readonly text: string;
  readonly branches: Branch[];
}

/** Chains of processes deeper than this are drawn flat: how deep they are is up to whoever is inside. */
const DEEPEST = 48;

// Below one of its own processes when the parent is in the same namespace, else at the top of it.
function processBranches(node: NamespaceNode, view: Survey, all: boolean): Branch[] {
  const shown = visible(node, view, all);
  const inside = new Set(shown.map((p) => p.pid));
  const children = Map.groupBy(shown, (p) => (inside.has(p.parent) && p.parent !== p.pid ? p.parent : 0));
  const several = node.level === 1 || node.containers.length > 1;
  const roots: Branch[] = [];
  const queue = (children.get(0) ?? []).map((process) => ({ process, into: roots, depth: 1 }));
  for (const { process, into, depth } of queue) {
    const home = several ? view.containerOf.get(process.pid) : undefined;
    const tag = home === undefined ? "" : `  in ${label(home)}`;
    const dead = process.state === "Z" ? " (zombie)" : "";
    const branch: Branch = { text: `${process.pids.join(" = ")}  ${printable(process.name)}${dead}${tag}`, branches: [] };
    into.push(branch);
    const below = depth < DEEPEST ? branch.branches : into;
    for (const child of children.get(process.pid) ?? []) queue.push({ process: child, into: below, depth: depth + 1 });
  }
  return roots;
}

function nodeBranch(node: NamespaceNode, view: Survey, all: boolean, users: ReadonlyMap<number, string>): Branch {
  const below = node.children.map((child) => nodeBranch(child, view, all, users));
  return { text: nodeText(node, view, all, users), branches: [...processBranches(node, view, all), ...below] };
}

function draw(root: Branch): string {
  const lines: string[] = [];
  const stack: { branch: Branch; lead: string; below: string }[] = [{ branch: root, lead: "", below: "" }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    lines.push(top.lead + top.branch.text);
    const { below } = top;
    const count = top.branch.branches.length;
    top.branch.branches.toReversed().forEach((branch, i) => {
      stack.push({ branch, lead: `${below}${i === 0 ? "└─ " : "├─ "}`, below: `${below}${i === 0 || count === 1 ? "   " : "│  "}` });
    });
  }
  return `${lines.join("\n")}\n`;
}

/** A namespace and what is below it, drawn; with `all`, the host's own processes too. */
export function treeText(node: NamespaceNode, view: Survey, all: boolean, users: ReadonlyMap<number, string>): string {
  return draw(nodeBranch(node, view, all, users));
}

function containerKey(container: Container | null): Readonly<Record<string, unknown>> | null {
  return container === null ? null : { id: container.id, name: container.name, engine: container.engine };
}

function processData(p: ProcessSummary, view: Survey): Readonly<Record<string, unknown>> {
  return { pid: p.pid, pids: p.pids, parent: p.parent, name: p.name, state: p.state, container: view.containerOf.get(p.pid)?.id ?? null };
}

function nodeData(node: NamespaceNode, view: Survey, all: boolean): Readonly<Record<string, unknown>> {
  return {
    pidNamespace: node.inode, level: node.level, ownerUserNamespace: node.ownerUserNamespace, ownerUid: node.ownerUid,
    containers: node.containers.map(containerKey), processCount: node.processes.length,
    processes: visible(node, view, all).map((p) => processData(p, view)),
    children: node.children.map((child) => nodeData(child, view, all)),
  };
}

function locationOutcome(location: Location): Outcome {
  const { process, container, levels } = location;
  const home = ({ container: at, level }: Level): string => (at === null ? (level === 1 ? "host" : "?") : label(at));
  const rows = levels.map((l) => [`level ${l.level}`, namespaceText(l.namespace), `PID ${l.pid}`, home(l)]);
  const where = container === null ? "in no container" : `PID ${process.pids.at(-1) ?? process.pid} in ${label(container)}`;
  return {
    exit: 0,
    data: {
      pid: process.pid, name: process.name, pids: process.pids, container: containerKey(container),
      levels: levels.map((l) => ({ level: l.level, pidNamespace: l.namespace, pid: l.pid, container: containerKey(l.container) })),
    },
    text: () => `host PID ${process.pid} (${printable(process.name)}) is ${where}\n${columns(rows)}`,
  };
}

function parseInside(value: string): { reference: string; pid: number } {
  const match = /^(.+):([0-9]{1,7})$/s.exec(value);
  if (match === null) throw new PidboxError("USAGE", `--inside ${quote(value)} is not CONTAINER:PID`, { hint: "For example --inside web:1.", context: { from: "--inside" } });
  return { reference: match[1] ?? "", pid: Number(match[2]) };
}

export const tree: Verb = {
  name: "tree",
  summary: "Show the tree of PID namespaces with their processes and all their PIDs",
  description:
    "Without operand: every PID namespace below the host's, the user namespace that owns it, the containers in it and their processes. `4711 = 12 = 1` is a process " +
    "with PID 4711 on the host, 12 in the container around its own, and 1 inside.\n\n" +
    "With a container: its namespace and those below. With a host PID: which container that process is in and what it is called there. " +
    "With --inside CONTAINER:PID: the other way round, from the PID inside to the one on the host.",
  options: [
    { name: "all", short: "a", help: "Also list the host's processes that are in no container" },
    { name: "format", value: "FORMAT", choices: ["table", "json"], help: "How to print: table for people, json for programs" },
    { name: "inside", value: "CONTAINER:PID", help: "Find the process that the container knows by this PID" },
  ],
  operands: [{ name: "TARGET", help: "Id, beginning of an id or name of a container, or a host PID" }],
  examples: [
    { command: "pidbox tree", text: "All PID namespaces of this host" },
    { command: "pidbox tree 4711", text: "Which container host PID 4711 is in, and its PID there" },
    { command: "pidbox tree --inside web:1", text: "The host PID of PID 1 of the container web" },
  ],
  run(args, context) {
    const inside = args.value("inside");
    const [reference] = args.operands;
    if (inside !== undefined && reference !== undefined) throw new PidboxError("USAGE", "--inside and an operand exclude each other", { context: { from: "--inside" } });
    const wanted = inside === undefined ? undefined : parseInside(inside);
    const view = readSurvey(readStoredOf(context));
    for (const limit of view.facts.limits) context.note(limit);
    if (wanted !== undefined) return locationOutcome(locate(view, findInside(view, selectContainer(view, wanted.reference), wanted.pid)));
    const target = reference === undefined ? undefined : selectTarget(view, reference);
    if (target?.process !== undefined) return locationOutcome(locate(view, target.process));
    const root = namespaceTree(view);
    const node = target?.container === undefined ? root : pathTo(root, target.container)?.at(-1);
    if (node === undefined) throw new PidboxError("NOT_FOUND", `The container ${quote(reference ?? "")} has ended: it has no PID namespace`);
    const all = args.flag("all");
    return { exit: 0, data: nodeData(node, view, all), text: () => treeText(node, view, all, readUsers()) };
  },
};
