/** The one way on which `do` and `run` start a container: state on disk, plan, launcher. What fails on the way leaves nothing behind. */
import { EXIT, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { removeDirectory, unlink, writeFile } from "../kernel/file.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { collectSome } from "../engine/garbage-some.ts";
import { createImageFile, replaceProcess } from "../engine/launch.ts";
import { planFor } from "../engine/plan-cache.ts";
import { createDirectory, reserve, stateRoot, writeState } from "../engine/store.ts";
import type { ContainerState } from "../engine/store.ts";
import type { Blueprint } from "../plan/blueprint.ts";
import type { HostFacts } from "../plan/host-facts.ts";
import { DEFAULT_PROFILE } from "../plan/security-modules.ts";
import { parseName } from "../spec/name.ts";
import { FIRST_RANGE, mappingFor, reserveRange } from "./container-user.ts";
import type { ReservedRange } from "./container-user.ts";
import { randomBytes } from "../kernel/random.ts";
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

function stateOf(blueprint: Blueprint, cgroups: readonly string[], args: Arguments, kind: Kind, place: Place): ContainerState {
  const { seccomp, state: _state, executable: _executable, ...rest } = blueprint;
  const cidfile = args.value("cidfile");
  return {
    version: 1, id: place.id, name: place.name, verb: kind, command: blueprint.config.process?.args ?? [], created: Date.now(),
    unsafe: blueprint.unsafe, degraded: blueprint.degraded, remove: !blueprint.state.keep,
    cgroups, names: place.names, reservations: place.reservations, labels: labelsOf(args), ...(cidfile === undefined ? {} : { cidfile }),
    blueprint: { ...rest, ...(seccomp === undefined ? {} : { seccomp: seccomp.name }) },
  };
}

async function explainPlan(blueprint: Blueprint, facts: HostFacts, verify: boolean): Promise<Outcome> {
  const [{ compile }, { decodePlan }, { explain, explainData }] = await Promise.all([
    import("../plan/compile.ts"), import("../plan/decode.ts"), import("../plan/explain.ts"),
  ]);
  const decoded = decodePlan(compile(blueprint, facts, { self: 3, ...(verify ? { gate: 32 } : {}) }));
  return { exit: EXIT.ok, data: explainData(decoded), text: () => explain(decoded) };
}

function writeIdFile(args: Arguments, id: string): void {
  const path = args.value("cidfile");
  if (path === undefined) return;
  const result = writeFile(path, id, { mode: 0o644, exclusive: true });
  if (result < 0) throw new PidboxError(result === -17 ? "CONFLICT" : "IO", `Cannot write the container's id to ${quote(path)}: ${errnoName(result)}`, { context: { path, errno: errnoName(result), from: "--cidfile" } });
}

/** Explains the plan, or starts it in the place of this process: then it does not return. */
export async function startContainer(blueprint: Blueprint, facts: HostFacts, args: Arguments, kind: Kind, place: Place): Promise<Outcome> {
  const fault = wholeNumber(args, "fault", 0, 8191);
  const verify = args.flag("verify");
  if (args.flag("explain")) return explainPlan(blueprint, facts, verify);
  if (blueprint.config.process?.apparmorProfile === DEFAULT_PROFILE && facts.privileged) (await import("../engine/apparmor.ts")).loadDefaultProfile();
  await collectSome(place.root);
  const file = createImageFile();
  const gate = verify ? (await import("./verified-start.ts")).openGate() : undefined;
  const options = { self: file, ...(fault === undefined ? {} : { fault }), ...(gate === undefined ? {} : { gate: gate.inside }) };
  const names = { id: place.id, ...(place.range === undefined ? {} : { range: place.range.start }) };
  const { plan, cgroups } = await planFor(place.root, { blueprint, facts, options, names });
  writeState(place.directory, stateOf(blueprint, cgroups, args, kind, place));
  writeIdFile(args, place.id);
  if (gate !== undefined) (await import("./verified-start.ts")).startVerifier(gate, blueprint, facts);
  return replaceProcess(file, plan, place.name);
}
