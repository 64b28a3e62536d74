/** `attach`: the caller's terminal or pipes are joined to those of a container that runs in the background. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { readFreezer } from "../engine/cgroup-freeze.ts";
import { connectClient } from "../engine/client-socket.ts";
import { subjectOf, tell } from "../engine/journal.ts";
import { keysOf, visit, VISIT_OPTIONS } from "./container-visit.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

export const attach: Verb = {
  name: "attach",
  summary: "See and type what a container in the background writes and reads",
  description:
    "From now on; pidbox logs has what was before. Several can be attached at once. Whoever takes nothing for a while is let go, for the container waits for nobody. "
    + "Keys detach from one with a terminal; it goes on.",
  options: [{ name: "no-stdin", help: "Only look on" }, ...VISIT_OPTIONS],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true }],
  examples: [
    { command: "pidbox attach shell", text: "Ctrl-P Ctrl-Q leaves it as it is" },
    { command: "pidbox attach --no-stdin web", text: "Look on" },
  ],
  exitCodes: [{ code: 0, text: "detached by keys, or the program ended so" }, { code: "other", text: "the program's own exit code, or 128 and the signal that ended it" }],
  run(args, context) {
    keysOf(args);
    const root = stateRootOf(context);
    const { directory, name, state, life } = containerOf(root, args.operands[0] ?? "");
    if (life !== "running") throw new PidboxError("CONFLICT", `Cannot attach to the container ${quote(name, 60)}: it does not run`, { hint: `pidbox start -a ${name}` });
    if (readFreezer(state.cgroups) === "frozen") throw new PidboxError("CONFLICT", `Cannot attach to the container ${quote(name, 60)}: it is paused`, { hint: `pidbox unpause ${name}` });
    const socket = connectClient(directory, name);
    tell(root, subjectOf(state), ["attach"]);
    return visit({ directory, state, socket, input: !args.flag("no-stdin") }, args, context);
  },
};
