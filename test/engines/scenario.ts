/**
 * Scenarios: what is done with an engine, run once with runc and once with pidbox-oci below it. Both must end as the scenario says, and equal in all that
 * was seen, but for what `differences.ts` lists.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { join } from "node:path";
import { has, needsBeside, type Part } from "../parts.ts";
import { differencesOf, FORMS, type Difference, type Engine, type Form } from "./differences.ts";
import { patience } from "../until.ts";
import { DRIVER, type Driver } from "./world.ts";

/** Names of the runtimes as engines know them. */
export const RUNTIMES = ["runc", "pidbox"] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** Where a runtime is. PIDBOX_ENGINES_RUNTIME puts another in the place of pidbox-oci, for a look at the scenarios themselves. */
export function runtimePath(runtime: Runtime): string {
  if (runtime === "runc") return Bun.which("runc") ?? "/usr/sbin/runc";
  return process.env["PIDBOX_ENGINES_RUNTIME"] ?? join(import.meta.dir, "../../dist/pidbox-oci");
}

export interface Scenario<Box> {
  readonly name: string;
  /** What must be seen with either runtime: a part of what `run` returns (see toMatchObject of bun:test). */
  readonly expected: unknown;
  /** What it does, with a box of its own, and what it saw. */
  run(box: Box): Promise<unknown>;
  /** It is not to run beside others: it loads the machine, or looks at all that the engine has. */
  readonly alone?: boolean;
  /** What it needs besides what its stage does. */
  readonly parts?: readonly Part[];
  /** Both: it shows what depends on who makes the cgroups, or on the kind of host. Without this it runs with cgroupfs, where there is time for all. */
  readonly driver?: Driver | "both";
}

/** What a scenario's box must do itself. */
export interface Closable {
  /** Removes what the scenario made. */
  close(): Promise<void>;
}

/** How a set of scenarios gets at its engine. */
export interface Stage<Box extends Closable> {
  readonly engine: Engine;
  readonly parts: readonly Part[];
  open(): Promise<void>;
  box(scenario: string, runtime: Runtime): Box;
  /** Stops what `open` started, if it came so far, and returns what the engine left behind. */
  close(): Promise<readonly string[]>;
}

/** At most so many scenarios at once: with two cores more would only wait for each other. */
const LANES = 3;
/** Includes the wait for a lane. */
const LIMIT = patience(600_000);

/** Takes `path` (names divided by dots) out of a copy of `value`; what stood there is returned with it. */
function without(value: unknown, path: readonly string[]): { readonly rest: unknown; readonly taken: unknown } {
  const [name, ...more] = path;
  if (name === undefined || typeof value !== "object" || value === null) return { rest: undefined, taken: value };
  const copy: Record<string, unknown> = Array.isArray(value) ? ([...value] as unknown as Record<string, unknown>) : { ...value };
  const inner = without(copy[name], more);
  copy[name] = inner.rest;
  return { rest: copy, taken: inner.taken };
}

/** Sets the listed differences aside, each of which must be as it is listed. */
function setAside(seen: Record<Runtime, unknown>, listed: readonly Difference[]): Record<Runtime, unknown> {
  let { runc, pidbox } = seen;
  for (const one of listed) {
    const [a, b] = [without(runc, one.path.split(".")), without(pidbox, one.path.split("."))];
    const [wanted, other] = [one.runc, one.pidbox].map((value) => (value instanceof RegExp ? expect.stringMatching(value) : value));
    expect({ path: one.path, runc: a.taken, pidbox: b.taken }).toEqual({ path: one.path, runc: wanted, pidbox: other });
    [runc, pidbox] = [a.rest, b.rest];
  }
  return { runc, pidbox };
}

/** All texts in `value`, with the forms of one runtime replaced; a line of which nothing is left is left out. */
function unify(value: unknown, runtime: Runtime, forms: readonly Form[]): unknown {
  if (typeof value === "string") return forms.reduce((text, form) => text.replace(form[runtime], form.same), value);
  if (Array.isArray(value)) return value.map((one) => unify(one, runtime, forms)).filter((one, i) => one !== "" || value[i] === "");
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, unify(one, runtime, forms)]));
}

