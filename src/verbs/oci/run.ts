/** `pidbox-oci run`: create, start, and unless `--detach` wait and delete. */
import { createContainer } from "./creation.ts";
import { RUN_OPTIONS } from "./process-options.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciVerb } from "./verb.ts";

export const run: OciVerb = {
  name: "run",
  summary: "create and run a container",
  usage: "<container-id>",
  description: "The run command creates an instance of a container for a bundle and runs its program. Unless it detaches it waits for the end, takes the exit code, and deletes the container.",
  options: RUN_OPTIONS,
  operands: [CONTAINER_ID],
  run: (args, context) => createContainer(args, context, { waits: false, leaves: args.flag("detach") }),
};
