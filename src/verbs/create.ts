/** `create`: a container that is made and not started. */
import { launchExitCode } from "../base/error.ts";
import { runContainer } from "./container-blueprint.ts";
import { CONTAINER_OPTIONS, KEEP_OPTIONS } from "./container-options.ts";
import { run, sceneOf } from "./run.ts";
import type { Verb } from "./verb.ts";

/** What only a container that starts at once can have. */
const AT_ONCE = ["explain", "fault", "verify", "rm"];

export const create: Verb = {
  name: "create",
  summary: "Make a container and start nothing",
  description:
    "All that run checks and refuses is checked and refused now; what was decided is stored, and pidbox start starts it, as often as wanted. "
    + "Changes to the root filesystem are kept on disk until the container is removed, or the machine is booted again: pidbox gc takes them away then.",
  options: [...CONTAINER_OPTIONS.filter((option) => !AT_ONCE.includes(option.name)), ...KEEP_OPTIONS],
  operands: run.operands,
  stopsAtOperand: true,
  examples: [
    { command: "pidbox create --name web dir:./rootfs /bin/server", text: "A container for later" },
    { command: "pidbox start web", text: "Start it" },
  ],
  exitCodes: [{ code: 0, text: "it was made, and its id printed" }, { code: 125, text: "pidbox failed, or refused; nothing was left behind" }],
  failureExit: launchExitCode,
  run: (args, context) => runContainer("run", args, context, sceneOf, "create"),
};
