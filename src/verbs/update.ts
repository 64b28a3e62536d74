/** `update`: other limits and another restart policy for containers, now and for their next starts. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { updateCgroups } from "../engine/cgroup-update.ts";
import { subjectOf, tell } from "../engine/journal.ts";
import { changeState, readStatus, rootOf } from "../engine/store.ts";
import type { ContainerState } from "../engine/store.ts";
import { lifeOf } from "../engine/stored.ts";
import { mergeResources } from "../spec/merge-resources.ts";
import type { LinuxResources } from "../spec/runtime-config.ts";
import { parseRestart } from "./container-keep.ts";
import { cpuLimits, memoryLimits, wholeNumber } from "./container-limits.ts";
import { CONTAINER_OPTIONS, KEEP_OPTIONS } from "./container-options.ts";
import { eachContainer } from "./each-container.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { FoundContainer } from "./stored-containers.ts";
import type { Arguments, Verb } from "./verb.ts";

const LIMITS = ["memory", "memory-swap", "cpus", "cpu-shares", "cpuset-cpus", "pids-limit"];

/** What is to change. Throws USAGE. */
function changeOf(args: Arguments): LinuxResources {
  const [memory, cpu] = [memoryLimits(args, "run"), cpuLimits(args, "run")];
  const pids = wholeNumber(args, "pids-limit", -1, 4_194_304);
  return {
    ...(memory === undefined ? {} : { memory }), ...(cpu === undefined ? {} : { cpu }),
    ...(pids === undefined ? {} : { pids: { limit: pids === 0 ? -1 : pids } }),
  };
}

function withResources(state: ContainerState, resources: LinuxResources): ContainerState {
  const { config } = state.blueprint;
  return { ...state, blueprint: { ...state.blueprint, config: { ...config, linux: { ...config.linux, resources } } } };
}

function updateOne({ directory, name, state: { kept } }: FoundContainer, args: Arguments, change: LinuxResources): void {
  const policy = args.value("restart");
  const restart = policy === undefined ? undefined : parseRestart(policy);
  if (restart !== undefined && kept === undefined) {
    throw new PidboxError("CONFLICT", `Cannot change the restart policy of the container ${quote(name, 60)}: it is gone when it ends`, { context: { from: "--restart" } });
  }
  const updated = changeState(directory, (state) => {
    const current = state.blueprint.config.linux?.resources ?? {};
    const none = Object.keys(change).length === 0;
    // Read here: whoever else changed it may have started or ended it while this waited.
    const life = lifeOf(directory, state, readStatus(directory));
    if (!none && life === "starting") throw new PidboxError("CONFLICT", `The container ${quote(name, 60)} is being started`, { hint: "Try again" });
    const resources = none ? current : life === "running" ? updateCgroups(state.cgroups, current, change) : mergeResources(current, change);
    const changed = none ? state : withResources(state, resources);
    return restart === undefined || changed.kept === undefined ? changed : { ...changed, kept: { ...changed.kept, restart } };
  });
  tell(rootOf(directory), subjectOf(updated), ["update"]);
}

export const update: Verb = {
  name: "update",
  summary: "Change limits and restart policy of containers",
  description: "At once if it runs: all of the limits or none. They hold for its next starts as well. Where the kernel does not take a value, nothing is changed and the message says why.",
  options: [...CONTAINER_OPTIONS.filter(({ name }) => LIMITS.includes(name)), ...KEEP_OPTIONS.filter(({ name }) => name === "restart")],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true, repeat: true }],
  examples: [
    { command: "pidbox update --memory 256m --pids-limit 64 web", text: "Less for one that runs" },
    { command: "pidbox update --restart=no web", text: "Let it end the next time" },
  ],
  run(args, context) {
    const [root, change] = [stateRootOf(context), changeOf(args)];
    if (Object.keys(change).length === 0 && args.value("restart") === undefined) {
      throw new PidboxError("USAGE", "There is nothing to change", { hint: `One of ${LIMITS.map((name) => `--${name}`).join(", ")}, --restart` });
    }
    return eachContainer(args.operands, context, (reference) => updateOne(containerOf(root, reference), args, change));
  },
};
