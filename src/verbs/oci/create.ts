/** `pidbox-oci create`: everything but the program (runtime.md, "Create"). */
import { createContainer } from "./creation.ts";
import { CREATE_OPTIONS } from "./process-options.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciVerb } from "./verb.ts";

export const create: OciVerb = {
  name: "create",
  summary: "create a container",
  usage: "<container-id>",
  description: "The create command creates an instance of a container for a bundle. Its program runs when the start command says so; config.json is not read again.",
  options: CREATE_OPTIONS,
  operands: [CONTAINER_ID],
  run: (args, context) => createContainer(args, context, { waits: true, leaves: true }),
};
