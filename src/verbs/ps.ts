/** `pidbox ps`: every container on this host, whoever started it. */
import { PidboxError } from "../base/error.ts";
import { columns, printable, quote } from "../base/text.ts";
import { type Container, userMapText } from "../engine/discover.ts";
import { readSurvey, shortId } from "../engine/discover-survey.ts";
import { rowPrinter } from "./row-format.ts";
import type { Row } from "./row-format.ts";
import { readStoredOf } from "./stored-containers.ts";
import { ageText } from "./ps-age.ts";
import type { Arguments, Verb } from "./verb.ts";

const FILTERS: Readonly<Record<string, (container: Container, value: string) => boolean>> = {
  id: (c, value) => c.id.startsWith(value),
  name: (c, value) => c.name?.includes(value) === true,
  engine: (c, value) => c.engine === value,
  status: (c, value) => c.state === value,
  pid: (c, value) => c.processes.includes(Number(value)),
  parent: (c, value) => c.parent?.startsWith(value) === true,
  pod: (c, value) => c.pod === value,
  shared: (c, value) => c.sharedWithHost.some((type) => type === value),
  label: (c, value) => Object.entries(c.labels ?? {}).some(([key, text]) => key === value || `${key}=${text}` === value),
};

function filters(args: Arguments): ((container: Container) => boolean)[] {
  return args.values("filter").map((text) => {
    const equals = text.indexOf("=");
    const [key, value] = [text.slice(0, Math.max(equals, 0)), text.slice(equals + 1)];
    const filter = Object.hasOwn(FILTERS, key) ? FILTERS[key] : undefined;
    if (filter !== undefined) return (container: Container) => filter(container, value);
    throw new PidboxError("USAGE", `--filter ${quote(text)} is not KEY=VALUE with a known key`, { hint: `Keys: ${Object.keys(FILTERS).join(", ")}.`, context: { from: "--filter" } });
  });
}

function last(args: Arguments): number | undefined {
  if (args.flag("latest")) return 1;
  const text = args.value("last");
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,6}$/.test(text)) throw new PidboxError("USAGE", `--last ${quote(text)} is not a number of containers`, { context: { from: "--last" } });
  return Number(text);
}

const MOST_PORTS = 4;

function publishedNote(ports: readonly string[]): string[] {
  if (ports.length === 0) return [];
  const shown = ports.length <= MOST_PORTS ? ports : [...ports.slice(0, MOST_PORTS - 1), `${ports.length - MOST_PORTS + 1} ports more`];
  return [`publishes ${shown.join(", ")}`];
}

/** What a person must know of a container beside its row. */
export function notesOf(container: Container): string[] {
  return [
    ...container.unsafe.map((name) => `unsafe: ${name}`),
    ...container.degraded.map((name) => `degraded: ${name}`),
    ...publishedNote(container.ports ?? []),
    ...(container.pod === null ? [] : [`pod ${container.pod}`]),
    ...(container.parent === null ? [] : [`inside ${shortId(container.parent)}`]),
    ...(container.pidSharedWith === null ? [] : [`PID namespace of ${shortId(container.pidSharedWith)}`]),
    ...(container.strays.length === 0 ? [] : [`${container.strays.length} in the cgroup but outside the PID namespace`]),
    ...(container.lost === true ? [`its supervisor was killed${container.kept === true ? "" : ": pidbox gc removes it"}`] : []),
  ];
}

/** Types shared with the host; a type followed by `?` is unknown, a lone `?` means that none could be read. */
export function sharedText(container: Container): string {
  if (container.initPid === null) return "-";
  if (container.unknown.length > 0 && container.sharedWithHost.every((type) => type === "pid")) return container.sharedWithHost.length > 0 ? "pid,?" : "?";
  const words = [...container.sharedWithHost, ...container.unknown.map((type) => `${type}?`)];
  return words.length === 0 ? "nothing" : words.join(",");
}

/** As docker says it; `now` in milliseconds since the epoch. */
export function statusText({ state, since, ended, exitCode }: Pick<Container, "state" | "since" | "ended" | "exitCode">, now: number): string {
  const up = since === null ? "Up" : `Up ${ageText(since, now).replace(/ ago$/, "")}`;
  const end = `(${exitCode ?? "?"})${ended === null ? "" : ` ${ageText(ended, now)}`}`;
  switch (state) {
    case "created": return "Created";
    case "running": return up;
    case "paused": return `${up} (Paused)`;
    case "restarting": return `Restarting ${end}`;
    case "exited": return `Exited ${end}`;
  }
}

function clip(text: string, whole: boolean): string {
  const shown = printable(text);
  return whole || shown.length <= 32 ? shown : `${shown.slice(0, 29)}...`;
}

