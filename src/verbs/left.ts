/** What a client calls when its supervisor let go of it without a word about the container's end. Not for people. */
import { EXIT } from "../base/error.ts";
import { LOST_CODE, LOST_TEXT } from "../engine/lost.ts";
import { readState, readStatus } from "../engine/store.ts";
import { lifeOf } from "../engine/stored.ts";
import type { Verb } from "./verb.ts";

export const left: Verb = {
  name: "__left", summary: "For pidbox itself", description: "Called by the launcher.", options: [], examples: [],
  operands: [{ name: "DIRECTORY", help: "State of the container", required: true }],
  run(args, context) {
    const directory = args.operands[0] ?? "";
    const [state, status] = [readState(directory), readStatus(directory)];
    const name = state?.name ?? "the container";
    const life = state === undefined ? "ended" : lifeOf(directory, state, status);
    if (life === "lost") {
      context.note(`${name}: ${LOST_TEXT}`);
      return { exit: LOST_CODE };
    }
    if (life !== "running") return { exit: status?.code ?? EXIT.failure };
    context.note(`detached from ${name}, which goes on: its output was not taken for a second (pidbox logs has it)`);
    return { exit: EXIT.failure };
  },
};
