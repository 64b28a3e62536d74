/** `restart`: stops containers if they run, and starts them. */
import { subjectOf, tell } from "../engine/journal.ts";
import { eachContainer } from "./each-container.ts";
import { startOne } from "./start.ts";
import { STOP_OPTIONS, stopAndTell, stopOptions } from "./stop.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

export const restart: Verb = {
  name: "restart",
  summary: "Stop containers and start them again",
  description: "As pidbox stop and pidbox start. One that does not run is started.",
  options: STOP_OPTIONS,
  operands: [{ name: "CONTAINER", help: "Name or id", required: true, repeat: true }],
  examples: [{ command: "pidbox restart web", text: "With the changes that it has made to its root filesystem" }],
  run(args, context) {
    const [root, optionsFor] = [stateRootOf(context), stopOptions(args)];
    return eachContainer(args.operands, context, async (reference) => {
      const { directory, state } = containerOf(root, reference);
      stopAndTell(directory, state, optionsFor(state));
      await startOne(reference, context);
      tell(root, subjectOf(state), ["restart"]);
    });
  },
};
