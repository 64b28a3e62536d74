/** One look at the host, and finding one container or process in it by what a person typed. */
import { PidboxError } from "../base/error.ts";
import { printable, quote } from "../base/text.ts";
import type { ProcessSummary } from "../kernel/process-list.ts";
import { type Container, discover, type StoredContainer } from "./discover.ts";
import type { ProcessFacts } from "./discover-facts.ts";
import { readProcessFacts } from "./discover-read.ts";

export interface Survey {
  readonly facts: ProcessFacts;
  readonly containers: readonly Container[];
  readonly processes: ReadonlyMap<number, ProcessSummary>;
  /** The container of each process that is in one, by host PID. */
  readonly containerOf: ReadonlyMap<number, Container>;
}

/** Indexes facts and the containers found in them. */
export function survey(facts: ProcessFacts, stored: readonly StoredContainer[] = []): Survey {
  const containers = discover(facts, stored);
  const containerOf = new Map<number, Container>();
  for (const container of containers) for (const pid of container.processes) containerOf.set(pid, container);
  return { facts, containers, processes: new Map(facts.processes.map((p) => [p.pid, p])), containerOf };
}

/** Looks at the host now. `stored` is what pidbox's own state says of its containers. */
export function readSurvey(stored: readonly StoredContainer[] = []): Survey {
  return survey(readProcessFacts(), stored);
}

/** The short form of an id: 12 characters of a 64-digit one, others whole. Printable. */
export function shortId(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : printable(id);
}

function ambiguous(reference: string, matches: readonly string[]): PidboxError {
  const shown = matches.slice(0, 5).join(", ");
  return new PidboxError("CONFLICT", `${quote(reference)} could be ${matches.length} things: ${shown}${matches.length > 5 ? ", ..." : ""}`, {
    hint: "Give more of the id, or pid:N for a process of the host.",
  });
}

export interface Target {
  readonly container: Container | undefined;
  /** Set when the reference was a host PID. */
  readonly process: ProcessSummary | undefined;
}

function byPid(view: Survey, pid: number): Target | undefined {
  const process = view.processes.get(pid);
  return process === undefined ? undefined : { process, container: view.containerOf.get(pid) };
}

/**
 * What `reference` means: a whole id, a name, a host PID, or the beginning of an id, in that order; `pid:N` is always a PID.
 * CONFLICT when it means more than one, NOT_FOUND when it means nothing.
 */
export function selectTarget(view: Survey, reference: string): Target {
  const explicit = /^pid:([1-9][0-9]{0,6})$/.exec(reference)?.[1];
  if (explicit !== undefined) {
    const target = byPid(view, Number(explicit));
    if (target !== undefined) return target;
    throw new PidboxError("NOT_FOUND", `There is no process with host PID ${explicit}`);
  }
  const whole = view.containers.find((c) => c.id === reference);
  if (whole !== undefined) return { container: whole, process: undefined };
  const named = view.containers.filter((c) => c.name === reference);
  if (named.length > 1) throw ambiguous(reference, named.map((c) => `${c.engine} ${shortId(c.id)}`));
  if (named[0] !== undefined) return { container: named[0], process: undefined };
  const process = /^[1-9][0-9]{0,6}$/.test(reference) ? byPid(view, Number(reference)) : undefined;
  const begun = reference === "" ? [] : view.containers.filter((c) => c.id.startsWith(reference));
  // A short number that is a live PID means the PID, unless it is long enough to be meant as an id.
  const ids = process !== undefined && reference.length < 4 ? [] : begun;
  const matches = [...(process === undefined ? [] : [`host PID ${reference}`]), ...ids.map((c) => `${c.engine} ${shortId(c.id)}`)];
  if (matches.length > 1) throw ambiguous(reference, matches);
  if (process !== undefined) return process;
  if (begun[0] !== undefined) return { container: begun[0], process: undefined };
  throw new PidboxError("NOT_FOUND", `There is no container or process ${quote(reference)}`, { hint: "`pidbox ps` lists the containers that run." });
}

/** The container that `reference` means; NOT_FOUND for a process that is in none. */
export function selectContainer(view: Survey, reference: string): Container {
  const { container, process } = selectTarget(view, reference);
  if (container !== undefined) return container;
  throw new PidboxError("NOT_FOUND", `Process ${process?.pid ?? 0} (${quote(process?.name ?? "")}) is in no container: it is in the host's own PID namespace`);
}
