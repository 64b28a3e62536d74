/** The one way on which `do` and `run` start a container: state on disk, plan, launcher. What fails on the way leaves nothing behind. */
import { EXIT, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { removeDirectory, unlink, writeFile } from "../kernel/file.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { collectSome } from "../engine/garbage-some.ts";
import { subjectOf, tell, trimJournal } from "../engine/journal.ts";
import { createImageFile, replaceProcess } from "../engine/launch.ts";
import { planFor } from "../engine/plan-cache.ts";
import type { ReadyPlan } from "../engine/plan-cache.ts";
import { createDirectory, reserve, stateRoot, writeState } from "../engine/store.ts";
import type { ContainerState, KeptSettings } from "../engine/store.ts";
import type { Blueprint, SeccompFilter } from "../plan/blueprint.ts";
import type { CompileOptions } from "../plan/compile.ts";
import type { HostFacts } from "../plan/host-facts.ts";
import { builtinFilter } from "../plan/seccomp-compiled.ts";
import { DEFAULT_PROFILE } from "../plan/security-modules.ts";
import type { Names } from "../plan/template.ts";
import { parseName } from "../spec/name.ts";
import { withEvents } from "./container-events.ts";
import { FIRST_RANGE, mappingFor, reserveRange } from "./container-user.ts";
import type { ReservedRange } from "./container-user.ts";
import { randomBytes } from "../kernel/random.ts";
import type { WatchedStart } from "./watched-start.ts";
import { wholeNumber } from "./container-limits.ts";
import type { Kind } from "./container-limits.ts";
import type { Arguments, Context, Outcome } from "./verb.ts";
import type { UserMapping } from "../plan/host-facts.ts";

/** Everything that is on disk for a container that is about to start, so that it can be taken back. */
export interface Place {
  readonly id: string;
  readonly name: string;
  readonly root: string;
  readonly directory: string;
  readonly reservations: readonly string[];
  readonly names: readonly string[];
  readonly range: ReservedRange | undefined;
}

function newId(): string {
  return randomBytes(32).toHex();
}

/** Reserves id, name and id range. With `dry` nothing is made and the range is the one that the id would get. Throws CONFLICT, USAGE, IO. */
export function openPlace(args: Arguments, context: Context, facts: HostFacts, dry: boolean): Place {
  const id = dry ? "0".repeat(64) : newId();
  const given = args.value("name");
  const name = given === undefined ? id.slice(0, 12) : parseName(given);
  const root = stateRoot(facts.uid, context.environment);
  const ranged = facts.privileged && args.value("userns") !== "host" && !(args.value("pid") ?? "").startsWith("container:");
  // The name that is made from the id needs no link: it is found as the beginning of the id.
  const names = given === undefined ? [] : [`${root}/names/${name}`];
  if (dry) {
    const range = ranged ? { start: FIRST_RANGE, link: `${root}/ids/${FIRST_RANGE}` } : undefined;
    return { id, name, root, directory: `${root}/containers/${id}`, reservations: range === undefined ? [] : [range.link], names, range };
  }
  const directory = createDirectory(root, id, facts.uid);
  const bare: Place = { id, name, root, directory, reservations: [], names: [], range: undefined };
  let made = bare;
  try {
    if (names[0] !== undefined && !reserve(names[0], id)) {
      throw new PidboxError("CONFLICT", `The name ${quote(name)} is in use by another container`, { hint: `pidbox ps -a shows it; pidbox gc removes it if it is gone`, context: { from: "--name" } });
    }
    made = { ...bare, names };
    const range = ranged ? reserveRange(root, id) : undefined;
    return { ...made, range, reservations: range === undefined ? [] : [range.link] };
  } catch (error) {
    closePlace(made);
    throw error;
  }
}

/** Takes back what openPlace made. */
export function closePlace(place: Place): void {
  for (const link of [...place.names, ...place.reservations]) unlink(link);
  for (const file of ["state.json", "status"]) unlink(`${place.directory}/${file}`);
  removeDirectory(place.directory);
}

/** The id map of the container: none with --userns=host, the other container's with --pid=container:. */
export async function placeMapping(args: Arguments, context: Context, facts: HostFacts, kind: Kind, place: Place): Promise<UserMapping | undefined> {
  if (args.value("userns") === "host") return undefined;
  return mappingFor(facts, kind, place.range, context.environment["PATH"] ?? "");
}

function labelsOf(args: Arguments): Record<string, string> {
  const labels = args.values("label").map((label): [string, string] => {
    const at = label.indexOf("=");
    return at < 0 ? [label, ""] : [label.slice(0, at), label.slice(at + 1)];
  });
  return labels.length === 0 ? {} : Object.fromEntries(labels);
}

/** Whether the caller waits for the container, leaves it alone once it runs, or has it made only. */
export type Intent = "foreground" | "background" | "create";

/** What is stored of a container that can be started again or goes on by itself. */
export interface Kept {
  readonly settings: KeptSettings;
  readonly logs?: string;
  readonly layer?: string;
}

/** A container that is about to be. */
export interface Start {
  readonly blueprint: Blueprint;
  readonly facts: HostFacts;
  readonly args: Arguments;
  readonly kind: Kind;
  readonly place: Place;
  readonly intent: Intent;
  readonly kept?: Kept;
  readonly watched: WatchedStart;
}

/** What must be stored of a filter: nothing of the built-in one that its name says. */
function storedFilter(seccomp: SeccompFilter | undefined): Pick<KeptSettings, "filter"> {
  if (seccomp === undefined) return {};
  const { name, filter } = seccomp;
  const known = name === "strict" || name === "default" ? builtinFilter(name) : undefined;
  return known !== undefined && known.length === filter.length && known.every((byte, i) => byte === filter[i]) ? {} : { filter: filter.toBase64() };
}

function stateOf({ blueprint, args, kind, place, kept }: Start, cgroups: readonly string[]): ContainerState {
  const { seccomp, state: _state, executable: _executable, ...rest } = blueprint;
  const cidfile = args.value("cidfile");
  return {
    version: 1, id: place.id, name: place.name, verb: kind, command: blueprint.config.process?.args ?? [], created: Date.now(),
    unsafe: blueprint.unsafe, degraded: blueprint.degraded, remove: !blueprint.state.keep,
    cgroups, names: place.names,
    reservations: place.reservations, labels: labelsOf(args), ...(cidfile === undefined ? {} : { cidfile }),
    ...(kept?.logs === undefined ? {} : { logs: kept.logs }), ...(kept?.layer === undefined ? {} : { layer: kept.layer }),
    ...(kept === undefined ? {} : { kept: { ...kept.settings, ...storedFilter(seccomp) } }),
    blueprint: { ...rest, ...(seccomp === undefined ? {} : { seccomp: seccomp.name }) },
  };
}

async function explainPlan(blueprint: Blueprint, facts: HostFacts, options: CompileOptions): Promise<Outcome> {
  const [{ compile }, { decodePlan }, { explain, explainData }] = await Promise.all([
    import("../plan/compile.ts"), import("../plan/decode.ts"), import("../plan/explain.ts"),
  ]);
  const decoded = decodePlan(compile(blueprint, facts, options));
  return { exit: EXIT.ok, data: explainData(decoded), text: () => explain(decoded) };
}

function writeIdFile(args: Arguments, id: string): void {
  const path = args.value("cidfile");
  if (path === undefined) return;
  const result = writeFile(path, id, { mode: 0o644, exclusive: true });
  if (result < 0) throw new PidboxError(result === -17 ? "CONFLICT" : "IO", `Cannot write the container's id to ${quote(path)}: ${errnoName(result)}`, { context: { path, errno: errnoName(result), from: "--cidfile" } });
}

/** The blueprint with what its intent asks for, and how its plan is compiled beside the descriptors. */
async function dressed(start: Start, state: ContainerState): Promise<{ blueprint: Blueprint; options: Pick<CompileOptions, "announce" | "fault"> }> {
  const fault = wholeNumber(start.args, "fault", 0, 8191);
  const options = fault === undefined ? {} : { fault };
  if (start.intent !== "background") return { blueprint: withEvents(start.blueprint, state), options };
  const { keptBlueprint } = await import("./container-kept.ts");
  return { blueprint: keptBlueprint(start.blueprint, state, "remove"), options: { ...options, announce: `${start.place.id}\n` } };
}

/** Writes what is stored of the container. The layer comes first, so that whoever finds the state finds that, too. */
async function store(start: Start, state: ContainerState): Promise<void> {
  const { intent, place, facts, args } = start;
  if (start.kept !== undefined) {
    const { makeContainerLayer, makeLogs } = await import("./container-kept.ts");
    makeContainerLayer(state, place.directory, facts.uid);
    if (intent === "background") makeLogs(state, place.directory, facts.uid);
  }
  writeState(place.directory, state);
  writeIdFile(args, place.id);
  if (start.kept !== undefined) tell(place.root, subjectOf(state), ["create"]);
}

function namesOf({ id, range }: Place): Names {
  return range === undefined ? { id } : { id, range: range.start };
}

function planOf({ place, facts }: Start, blueprint: Blueprint, options: CompileOptions): Promise<ReadyPlan> {
  return planFor(place.root, { blueprint, facts, options, names: namesOf(place) });
}

/** Stores the container. Its plan is made to see that it can be; ids and cgroups are given out when it starts. */
async function make(start: Start, state: ContainerState): Promise<Outcome> {
  const { place } = start;
  const { keptBlueprint } = await import("./container-kept.ts");
  await planOf(start, keptBlueprint(start.blueprint, state, "keep"), { self: 3 });
  await store(start, state);
  for (const link of place.reservations) unlink(link);
  return { exit: EXIT.ok, data: { id: place.id, name: place.name }, text: () => `${place.id}\n` };
}

/** Starts the launcher in the place of this process. */
async function launch(start: Start, state: ContainerState): Promise<never> {
  const { facts, args, place, intent } = start;
  const { blueprint, options } = await dressed(start, state);
  const file = createImageFile();
  const gate = args.flag("verify") ? (await import("./verified-start.ts")).openGate() : undefined;
  const charge = intent === "background" ? (await import("./container-kept.ts")).chargeOf(place.directory, place.name) : undefined;
  const descriptors = { self: file, ...(gate === undefined ? {} : { gate: gate.inside }), ...(charge === undefined ? {} : { charge }) };
  const { plan, cgroups } = await planOf(start, blueprint, { ...descriptors, ...options });
  const complete = stateOf(start, cgroups);
  await store(start, complete);
  if (gate !== undefined) (await import("./verified-start.ts")).startVerifier(gate, blueprint, facts);
  await start.watched.finish({ blueprint, facts, state: complete, names: namesOf(place), self: file });
  return replaceProcess(file, plan, place.name);
}

/** Explains the plan, makes the container, or starts it in the place of this process: then it does not return. */
export async function startContainer(start: Start): Promise<Outcome> {
  const { blueprint, facts, args, place, intent } = start;
  const state = stateOf(start, []);
  if (args.flag("explain")) {
    const { blueprint: whole, options } = await dressed(start, state);
    return explainPlan(whole, facts, { self: 3, ...options, ...(args.flag("verify") ? { gate: 32 } : {}), ...(intent === "background" ? { charge: 33 } : {}) });
  }
  if (blueprint.config.process?.apparmorProfile === DEFAULT_PROFILE && facts.privileged) (await import("../engine/apparmor.ts")).loadDefaultProfile();
  start.watched.end();
  await collectSome(place.root);
  trimJournal(place.root);
  try {
    return await (intent === "create" ? make : launch)(start, state);
  } catch (error) {
    if (start.kept !== undefined) (await import("../engine/removal.ts")).removeData(state);
    throw error;
  }
}
