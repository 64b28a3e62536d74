/** `wait`: until containers end, and with what. */
import { EXIT, PidboxError } from "../base/error.ts";
import { LOST_TEXT } from "../engine/lost.ts";
import { waitForEnd } from "../engine/waiting.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

export const wait: Verb = {
  name: "wait",
  summary: "Wait until containers end, and print their exit codes",
  description: "One line for each, in the order given. For one that has ended already that is its last exit code. A container that a policy starts again counts as ended each time.",
  options: [],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true, repeat: true }],
  examples: [{ command: "pidbox wait job", text: "0 when it went well" }],
  run(args, context) {
    const root = stateRootOf(context);
    let exit: number = EXIT.ok;
    const codes = args.operands.flatMap((reference) => {
      try {
        const { directory, name } = containerOf(root, reference);
        const { code, lost } = waitForEnd(directory);
        if (lost) context.note(`${name}: ${LOST_TEXT}`);
        return [code];
      } catch (error) {
        if (!(error instanceof PidboxError) || args.operands.length === 1) throw error;
        context.note(`${error.message} [${error.code}]`);
        exit = EXIT.failure;
        return [];
      }
    });
    return { exit, data: codes, text: () => codes.map((code) => `${code}\n`).join("") };
  },
};
