/** `--systemd-cgroup`: a container in a transient scope of systemd, from its start to its end. */
import { checkUsage } from "../../engine/cgroup-update.ts";
import { isPrivileged } from "../../engine/host.ts";
import { startBeside } from "../../engine/launch.ts";
import { endHolder, enterManager, managerCgroup, startScope, stopScope, updateScope } from "../../engine/systemd-scope.ts";
import type { SystemdManager } from "../../engine/systemd-scope.ts";
import type { RuntimeState } from "../../engine/runtime-store.ts";
import { SYSCALLS } from "../../kernel/abi/host.ts";
import { syscall } from "../../kernel/ffi.ts";
import { stat } from "../../kernel/file.ts";
import { devicePolicy, deviceRules } from "../../plan/device-rules.ts";
import { holderPlan } from "../../plan/holder.ts";
import { expandSlice, parseScope } from "../../plan/systemd-unit.ts";
import { mergeResources, withCompanions } from "../../spec/merge-resources.ts";
import type { Config, LinuxResources } from "../../spec/runtime-config.ts";
import type { OciContext } from "./verb.ts";

export interface ContainerScope {
  readonly unit: string;
  /** Below the mount of each hierarchy. */
  readonly path: string;
  readonly holder: number;
}

/** systemd mounts its hierarchies nowhere else. */
function unifiedVersion(): 1 | 2 {
  return typeof stat("/sys/fs/cgroup/cgroup.controllers") === "number" ? 1 : 2;
}

/** Starts the scope of a container that is about to be made. Whoever gives up ends its holder: closeScope. Throws as startScope does, and CONFIG_INVALID. */
export function openScope(config: Config, id: string, context: OciContext): ContainerScope {
  const privileged = isPrivileged(syscall(SYSCALLS.geteuid));
  const manager: SystemdManager = { user: context.rootless ?? !privileged, environment: context.environment };
  const names = parseScope(config.linux?.cgroupsPath, id, manager.user);
  const policy = privileged ? devicePolicy(deviceRules(config)) : undefined;
  const top = managerCgroup(manager);
  const path = `${top}${expandSlice(names.slice)}/${names.unit}`;
  enterManager(manager, top);
  const holder = startBeside(holderPlan(syscall(SYSCALLS.getpid)));
  try {
    startScope(manager, {
      ...names, pid: holder, description: `pidbox container ${id}`, version: unifiedVersion(), resources: config.linux?.resources ?? {},
      ...(policy === undefined ? {} : { devices: policy }),
    });
  } catch (error) {
    endHolder(holder);
    throw error;
  }
  return { unit: names.unit, path, holder };
}

/** The container did not come to be: systemd takes an empty scope away. */
export function closeScope(scope: ContainerScope): void {
  endHolder(scope.holder);
}

function managerOf(state: RuntimeState, context: OciContext): SystemdManager {
  return { user: context.rootless ?? state.rootless, environment: context.environment };
}

/** `exec`: makes it possible for this process's child to be born into a container's scope. */
export function reachScope(state: RuntimeState, context: OciContext): void {
  const manager = managerOf(state, context);
  if (state.systemdUnit !== undefined && manager.user) enterManager(manager, managerCgroup(manager));
}

/** Stops the scope of a container that has ended. */
export function stopContainerScope(state: RuntimeState, context: OciContext): void {
  if (state.systemdUnit !== undefined) stopScope(managerOf(state, context), state.systemdUnit, state.cgroups);
}

/** Gives the scope its new limits. What the kernel takes together is changed together, as in updateCgroups. */
export function updateContainerScope(state: RuntimeState, current: LinuxResources, change: LinuxResources, context: OciContext): void {
  if (state.systemdUnit === undefined) return;
  const resources = withCompanions(mergeResources(current, change), change);
  checkUsage(resources, state.cgroups);
  updateScope(managerOf(state, context), state.systemdUnit, resources, unifiedVersion());
}
