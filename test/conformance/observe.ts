/** One case, from its bench to what it saw. */
import { Bench, type RuntimeName } from "./bench.ts";
import type { Case, Observation } from "./case.ts";

export interface Observed {
  readonly seen: Observation;
  /** What the runtime could not remove. */
  readonly left: readonly string[];
}

export async function observe(one: Case, runtime: RuntimeName, programs: string): Promise<Observed> {
  const bench = new Bench(runtime, programs);
  let seen: Observation;
  try {
    seen = await one.run(bench);
  } catch (error) {
    // A case that cannot go on has seen this.
    seen = { error: error instanceof Error ? error.message : String(error) };
  }
  return { seen, left: await bench.close() };
}
