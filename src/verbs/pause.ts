/** `pause` and `unpause`: all processes of containers stand still, or go on. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { freezeCgroups, readFreezer, thawCgroups } from "../engine/cgroup-freeze.ts";
import { subjectOf, tell } from "../engine/journal.ts";
import { eachContainer } from "./each-container.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { FoundContainer } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

function running(root: string, reference: string): FoundContainer {
  const found = containerOf(root, reference);
  if (found.life !== "running") throw new PidboxError("CONFLICT", `The container ${quote(found.name, 60)} does not run`);
  return found;
}

const OPERANDS = [{ name: "CONTAINER", help: "Name or id", required: true, repeat: true }] as const;

export const pause: Verb = {
  name: "pause",
  summary: "Let all processes of containers stand still",
  description: "By the freezer of their cgroups: they notice nothing, and no signal reaches them before pidbox unpause. pidbox stop and kill let them go on first.",
  options: [], operands: OPERANDS,
  examples: [{ command: "pidbox pause web", text: "Nothing in it moves any more" }],
  run(args, context) {
    const root = stateRootOf(context);
    return eachContainer(args.operands, context, (reference) => {
      const { name, state } = running(root, reference);
      if (readFreezer(state.cgroups) === "frozen") throw new PidboxError("CONFLICT", `The container ${quote(name, 60)} is paused already`);
      freezeCgroups(state.cgroups);
      tell(root, subjectOf(state), ["pause"]);
    });
  },
};

export const unpause: Verb = {
  name: "unpause",
  summary: "Let the processes of paused containers go on",
  description: "Signals that came meanwhile reach them then.",
  options: [], operands: OPERANDS,
  examples: [{ command: "pidbox unpause web", text: "It goes on" }],
  run(args, context) {
    const root = stateRootOf(context);
    return eachContainer(args.operands, context, (reference) => {
      const { name, state } = running(root, reference);
      if (readFreezer(state.cgroups) !== "frozen") throw new PidboxError("CONFLICT", `The container ${quote(name, 60)} is not paused`);
      thawCgroups(state.cgroups);
      tell(root, subjectOf(state), ["unpause"]);
    });
  },
};