/** Compares what was seen, and returns the forms without which it would not be the same. */
function check(engine: Engine, forms: readonly Form[], scenario: Scenario<never>, seen: Record<Runtime, unknown>): Form[] {
  expect({ runtime: "runc", ...(seen.runc as object) }).toMatchObject({ runtime: "runc", ...(scenario.expected as object) });
  const { runc, pidbox } = setAside(seen, differencesOf(engine, scenario.name));
  expect({ runtime: "pidbox", seen: unify(pidbox, "pidbox", forms) }).toEqual({ runtime: "pidbox", seen: unify(runc, "runc", forms) });
  return forms.filter((form) => {
    const others = forms.filter((one) => one !== form);
    return !Bun.deepEquals(unify(pidbox, "pidbox", others), unify(runc, "runc", others));
  });
}

/** Scenarios with their stage. */
export interface ScenarioSet {
  readonly title: string;
  /** Of the scenarios that run with a driver. */
  readonly names: (driver: Driver) => string[];
  /** Makes the tests, with the driver of this host. */
  play(): void;
}

const runsWith = (driver: Driver) => (scenario: Scenario<never>): boolean => [driver, "both"].includes(scenario.driver ?? "cgroupfs");

export function scenarioSet<Box extends Closable>(title: string, stage: Stage<Box>, scenarios: readonly Scenario<Box>[]): ScenarioSet {
  const those = (driver: Driver): readonly Scenario<Box>[] => scenarios.filter(runsWith(driver));
  return { title, names: (driver) => those(driver).map(({ name }) => name), play: () => play(title, stage, those(DRIVER)) };
}

/** Makes the tests of a set. The engine is started before the first and must leave nothing after the last. */
function play<Box extends Closable>(title: string, stage: Stage<Box>, scenarios: readonly Scenario<Box>[]): void {
  if (scenarios.length === 0) return;
  let free = LANES;
  const waiting: { readonly lanes: number; go(): void }[] = [];
  const wake = (): void => {
    while (waiting[0] !== undefined && waiting[0].lanes <= free) {
      const next = waiting.shift();
      free -= next?.lanes ?? 0;
      next?.go();
    }
  };
  const withLanes = async <T>(lanes: number, work: () => Promise<T>): Promise<T> => {
    await new Promise<void>((go) => {
      waiting.push({ lanes, go });
      wake();
    });
    try {
      return await work();
    } finally {
      free += lanes;
      wake();
    }
  };
  const once = async (scenario: Scenario<Box>, runtime: Runtime): Promise<unknown> => {
    const box = stage.box(scenario.name, runtime);
    try {
      return await scenario.run(box);
    } catch (error) {
      throw new Error(`with ${runtime}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    } finally {
      await box.close();
    }
  };
  describe(title, () => {
    // Where all tests are skipped no engine is needed.
    const runs = has(...stage.parts);
    const forms = FORMS.filter(({ sets }) => sets.includes(title));
    const unseen = new Set(forms.filter(({ parts = [] }) => has(...parts)).map(({ what }) => what));
    let ended = 0;
    beforeAll(async () => {
      if (runs) await stage.open();
    }, LIMIT);
    for (const scenario of scenarios) {
      needsBeside(...stage.parts, ...(scenario.parts ?? []))(scenario.name, async () => {
        const seen = (runtime: Runtime): Promise<unknown> => withLanes(scenario.alone === true ? LANES : 1, () => once(scenario, runtime));
        const [runc, pidbox] = await Promise.all([seen("runc"), seen("pidbox")]);
        for (const form of check(stage.engine, forms, scenario, { runc, pidbox })) unseen.delete(form.what);
        ended++;
      }, LIMIT);
    }
    afterAll(async () => {
      if (runs) expect(await stage.close()).toEqual([]);
      // A form that nothing needs could hide a difference that comes one day. With systemd only some scenarios run.
      if (DRIVER === "cgroupfs" && ended === scenarios.length) expect([...unseen]).toEqual([]);
    }, LIMIT);
  });
}
