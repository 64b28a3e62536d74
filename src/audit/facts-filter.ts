/**
 * What is known of the seccomp filters of a container: from the kernel where that was asked for, else from pidbox's own plan, or from what the engine told its
 * runtime to load.
 */
import { PidboxError } from "../base/error.ts";
import type { Container } from "../engine/discover.ts";
import type { TaskFacts } from "../engine/posture.ts";
import { close } from "../kernel/file.ts";
import { openProcess } from "../kernel/process-list.ts";
import { readSeccompFilters } from "../kernel/ptrace.ts";
import { compileSeccomp } from "../plan/seccomp.ts";
import type { LinuxSeccomp } from "../spec/runtime-config.ts";
import type { DeclaredFacts, FilterFacts } from "./facts.ts";

/** Processes of one container that are stopped: the first, which may be an init with a filter of its own, and of the others one for each number of filters. */
const MOST_STOPS = 4;

export interface FilterOptions {
  /** Whether processes may be stopped. */
  readonly stop: boolean;
  /** Filters of pidbox's own containers, by id, as struct sock_filter[]. */
  readonly own: ReadonlyMap<string, Uint8Array>;
}

/**
 * The processes that stand for all of the container. Filters are inherited and only added to, so those with equally many have the same, unless each added
 * one of its own.
 */
function representatives(tasks: readonly TaskFacts[]): readonly TaskFacts[] {
  const counts = new Set<number | undefined>();
  const chosen = tasks.filter(({ pid, thread, status }, i) => {
    if (pid !== thread || status.seccomp !== 2) return false;
    if (i === 0) return true;
    const fresh = !counts.has(status.seccompFilters);
    counts.add(status.seccompFilters);
    return fresh;
  });
  return chosen.slice(0, MOST_STOPS);
}

function readFilters(tasks: readonly TaskFacts[]): FilterFacts {
  const sets: { pid: number; programs: readonly string[] }[] = [];
  for (const { pid } of representatives(tasks)) {
    const dirfd = openProcess(pid);
    if (dirfd < 0) return { from: "nothing", why: `PID ${pid}: it has ended`, errno: dirfd };
    const programs = readSeccompFilters(pid, dirfd);
    close(dirfd);
    if ("why" in programs) return { from: "nothing", why: `PID ${pid}: ${programs.why}`, ...(programs.errno === undefined ? {} : { errno: programs.errno }) };
    sets.push({ pid, programs: programs.map((program) => program.toHex()) });
  }
  return { from: "kernel", sets };
}

/** Programs of declared profiles, by their text: the containers of an engine have few different ones. */
const compiled = new Map<string, string | undefined>();
const MOST_COMPILED = 100;

function compile(profile: LinuxSeccomp): string | undefined {
  try {
    return compileSeccomp(profile, { arch: process.arch === "arm64" ? "arm64" : "x64" }).toHex();
  } catch (error) {
    // A profile that runc takes and pidbox does not is one of which nothing is known.
    if (!(error instanceof PidboxError)) throw error;
    return undefined;
  }
}

/** The program that a runtime makes of the declared profile; undefined where there is none that is known. */
export function declaredProgram(declared: DeclaredFacts | undefined): string | undefined {
  const profile = typeof declared?.config === "object" ? declared.config.linux?.seccomp : undefined;
  if (profile === undefined) return undefined;
  const key = JSON.stringify(profile, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
  if (!compiled.has(key)) {
    if (compiled.size >= MOST_COMPILED) compiled.clear();
    compiled.set(key, compile(profile));
  }
  return compiled.get(key);
}

/** The filters of one container; `tasks` are its threads, those of the first process first. */
export function filtersOf(container: Container, tasks: readonly TaskFacts[], declared: DeclaredFacts | undefined, { stop, own }: FilterOptions): FilterFacts {
  if (!tasks.some(({ status }) => status.seccomp === 2)) return { from: "kernel", sets: [] };
  const planned = own.get(container.id);
  // The first process is pidbox's own init, whose filter is narrower than that of the program.
  if (planned !== undefined) return { from: "plan", sets: [{ pid: container.initPid ?? 0, programs: [planned.toHex()] }] };
  const read = stop ? readFilters(tasks) : undefined;
  if (read?.from === "kernel") return read;
  const program = declaredProgram(declared);
  if (program !== undefined) return { from: "declared", sets: [{ pid: container.initPid ?? 0, programs: [program] }] };
  return read ?? { from: "nothing", why: "`pidbox audit --stop` reads it, and stops its first process for a moment" };
}
