/** The way on which `create` and `run` make a container: state on disk, plan, launcher. What fails on the way leaves nothing behind. */
import { PidboxError } from "../../base/error.ts";
import { quote } from "../../base/text.ts";
import { readHost } from "../../engine/host.ts";
import { createImageFile, replaceProcess } from "../../engine/launch.ts";
import { makeFifos, removeRuntimeState, reserveContainer, RUNTIME_FILES, writeRuntimeState } from "../../engine/runtime-store.ts";
import type { LockedContainer } from "../../engine/runtime-store.ts";
import { errnoName } from "../../kernel/abi/errno.ts";
import { writeFile } from "../../kernel/file.ts";
import type { Blueprint } from "../../plan/blueprint.ts";
import { cgroupDirectories } from "../../plan/cgroup-placement.ts";
import { compile } from "../../plan/compile.ts";
import { deleteShortcut, startShortcut } from "../../plan/shortcut.ts";
import type { ShortcutFacts } from "../../plan/shortcut.ts";
import type { HostFacts } from "../../plan/host-facts.ts";
import { parseContainerId } from "../../spec/name.ts";
import { blueprintOf, readBundle } from "./draft.ts";
import type { Bundle } from "./draft.ts";
import { explained, faultOf } from "./plan-options.ts";
import { environmentOf, grantedProcess, ownedCapabilities, preserveDescriptors, raiseDescriptor, stdioOf } from "./process-frame.ts";
import type { ContainerScope } from "./scope.ts";
import type { OciArguments, OciContext, OciOutcome } from "./verb.ts";

export interface CreationOptions {
  /** The first process waits for `start`. */
  readonly waits: boolean;
  /** This process ends when the container is there; otherwise when it has ended. */
  readonly leaves: boolean;
}

/** What launcher/front.c runs in place of `start` and `delete`, where neither has more to do than a few system calls. */
function writeShortcuts(blueprint: Blueprint, directory: string, cgroups: readonly string[]): void {
  const { hooks = {} } = blueprint.config;
  const facts: ShortcutFacts = {
    directory, files: RUNTIME_FILES, cgroups, executable: blueprint.executable,
    failure: [...(blueprint.runtime?.failure.slice(0, -1) ?? []), "__oci-start-failed"],
  };
  const write = (name: string, plan: Uint8Array): void => {
    const result = writeFile(`${directory}/${name}`, plan, { mode: 0o600, exclusive: true });
    if (result < 0) throw new PidboxError("IO", `Cannot write ${quote(`${directory}/${name}`)}: ${errnoName(result)}`, { context: { path: directory, errno: errnoName(result) } });
  };
  if (blueprint.runtime?.waits === true && (hooks.poststart ?? []).length === 0) write("start.plan", startShortcut(facts));
  if ((hooks.poststop ?? []).length === 0 && blueprint.runtime?.scope === undefined) write("delete.plan", deleteShortcut(facts));
}

function writeState(blueprint: Blueprint, bundle: Bundle, facts: HostFacts, directory: string, unit: string | undefined): void {
  const cgroups = cgroupDirectories(blueprint, facts);
  writeRuntimeState(directory, {
    version: 1, id: blueprint.id, bundle: bundle.directory, rootfs: bundle.rootfs, created: Date.now(), owner: facts.uid, rootless: !facts.privileged,
    config: bundle.config, cgroups, ...(unit === undefined ? {} : { systemdUnit: unit }),
  });
  if (facts.uid === 0) writeShortcuts(blueprint, directory, cgroups);
  const filter = blueprint.seccomp?.filter;
  const result = filter === undefined ? 0 : writeFile(`${directory}/seccomp`, filter, { mode: 0o600, exclusive: true });
  if (result < 0) throw new PidboxError("IO", `Cannot write the filter of the container: ${errnoName(result)}`, { context: { path: directory, errno: errnoName(result) } });
}

interface Filling {
  readonly locked: LockedContainer;
  readonly bundle: Bundle;
  readonly scope: ContainerScope | undefined;
}

async function fill({ locked, bundle, scope }: Filling, args: OciArguments, context: OciContext, options: CreationOptions): Promise<OciOutcome> {
  const id = locked.directory.slice(locked.directory.lastIndexOf("/") + 1);
  const stdio = stdioOf(bundle.process.terminal === true, args.value("console-socket"), options.leaves);
  const preserved = preserveDescriptors(args, context);
  const cgroupsPath = scope?.path ?? bundle.config.linux?.cgroupsPath;
  const { facts } = readHost({ everyCgroup: true, ...(cgroupsPath === undefined ? {} : { cgroupsPath }) });
  const granted = grantedProcess(bundle.process, ownedCapabilities(bundle.config, facts), context);
  const process = { ...granted, env: environmentOf(bundle.process, bundle.rootfs, context, preserved.listening) };
  const whole = { ...bundle, config: { ...bundle.config, process } };
  const blueprint = await blueprintOf(whole, args, context, facts, {
    ...options, id, state: locked.directory, preserved: preserved.all, stdio, ...(scope === undefined ? {} : { scope }),
  });
  if (options.waits) makeFifos(locked.directory);
  writeState(blueprint, bundle, facts, locked.directory, scope?.unit);
  const file = createImageFile();
  const plan = compile(blueprint, facts, { self: file, lock: raiseDescriptor(locked.lock, preserved.all), ...faultOf(args) });
  return args.flag("explain") ? explained(plan) : replaceProcess(file, plan, id);
}

/** Makes the container in the place of this process: on success it does not return. Throws what its parts throw; nothing is left then. */
export async function createContainer(args: OciArguments, context: OciContext, options: CreationOptions): Promise<OciOutcome> {
  const id = parseContainerId(args.operands[0] ?? "");
  const bundle = readBundle(args, context);
  const locked = reserveContainer(context.root, id);
  let scope: ContainerScope | undefined;
  try {
    if (context.systemdCgroup) scope = (await import("./scope.ts")).openScope(bundle.config, id, context);
    const outcome = await fill({ locked, bundle, scope }, args, context, options);
    // Back here only from --explain.
    if (scope !== undefined) (await import("./scope.ts")).closeScope(scope);
    removeRuntimeState(locked.directory);
    return outcome;
  } catch (error) {
    if (scope !== undefined) (await import("./scope.ts")).closeScope(scope);
    removeRuntimeState(locked.directory);
    throw error;
  }
}
