/** `pidbox-oci state`: the state document of one container. */
import { containerId, loadContainer, observe, stateDocument } from "./container.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciVerb } from "./verb.ts";

export const state: OciVerb = {
  name: "state",
  summary: "output the state of a container",
  usage: "<container-id>",
  description: "The state command outputs current state information for the instance of a container.",
  options: [],
  operands: [CONTAINER_ID],
  run(args, context) {
    const container = observe(loadContainer(context, containerId(args)));
    return { exit: 0, text: JSON.stringify(stateDocument(container, ""), null, 2) };
  },
};
