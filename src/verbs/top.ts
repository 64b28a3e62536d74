/** `pidbox top`: the processes of one container, from both sides. */
import { bytesText, columns, printable } from "../base/text.ts";
import type { Container } from "../engine/discover.ts";
import { readSurvey, selectContainer, shortId } from "../engine/discover-survey.ts";
import { type CgroupCounters, parseCgroupLayout, readCgroupCounters } from "../kernel/cgroup.ts";
import { readMountinfo } from "../kernel/mountinfo.ts";
import { idInside, readNamespaces } from "../kernel/namespaces.ts";
import { type ProcessDetail, readDetail } from "../kernel/process-list.ts";
import { TICKS_PER_SECOND } from "../kernel/process-status.ts";
import { readUsers } from "../kernel/users.ts";
import { readStoredOf } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

interface Row {
  readonly pid: number;
  /** PIDs from the host's namespace to the container's. */
  readonly pids: readonly number[];
  readonly parent: number;
  /** Effective user as the host and as the container number it; null inside is unmapped or unknown. */
  readonly uid: number;
  readonly user: string | null;
  readonly uidInside: number | null;
  readonly state: string;
  /** CPU time over elapsed time since the process started, as ps(1) gives it. */
  readonly cpuPercent: number;
  readonly residentBytes: number | null;
  readonly threads: number;
  readonly command: readonly string[];
  readonly name: string;
}

function row(detail: ProcessDetail, uptime: number, ownUserNamespace: number | undefined, users: ReadonlyMap<number, string>): Row {
  const { status, stat } = detail;
  const uid = status.uids.effective;
  // The kernel prints the map of the reader's own user namespace relative to its parent; there ids are the same on both sides.
  const same = detail.namespaces.user !== undefined && detail.namespaces.user === ownUserNamespace;
  const inside = same ? uid : detail.uidMap === undefined ? undefined : idInside(detail.uidMap, uid);
  const elapsed = Math.max(uptime - stat.start / TICKS_PER_SECOND, 1 / TICKS_PER_SECOND);
  return {
    pid: detail.pid, pids: status.pids, parent: status.parent, uid, user: users.get(uid) ?? null, uidInside: inside ?? null, state: status.state,
    cpuPercent: Math.round(((stat.userTicks + stat.systemTicks) / TICKS_PER_SECOND / elapsed) * 1000) / 10,
    residentBytes: status.residentBytes ?? null, threads: status.threads, command: detail.command, name: status.name,
  };
}

function commandText(r: Row): string {
  return printable(r.command.length === 0 ? `[${r.name}]` : r.command.join(" ")).slice(0, 200);
}

function usageText(counters: CgroupCounters): string {
  const parts = [
    ...(counters.pids === undefined ? [] : [`${counters.pids} tasks`]),
    ...(counters.memoryBytes === undefined ? [] : [`${bytesText(counters.memoryBytes)} memory`]),
    ...(counters.cpuMicroseconds === undefined ? [] : [`${(counters.cpuMicroseconds / 1e6).toFixed(1)} s CPU`]),
  ];
  return parts.length === 0 ? "" : `; its cgroup: ${parts.join(", ")}`;
}

function text(container: Container, rows: readonly Row[], counters: CgroupCounters): string {
  const { depth } = container;
  const inner = Array.from({ length: Math.max(0, depth - 1) }, (_, i) => (i === depth - 2 ? "PID INSIDE" : `LEVEL ${i + 2}`));
  const header = ["HOST PID", ...inner, "USER", "UID INSIDE", "STATE", "%CPU", "RSS", "COMMAND"];
  const cells = rows.map((r) => [
    ...header.slice(0, depth).map((_, i) => r.pids[i]?.toString() ?? "?"), printable(r.user ?? r.uid.toString()),
    r.uidInside?.toString() ?? "?", r.state, r.cpuPercent.toFixed(1), r.residentBytes === null ? "-" : bytesText(r.residentBytes), commandText(r),
  ]);
  const right = new Set([...Array.from({ length: depth }, (_, i) => i), depth + 1, depth + 3, depth + 4]);
  const name = container.name === null ? "" : ` (${printable(container.name)})`;
  return `${container.engine} ${shortId(container.id)}${name}${usageText(counters)}\n${columns([header, ...cells], right)}`;
}

// A PID may have been given out again since the container was found: a process of another namespace is left out.
function stillInside(detail: ProcessDetail, container: Container): boolean {
  const { pid } = container.namespaces;
  return detail.status.pids.length === container.depth && (pid === undefined || detail.namespaces.pid === undefined || detail.namespaces.pid === pid);
}

export const top: Verb = {
  name: "top",
  summary: "Show the processes of one container with their PIDs on every level",
  description:
    "Lists each process of a container, whichever engine started it: its PID on the host and in every PID namespace down to its own, its user outside and inside, state, " +
    "CPU use over its lifetime, resident memory and command. Names and commands are what the processes say of themselves.",
  options: [{ name: "format", value: "FORMAT", choices: ["table", "json"], help: "How to print: table for people, json for programs" }],
  operands: [{ name: "CONTAINER", required: true, help: "Id, beginning of an id, name, or the host PID of any process in it" }],
  examples: [
    { command: "pidbox top web", text: "The container named web" },
    { command: "pidbox top 4711", text: "The container that host PID 4711 is in" },
  ],
  run(args, context) {
    const view = readSurvey(readStoredOf(context));
    const container = selectContainer(view, args.operands[0] ?? "");
    const own = readNamespaces("self").user;
    const users = readUsers();
    const details = container.processes.map(readDetail).filter((d) => d !== undefined && stillInside(d, container)) as ProcessDetail[];
    const rows = details.map((detail) => row(detail, view.facts.uptime, own, users));
    const mounts = readMountinfo("self");
    const first = view.processes.get(container.initPid ?? 0);
    // The counters of the root cgroup are the host's, not the container's.
    const confined = container.cgroup !== null && first !== undefined && typeof mounts !== "number";
    const counters = confined ? readCgroupCounters(parseCgroupLayout(mounts), first.cgroups.filter((m) => m.path === container.cgroup)) : {};
    for (const limit of view.facts.limits) context.note(limit);
    return {
      exit: 0,
      data: { id: container.id, name: container.name, engine: container.engine, state: container.state, cgroup: counters, processes: rows },
      text: () => text(container, rows, counters),
    };
  },
};
