/** `rm`: takes containers away, with what they have on disk. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { settleLost } from "../engine/lost.ts";
import { removeContainer } from "../engine/removal.ts";
import { stopContainer, takeChargeOfEnded } from "../engine/stopping.ts";
import { findContainer, readState } from "../engine/store.ts";
import { SIGNAL } from "../kernel/abi/constants.ts";
import { close } from "../kernel/file.ts";
import { eachContainer } from "./each-container.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { FoundContainer } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

const RUNS = ["running", "restarting", "starting"];

/** Removes a container that does not run. Throws CONFLICT if somebody else is in charge of it, IO. */
export function removeStored({ directory, name, life }: Pick<FoundContainer, "directory" | "name" | "life">): void {
  if (life === "lost") settleLost(directory, Date.now());
  const charge = takeChargeOfEnded(directory);
  const state = readState(directory);
  // One that is removed when it ends may be gone by itself.
  if (state === undefined) return;
  if (charge === undefined) throw new PidboxError("CONFLICT", `Cannot remove the container ${quote(name, 60)}: another command is at work on it`, { hint: "Try again" });
  const left = removeContainer(directory, state, false);
  close(charge);
  if (left.length > 0) throw new PidboxError("IO", `Cannot remove all of the container ${quote(name, 60)}: ${left.map((path) => quote(path)).join(", ")}`, { hint: "pidbox gc tries again", context: { path: left[0] ?? "" } });
}

function removeOne(root: string, reference: string, force: boolean): void {
  // What is to be gone and is not there is as it should be.
  if (force && findContainer(root, reference) === undefined) return;
  const found = containerOf(root, reference);
  if (RUNS.includes(found.life)) {
    if (!force) throw new PidboxError("CONFLICT", `Cannot remove the container ${quote(found.name, 60)}: it runs`, { hint: `pidbox stop ${found.name}, or pidbox rm -f ${found.name}` });
    stopContainer(found.directory, { signal: SIGNAL.KILL, timeout: 0 });
  }
  removeStored(found);
}

export const rm: Verb = {
  name: "rm",
  summary: "Remove containers",
  description: "The record, the log and the changes to the root filesystem go. One that runs is left alone, unless it is to be killed.",
  options: [
    { name: "force", short: "f", help: "Kill it first if it runs; no error if there is none of this name" },
    { name: "volumes", short: "v", help: "Taken for docker's sake: there are no volumes, and what is bound from the host stays" },
  ],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true, repeat: true }],
  examples: [{ command: "pidbox rm -f web", text: "Whether it runs or not" }],
  run(args, context) {
    const root = stateRootOf(context);
    return eachContainer(args.operands, context, (reference) => removeOne(root, reference, args.flag("force")));
  },
};