/** The table of `ps`; `now` in milliseconds since the epoch. */
export function containerTable(containers: readonly Container[], whole: boolean, now: number): string {
  const rows = containers.map((c) => [
    whole ? printable(c.id) : clip(shortId(c.id), false), clip(c.name ?? "-", whole), c.engine, c.initPid?.toString() ?? "-", c.processes.length.toString(),
    c.initPid === null ? "-" : userMapText(c), sharedText(c), statusText(c, now), clip(notesOf(c).join("; "), true),
  ]);
  return columns([["CONTAINER ID", "NAME", "ENGINE", "INIT PID", "PROCS", "USER MAP", "SHARED WITH HOST", "STATUS", "NOTES"], ...rows], new Set([3, 4]));
}

// The fields of Container, with the time as ISO 8601 and the derived texts.
function containerData(container: Container): Readonly<Record<string, unknown>> {
  const since = container.since === null ? null : new Date(container.since).toISOString();
  const ended = container.ended === null ? null : new Date(container.ended).toISOString();
  return { ...container, since, ended, status: statusText(container, Date.now()), userMap: userMapText(container), notes: notesOf(container) };
}

/** Docker's names for what both have; `Engine` is ours. */
const HEADINGS = {
  ID: "CONTAINER ID", Names: "NAMES", Image: "IMAGE", Engine: "ENGINE", Command: "COMMAND", CreatedAt: "STARTED AT", RunningFor: "STARTED", Status: "STATUS",
  State: "STATE",
  Labels: "LABELS", Ports: "PORTS", Pid: "INIT PID",
} as const;

function rowOf(container: Container, whole: boolean, now: number): Row {
  const { id, name, image, engine, command, since, state, labels = {}, ports = [], initPid } = container;
  const words = printable(command.join(" "));
  return {
    ID: whole ? id : shortId(id), Names: name ?? "", Image: image ?? "", Engine: engine, Command: whole ? words : words.slice(0, 20),
    CreatedAt: since === null ? "" : new Date(since).toISOString(), RunningFor: since === null ? "" : ageText(since, now), Status: statusText(container, now),
    State: state,
    Labels: Object.entries(labels).map(([key, value]) => `${key}=${value}`).join(","), Ports: ports.join(", "), Pid: initPid ?? 0,
  };
}

export const ps: Verb = {
  name: "ps",
  summary: "List every container on this host, whoever started it",
  description:
    "Finds containers by PID namespace and cgroup from /proc alone: those of pidbox, Docker, containerd, Podman, CRI-O, Kubernetes, LXC, Incus, systemd-nspawn, bubblewrap, " +
    "plain runc or crun, and unshare. No engine is asked and nothing of a container is executed.\n\n" +
    "SHARED WITH HOST names the namespaces that do not separate the container; a question mark means that the kernel does not tell this user, " +
    "which is not the same as separated. Engines are told by cgroup and starting process; below another container both are that container's own claims.",
  options: [
    { name: "all", short: "a", help: "Also list pidbox's containers that have ended or were not started yet" },
    { name: "filter", short: "f", value: "KEY=VALUE", repeat: true, help: `Only those that match every filter; keys: ${Object.keys(FILTERS).join(", ")}` },
    { name: "format", value: "FORMAT", help: "table for people, json for programs, one object a line, or a template such as {{.Names}}, with \"table \" before it for a heading" },
    { name: "last", short: "n", value: "N", help: "Only the N that were started last, ended ones included" },
    { name: "latest", short: "l", help: "Only the one that was started last, ended ones included" },
    { name: "no-trunc", help: "Print whole ids and names" },
    { name: "quiet", short: "q", help: "Print ids only" },
  ],
  operands: [],
  examples: [
    { command: "pidbox ps", text: "What runs now" },
    { command: "pidbox ps --filter shared=net", text: "Containers that share the host's network" },
    { command: "pidbox ps --filter pid=4711 -q", text: "The id of the container that host PID 4711 is in" },
  ],
  run(args, context) {
    const tests = filters(args);
    const print = rowPrinter(args.value("format"), HEADINGS);
    const count = last(args);
    const view = readSurvey(readStoredOf(context));
    const all = args.flag("all") || count !== undefined || args.values("filter").some((filter) => /^status=(exited|created)$/.test(filter));
    const matching = view.containers.filter((c) => (all || ["running", "paused", "restarting"].includes(c.state)) && tests.every((test) => test(c)));
    const ordered = count === undefined ? matching : matching.toSorted((a, b) => (b.since ?? 0) - (a.since ?? 0)).slice(0, count);
    for (const limit of view.facts.limits) context.note(limit);
    const whole = args.flag("no-trunc");
    if (args.flag("quiet")) {
      const ids = ordered.map((c) => (whole ? printable(c.id) : shortId(c.id)));
      return { exit: 0, data: ids, text: () => ids.map((id) => `${id}\n`).join("") };
    }
    const now = Date.now();
    const text = (): string => (print === undefined ? containerTable(ordered, whole, now) : print(ordered.map((one) => rowOf(one, whole, now))));
    return { exit: 0, data: ordered.map(containerData), text };
  },
};
