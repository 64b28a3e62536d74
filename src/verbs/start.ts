/** `start`: containers that were made, or have ended, go on in the background. */
import { EXIT, PidboxError } from "../base/error.ts";
import { settleLost } from "../engine/lost.ts";
import { chargeOf } from "./container-kept.ts";
import { startStored } from "./container-revive.ts";
import { eachContainer } from "./each-container.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { Context, Verb } from "./verb.ts";

/** Starts one container unless it runs. Throws what its parts throw. */
export async function startOne(reference: string, context: Context): Promise<void> {
  const root = stateRootOf(context);
  const { directory, name, life } = containerOf(root, reference);
  if (life === "running" || life === "restarting") return;
  if (life === "lost") settleLost(directory, Date.now());
  const charge = chargeOf(directory, name);
  const code = await startStored(directory, { root, executable: context.executable }, charge, { announce: "" });
  // The launcher has said why.
  if (code !== 0) throw new PidboxError("LAUNCH_FAILED", `Cannot start ${name}`, { hint: "The line above says why" });
}

export const start: Verb = {
  name: "start",
  summary: "Start containers that were made or have ended",
  description: "They run in the background, with the flags that they were made with and the changes that they have made to their root filesystem. One that runs is left alone.",
  options: [],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true, repeat: true }],
  examples: [{ command: "pidbox start web", text: "Start it" }],
  exitCodes: [{ code: EXIT.ok, text: "all of them run" }, { code: EXIT.failure, text: "one could not be started" }],
  run: (args, context) => eachContainer(args.operands, context, (reference) => startOne(reference, context)),
};
