/** `pidbox-oci update`: other limits for a container that lives. */
import { PidboxError } from "../../base/error.ts";
import { absolute } from "../../base/path.ts";
import { quote } from "../../base/text.ts";
import { updateCgroups } from "../../engine/cgroup-update.ts";
import { lockContainer, writeRuntimeState } from "../../engine/runtime-store.ts";
import { errnoName } from "../../kernel/abi/errno.ts";
import { close, O, open, readDescriptor } from "../../kernel/file.ts";
import type { LinuxResources } from "../../spec/runtime-config.ts";
import { parseResources } from "../../spec/validate.ts";
import { containerId, loadContainer, notRunning, observe } from "./container.ts";
import { resourcesFromOptions, withoutZeros } from "./update-resources.ts";
import { UPDATE_OPTIONS } from "./update-options.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciArguments, OciContext, OciOutcome, OciVerb } from "./verb.ts";

const LIMIT = 16 << 20;

/** A file, or standard input for `-`. */
function readResources(path: string, cwd: string): LinuxResources {
  // Not O_NONBLOCK: it may be a pipe.
  const fd = path === "-" ? 0 : open(absolute(path, cwd), O.RDONLY);
  const bytes = fd < 0 ? fd : readDescriptor(fd, LIMIT);
  if (fd > 0) close(fd);
  if (typeof bytes === "number") {
    throw new PidboxError(bytes === -2 ? "NOT_FOUND" : "IO", `open ${quote(path).slice(1, -1)}: ${errnoName(bytes)}`, { context: { path, errno: errnoName(bytes) } });
  }
  return parseResources(bytes);
}

function change(args: OciArguments, context: OciContext): LinuxResources {
  const file = args.value("resources") ?? "";
  if (file !== "") return withoutZeros(readResources(file, context.cwd));
  for (const name of ["kernel-memory", "kernel-memory-tcp"]) {
    if ((args.value(name) ?? "") !== "") context.warn(`Setting --${name} is ignored and will be removed`);
  }
  return resourcesFromOptions(args);
}

async function runUpdate(args: OciArguments, context: OciContext): Promise<OciOutcome> {
  const id = containerId(args);
  lockContainer(context.root, id);
  const { directory, state, init } = observe(loadContainer(context, id));
  const wanted = change(args, context);
  for (const [name, what] of [["l3-cache-schema", "CAT: l3 cache schema"], ["mem-bw-schema", "MBA: memory bandwidth schema"]] as const) {
    if ((args.value(name) ?? "") !== "") throw new PidboxError("HOST_UNSUPPORTED", `Intel RDT/${what} is not enabled`, { context: { feature: "intelRdt" } });
  }
  if (init === undefined) throw notRunning();
  const linux = state.config.linux ?? {};
  if (state.systemdUnit !== undefined) (await import("./scope.ts")).updateContainerScope(state, linux.resources ?? {}, wanted, context);
  const resources = updateCgroups(state.cgroups, linux.resources ?? {}, wanted);
  writeRuntimeState(directory, { ...state, config: { ...state.config, linux: { ...linux, resources } } });
  return { exit: 0 };
}

export const update: OciVerb = {
  name: "update",
  summary: "update container resource constraints",
  usage: "<container-id>",
  description: "",
  options: UPDATE_OPTIONS,
  operands: [CONTAINER_ID],
  run: runUpdate,
};
