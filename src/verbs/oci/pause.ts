/** `pidbox-oci pause` and `resume`: all processes of a container stand still, or go on. */
import { PidboxError } from "../../base/error.ts";
import { freezeCgroups, thawCgroups } from "../../engine/cgroup-freeze.ts";
import { lockContainer } from "../../engine/runtime-store.ts";
import { unlink } from "../../kernel/file.ts";
import { containerId, loadContainer, notRunning, observe } from "./container.ts";
import type { ObservedContainer } from "./container.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciArguments, OciContext, OciVerb } from "./verb.ts";

function locked(args: OciArguments, context: OciContext): ObservedContainer {
  const id = containerId(args);
  lockContainer(context.root, id);
  return observe(loadContainer(context, id));
}

export const pause: OciVerb = {
  name: "pause",
  summary: "pause suspends all processes inside the container",
  usage: "<container-id>",
  description: "The pause command suspends all processes in the instance of the container. Use list to identify instances of containers and their current status.",
  options: [],
  operands: [CONTAINER_ID],
  run(args, context) {
    const { init, state, status, directory } = locked(args, context);
    if (init === undefined || status === "paused") throw notRunning();
    // The shortcut does not look whether the container is paused; without its plan `start` does.
    unlink(`${directory}/start.plan`);
    freezeCgroups(state.cgroups);
    return { exit: 0 };
  },
};

export const resume: OciVerb = {
  name: "resume",
  summary: "resumes all processes that have been previously paused",
  usage: "<container-id>",
  description: "The resume command resumes all processes in the instance of the container. Use list to identify instances of containers and their current status.",
  options: [],
  operands: [CONTAINER_ID],
  run(args, context) {
    const { state, status } = locked(args, context);
    if (status !== "paused") throw new PidboxError("CONFLICT", "container not paused");
    thawCgroups(state.cgroups);
    return { exit: 0 };
  },
};
