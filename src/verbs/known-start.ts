/** A recorded start as what launcher/known.h runs the next time. */
import { launcherImage } from "../engine/launch.ts";
import type { Recording } from "../engine/known-starts.ts";
import type { ContainerState } from "../engine/store.ts";
import type { Blueprint } from "../plan/blueprint.ts";
import { compileBody } from "../plan/compile.ts";
import type { KnownStart, Patched } from "../plan/known-start.ts";
import { addRoom, programDirectories } from "../plan/program.ts";
import { fillSlots, findSlots, otherNames, otherNumber, renamed, renamedLinks, textSlots, withNames, withoutNames } from "../plan/template.ts";
import type { Names, Slots } from "../plan/template.ts";
import type { Finished } from "./watched-start.ts";

function shifted(slots: Slots, by: number): Slots {
  const move = (places: readonly number[]): number[] => places.map((at) => at + by);
  return { ids: move(slots.ids), shortIds: move(slots.shortIds), ranges: move(slots.ranges), sums: slots.sums.map(([at, plus]) => [at + by, plus] as const) };
}

/** Words of a command, their text, and the same as JSON with some escapes; longer ones are Bun's. */
const [MOST_WORDS, MOST_TEXT, MOST_JSON] = [64, 3072, 4096];
/** A name of a program that is looked up. */
const MOST_NAME = 64;

type Image = Pick<KnownStart, "directories" | "image" | "json" | "planAt" | "room" | "spare">;

/** The launcher with the plan; undefined if names have an effect that cannot be followed. */
function patchedImage({ blueprint, facts, names, self }: Finished): Image | undefined {
  const directories = programDirectories(blueprint.config.process?.env ?? []);
  const pathText = directories.reduce((sum, directory) => sum + 3 * directory.length + MOST_NAME, 0);
  const spare = { paths: directories.length, args: MOST_WORDS, text: MOST_TEXT + pathText };
  const compiled = (one: Blueprint): ReturnType<typeof addRoom> => addRoom(compileBody(one, facts, { self }), one.config.process?.env ?? [], spare);
  const { plan, room } = compiled(blueprint);
  const slots = findSlots({ bytes: plan, programOp: -1 }, names, { bytes: compiled(renamed(blueprint, names, otherNames(names))).plan, programOp: -1 });
  // known-start.ts writes the upper half of a sum.
  if (slots === undefined || slots.sums.some(([, plus]) => plus < 0 || plus > 0xffff)) return undefined;
  const bytes = launcherImage(plan);
  const planAt = bytes.length - plan.length;
  return { directories, spare, room, json: MOST_JSON, planAt, image: { bytes, slots: shifted(slots, planAt), created: [] } };
}

/** state.json without the words of the command, which come last: readState() puts them where they belong. */
function stateBytes({ command: _command, blueprint, ...rest }: ContainerState): Uint8Array {
  const { process, ...config } = blueprint.config;
  const { args: _args, ...bare } = process ?? { args: [] };
  const text = JSON.stringify({ ...rest, blueprint: { ...blueprint, config: { ...config, process: bare } } });
  return new TextEncoder().encode(`${text.slice(0, -1)},"command":`);
}

/** The state of a container that has other names and was made at another time. */
function renamedState(state: ContainerState, from: Names, to: Names, created: number): ContainerState {
  const copy = JSON.parse(withNames(withoutNames(JSON.stringify(state), { id: from.id }), { id: to.id })) as ContainerState;
  return { ...copy, created, reservations: renamedLinks(state.reservations, from, to), blueprint: renamed(state.blueprint, from, to) };
}

/** The state without the command; undefined if the text of a name or of the time stands in it by accident. */
export function patchedState(state: ContainerState, names: Names): Patched | undefined {
  const bytes = stateBytes(state);
  const slots = textSlots(bytes, names);
  const times = { ...textSlots(bytes, { id: names.id, range: state.created }), ids: [], shortIds: [] };
  const [other, time] = [otherNames(names), otherNumber(state.created)];
  const copy = bytes.slice();
  fillSlots(copy, slots, other);
  fillSlots(copy, times, { id: other.id, range: time });
  return Buffer.from(copy).equals(stateBytes(renamedState(state, names, other, time))) ? { bytes, slots, created: times.ranges } : undefined;
}

/** What is to be kept of a start, or undefined if it cannot be repeated. */
export function knownStart(recording: Recording, words: readonly string[], directory: string, misses: number, finished: Finished): KnownStart | undefined {
  const { facts, names, self } = finished;
  const found = recording.facts;
  const [image, state] = [patchedImage(finished), patchedState(finished.state, names)];
  // In the record of a container with no process of its own there would be no place for the command.
  if (found === undefined || image === undefined || state === undefined || finished.state.blueprint.config.process === undefined) return undefined;
  const sealExec = facts.kernel[0] > 6 || (facts.kernel[0] === 6 && facts.kernel[1] >= 3);
  return { ...found, ...image, words, directory, misses, state, ranged: names.range !== undefined, self, sealExec };
}
