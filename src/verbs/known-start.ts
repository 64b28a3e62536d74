/** A recorded start as what launcher/known.h runs the next time. */
import { launcherImage } from "../engine/launch.ts";
import type { Recording } from "../engine/known-starts.ts";
import type { ContainerState } from "../engine/store.ts";
import type { Blueprint } from "../plan/blueprint.ts";
import { compile } from "../plan/compile.ts";
import type { KnownStart, Patched } from "../plan/known-start.ts";
import { findSlots, otherNames, textSlots, withNames, withoutNames } from "../plan/template.ts";
import type { Names, Slots } from "../plan/template.ts";
import type { Finished } from "./watched-start.ts";

/** The blueprint of a container that has other names. */
function renamed({ seccomp, ...rest }: Blueprint, names: Names, other: Names): Blueprint {
  const blueprint = JSON.parse(withNames(withoutNames(JSON.stringify(rest), names), other)) as Blueprint;
  return seccomp === undefined ? blueprint : { ...blueprint, seccomp };
}

function shifted(slots: Slots, by: number): Slots {
  const move = (places: readonly number[]): number[] => places.map((at) => at + by);
  return { ids: move(slots.ids), shortIds: move(slots.shortIds), ranges: move(slots.ranges), sums: slots.sums.map(([at, plus]) => [at + by, plus] as const) };
}

/** The launcher with the plan; undefined if names have an effect that cannot be followed. */
function patchedImage({ blueprint, facts, plan, names, self }: Finished): Patched | undefined {
  const other = compile(renamed(blueprint, names, otherNames(names)), facts, { self });
  const bytes = new Uint8Array(plan);
  const slots = findSlots({ bytes, programOp: -1 }, names, { bytes: other, programOp: -1 });
  const image = launcherImage(plan);
  return slots === undefined ? undefined : { bytes: image, slots: shifted(slots, image.length - plan.length), created: [] };
}

function patchedState(state: ContainerState, names: Names): Patched {
  const bytes = new TextEncoder().encode(JSON.stringify(state));
  return { bytes, slots: textSlots(bytes, names), created: textSlots(bytes, { id: names.id, range: state.created }).ranges };
}

/** What is to be kept of a start, or undefined if it cannot be repeated. */
export function knownStart(recording: Recording, words: readonly string[], directory: string, misses: number, finished: Finished): KnownStart | undefined {
  const { facts, state, names, self } = finished;
  const found = recording.facts;
  const image = patchedImage(finished);
  if (found === undefined || image === undefined) return undefined;
  const sealExec = facts.kernel[0] > 6 || (facts.kernel[0] === 6 && facts.kernel[1] >= 3);
  return { ...found, words, directory, misses, image, state: patchedState(state, names), ranged: names.range !== undefined, self, sealExec };
}
