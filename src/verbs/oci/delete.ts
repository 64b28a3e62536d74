/** `pidbox-oci delete`: takes a container that has ended off the host. */
import { PidboxError } from "../../base/error.ts";
import { quote } from "../../base/text.ts";
import { thawCgroups } from "../../engine/cgroup-freeze.ts";
import { runHook } from "../../engine/hooks.ts";
import { removeCgroup } from "../../engine/removal.ts";
import { isAlive, isLocked, lockContainer, openInit, readUnfinishedInit, removeRuntimeState } from "../../engine/runtime-store.ts";
import { POLLIN } from "../../kernel/abi/constants.ts";
import { close, stat } from "../../kernel/file.ts";
import { pollOne } from "../../kernel/wait.ts";
import { containerId, hookState, loadContainer, observe } from "./container.ts";
import type { LoadedContainer, ObservedContainer } from "./container.ts";
import { hasOwnPids, killContainer } from "./kill.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciContext, OciOutcome, OciVerb } from "./verb.ts";

/** As long as runc waits. Milliseconds. */
const PATIENCE = 10_000;

/** Kills the container and waits until its first process is gone. */
function killAndWait(container: ObservedContainer): void {
  const pidfd = container.init === undefined ? -1 : openInit(container.init);
  killContainer(container);
  if (pidfd < 0) return;
  const ended = pollOne(pidfd, POLLIN, PATIENCE);
  close(pidfd);
  if (ended <= 0) throw new PidboxError("IO", `Cannot delete the container ${quote(container.id)}: container init still running`);
}

/** With the process that a creation which was cut off has left. */
function withLeftover(container: ObservedContainer): ObservedContainer {
  const init = container.init ?? readUnfinishedInit(container.directory);
  return init === undefined || !isAlive(init) ? container : { ...container, init };
}

/** Who holds the lock may wait for what never comes, such as the end of a hook. The end of the container is the end of most such waits. */
function interrupt(id: string, context: OciContext): void {
  const directory = `${context.root}/${id}`;
  if (isLocked(directory) && typeof stat(`${directory}/state.json`) !== "number") killContainer(withLeftover(observe(loadContainer(context, id))));
}

/** runtime.md, "Lifecycle", 14: after the container is gone, and a failure is a warning. */
function runPoststop({ state }: LoadedContainer, context: OciContext): void {
  for (const hook of state.config.hooks?.poststop ?? []) {
    const why = runHook(hook, hookState(state, "stopped"), state.bundle);
    if (why !== undefined) context.warn(`error running poststop hook ${quote(hook.path)}: ${why}`);
  }
}

async function destroy(container: ObservedContainer, context: OciContext): Promise<void> {
  // What is frozen on v1 does not die. With PIDs of its own, nobody is left when the first process is gone.
  if (container.init !== undefined || !hasOwnPids(container)) thawCgroups(container.state.cgroups);
  const left = container.state.cgroups.filter((cgroup) => !removeCgroup(cgroup));
  if (left.length > 0) throw new PidboxError("IO", `Cannot delete the container ${quote(container.id)}: its cgroups stay: ${left.map((path) => quote(path)).join(", ")}`);
  if (container.state.systemdUnit !== undefined) (await import("./scope.ts")).stopContainerScope(container.state, context);
  removeRuntimeState(container.directory);
  runPoststop(container, context);
}

/** The state of a container that a create left which was killed, without state.json, is removed and taken for none. */
function load(context: OciContext, id: string): LoadedContainer {
  try {
    return loadContainer(context, id);
  } catch (error) {
    if (error instanceof PidboxError && error.code === "NOT_FOUND") removeRuntimeState(`${context.root}/${id}`);
    throw error;
  }
}

async function remove(id: string, force: boolean, context: OciContext): Promise<OciOutcome> {
  try {
    if (force) interrupt(id, context);
    lockContainer(context.root, id);
    const container = observe(load(context, id));
    // `creating`: the lock is here, so nobody will ever finish it.
    if (container.status === "creating") killAndWait(withLeftover(container));
    else if (container.status === "created" || (force && container.status !== "stopped")) killAndWait(container);
    else if (container.init !== undefined) {
      throw new PidboxError("CONFLICT", `cannot delete container ${id} that is not stopped: ${container.status}`);
    }
    await destroy(container, context);
  } catch (error) {
    if (!force || !(error instanceof PidboxError) || error.code !== "NOT_FOUND") throw error;
  }
  return { exit: 0 };
}

export const delete_: OciVerb = {
  name: "delete",
  summary: "delete any resources held by the container often used with detached container",
  usage: "<container-id>",
  description: "",
  options: [{ name: "force", short: "f", help: "Forcibly deletes the container if it is still running (uses SIGKILL)" }],
  operands: [CONTAINER_ID],
  run(args, context) {
    return remove(containerId(args), args.flag("force"), context);
  },
};
