/** `kill`: a signal for programs in containers. */
import { SIGNAL } from "../kernel/abi/constants.ts";
import { signalContainer, thaw, wishStopped } from "../engine/stopping.ts";
import { eachContainer } from "./each-container.ts";
import { signalOf } from "./stop.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

export const kill: Verb = {
  name: "kill",
  summary: "Send a signal to containers",
  description:
    "The program gets it; with pidbox's init, from its PID 1. After SIGKILL, or the signal that pidbox stop would send, a restart policy does not start it again; "
    + "after another one it may, if the program ends of it. pidbox does not wait for the end.",
  options: [{ name: "signal", short: "s", value: "SIGNAL", help: "A name or number (default: SIGKILL)" }],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true, repeat: true }],
  examples: [{ command: "pidbox kill -s HUP web", text: "Let it read its configuration again" }],
  run(args, context) {
    const root = stateRootOf(context);
    const signal = signalOf(args.value("signal") ?? "KILL", "--signal");
    return eachContainer(args.operands, context, (reference) => {
      const { directory, state, life } = containerOf(root, reference);
      const last = signal === SIGNAL.KILL || signal === (state.blueprint.stop?.signal ?? SIGNAL.TERM);
      if (last && life === "running") wishStopped(directory);
      signalContainer(directory, state, signal);
      // It would see the signal only when it goes on (docker does the same).
      if (last) thaw(directory, state);
    });
  },
};
