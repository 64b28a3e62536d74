/** The lines of the journal of events that a container's supervisor is to write. */
import { journalFiles, subjectOf } from "../engine/journal.ts";
import { rootOf } from "../engine/store.ts";
import type { ContainerState } from "../engine/store.ts";
import type { Blueprint, JournalLines } from "../plan/blueprint.ts";
import { eventHead, eventTail } from "../spec/event.ts";

/** The blueprint of a container's next start with its lines. What nobody could start again is created with its first start. */
export function withEvents(blueprint: Blueprint, state: ContainerState): Blueprint {
  const events: JournalLines = {
    path: journalFiles(rootOf(blueprint.state.directory))[0], tail: eventTail(subjectOf(state)),
    started: eventHead(state.kept === undefined ? ["create", "start"] : ["start"]), ended: eventHead(["die"]),
    ...(state.remove ? { removed: eventHead(["destroy"]) } : {}),
  };
  return { ...blueprint, events };
}
