/** A requirement of the runtime specification as a case that a runtime passes or not. */
import type { Bench } from "./bench.ts";
import type { Patch } from "./config.ts";

export type Level = "MUST" | "MUST NOT" | "SHOULD" | "SHOULD NOT" | "MAY";

/** JSON: what a case saw. */
export type Observation = unknown;

export interface Case {
  /** Unique, `section-subject`. */
  readonly id: string;
  /** File and anchor of the specification, such as `runtime.md#start`. */
  readonly clause: string;
  readonly level: Level;
  /** The requirement in a few words of the specification. */
  readonly sentence: string;
  /** What a runtime that conforms is seen to do. */
  readonly expected: Observation;
  readonly run: (bench: Bench) => Promise<Observation>;
}

type Body = Case["run"];

/** A writer of cases for one clause. */
export function clause(at: string): (id: string, level: Level, sentence: string, expected: Observation, run: Body) => Case {
  return (id, level, sentence, expected, run) => ({ id, clause: at, level, sentence, expected, run });
}

/** Creates a container of `patch`, which must be refused in words that have `reason`; else what was said instead. */
export async function refused(bench: Bench, patch: Patch, reason: RegExp): Promise<string> {
  const { code, err } = await bench.container(patch).create();
  return code === 0 ? "accepted" : reason.test(err) ? "refused" : err;
}

/** Creates and starts a container of `patch`: `accepted`, or `refused` with everything that the attempt left behind. */
export async function verdict(bench: Bench, patch: Patch): Promise<string> {
  const before = bench.leftovers();
  const container = bench.container(patch);
  const created = await container.create();
  if (created.code !== 0) {
    const left = bench.leftovers().filter((one) => !before.includes(one));
    return ["refused", ...left].join(", leaving ");
  }
  const started = await container.start();
  await container.destroy();
  return started.code === 0 ? "accepted" : "refused";
}

/** The verdict on each of several configs by name: what is refused is refused for the one thing that differs from what is accepted. */
export function verdicts(variants: Readonly<Record<string, Patch>>): Body {
  return async (bench) => {
    const found: Record<string, string> = {};
    for (const [name, patch] of Object.entries(variants)) found[name] = await verdict(bench, patch);
    return found;
  };
}

/** What the program of a container of `patch` answers to `queries`. */
export function look(patch: Patch, ...queries: readonly string[]): Body {
  return (bench) => bench.look(patch, queries);
}
