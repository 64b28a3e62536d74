/**
 * Starts the same container several times with an empty store of its own, and prints what the supervisors run as JSON. Run by kept-plans.test.ts in
 * namespaces of its own: bun kept-plans-driver.ts PIDBOX ROOTFS
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { planInImage } from "../../src/engine/launch.ts";
import { readState } from "../../src/engine/store.ts";
import { decodePlan } from "../../src/plan/decode.ts";
import { withoutNames } from "../../src/plan/template.ts";
import { sortedJson, start } from "./box.ts";

export interface Start {
  /** Ops and data of the plan as text, without the container's names. */
  readonly plan: string;
  /** What state.json says, without the names and the time. */
  readonly state: string;
  /** Bytes of what is kept, and whether this start changed it. */
  readonly kept: number;
  readonly changed: boolean;
}

const [pidbox = "", rootfs = ""] = process.argv.slice(2);
const STORE = "/run/pidbox";

const keptFiles = (): string[] => readdirSync(STORE).includes("plans") ? readdirSync(`${STORE}/plans`).map((name) => `${STORE}/plans/${name}`) : [];
const stamp = (): string => keptFiles().map((file) => `${file} ${statSync(file).ino}`).join();

async function startOnce(flags: readonly string[], word: string): Promise<Start> {
  const before = stamp();
  const [verb = "", ...rest] = flags;
  await using box = await start([pidbox, verb, ...rest, "/bin/sh", "-c", "echo up; exec cat", word]);
  const ids = readdirSync(`${STORE}/containers`);
  const [id = ""] = ids;
  if (ids.length !== 1) throw new Error(`${ids.length} containers where one was started`);
  const state = readState(`${STORE}/containers/${id}`);
  if (state === undefined) throw new Error("there is no state");
  const range = state.blueprint.mapping?.uid[0]?.hostID;
  const clean = (text: string): string => withoutNames(text, range === undefined ? { id } : { id, range });
  const plan = decodePlan(planInImage(readFileSync(`/proc/${box.pid}/exe`)));
  return {
    plan: clean(JSON.stringify([plan.ops, new TextDecoder("latin1").decode(plan.data)])), state: clean(sortedJson({ ...state, created: 0 })),
    kept: keptFiles().reduce((sum, file) => sum + statSync(file).size, 0), changed: stamp() !== before,
  };
}

const result: Record<string, Start[]> = {};
// Starts with -e are made by Bun each time.
for (const flags of [["do", "-e", "A=1"], ["run", "--rm", "-e", "A=1", `dir:${rootfs}`]]) {
  const starts: Start[] = [];
  for (const word of ["a", "a", "a", "another word"]) starts.push(await startOnce(flags, word));
  result[flags[0] ?? ""] = starts;
}
console.log(JSON.stringify(result));
