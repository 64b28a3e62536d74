/** Limits of a cgroup as they bind: the least one of it and of all above it. Pure. */
import type { Evidence } from "../report/finding.ts";
import { evidenceOf, saw } from "./check.ts";
import type { ContainerFacts } from "./facts.ts";

/** Where a limit is: the v1 controller with its file, and the file of v2. */
export interface LimitPlace {
  readonly controller: string;
  readonly v1: string;
  readonly v2: string;
}

export interface LeastLimit {
  /** Infinity: nothing limits; undefined: it could not be read. */
  readonly value: number | undefined;
  readonly evidence: readonly Evidence[];
}

/** v1 writes the largest multiple of a page for "no limit" (PAGE_COUNTER_MAX): nothing real comes near. */
const UNLIMITED = 2 ** 62;

function parse(text: string): number | undefined {
  // The first word: cpu.max has the period behind it.
  const word = text.split(/\s/, 1)[0] ?? "";
  if (word === "max" || word === "-1") return Number.POSITIVE_INFINITY;
  if (!/^[0-9]{1,20}$/.test(word)) return undefined;
  const value = Number(word);
  return value >= UNLIMITED ? Number.POSITIVE_INFINITY : value;
}

export interface LimitFiles {
  /** Path of the container's own, whether it is there or not. */
  readonly own: string;
  /** Those that are there, from the container's cgroup upwards: path and content. */
  readonly files: readonly (readonly [string, string | number])[];
}

/** The files of one limit; undefined where the container's cgroup is not seen. */
export function limitFiles({ cgroups, cgroupFiles }: ContainerFacts, { controller, v1, v2 }: LimitPlace): LimitFiles | undefined {
  const [directory, name] = cgroups.has(controller) ? [cgroups.get(controller), v1] : [cgroups.get("unified"), v2];
  if (directory === undefined) return undefined;
  const files: [string, string | number][] = [];
  for (let level = directory; level !== ""; level = level.slice(0, level.lastIndexOf("/"))) {
    const content = cgroupFiles.get(`${level}/${name}`);
    if (content !== undefined) files.push([`${level}/${name}`, content]);
  }
  return { own: `${directory}/${name}`, files };
}

/** The least value over the whole ancestry. A level without the file has no such controller on, and does not limit. */
export function leastLimit(container: ContainerFacts, place: LimitPlace): LeastLimit {
  const found = limitFiles(container, place);
  if (found === undefined) return { value: undefined, evidence: [saw(`/proc/${container.container.initPid ?? 0}/cgroup`, "no cgroup that this user sees")] };
  let least = { value: Number.POSITIVE_INFINITY, evidence: saw(found.own, found.files.length === 0 ? "the controller is not on" : "max") };
  for (const [path, content] of found.files) {
    const value = typeof content === "number" ? undefined : parse(content);
    if (value === undefined) return { value, evidence: [evidenceOf(path, content)] };
    if (value < least.value || (path === found.own && value === least.value)) least = { value, evidence: evidenceOf(path, content) };
  }
  return { value: least.value, evidence: [least.evidence] };
}
