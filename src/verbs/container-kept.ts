/** Containers that go on without their caller: from what is stored of one to the blueprint of its next start. */
import { dataRoot, dataRootOf, makeDataDirectory, makeLayer } from "../engine/data-directory.ts";
import { takeChargeOfEnded } from "../engine/stopping.ts";
import type { ContainerState, KeptSettings } from "../engine/store.ts";
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { close, stat } from "../kernel/file.ts";
import { syscall } from "../kernel/ffi.ts";
import type { Blueprint } from "../plan/blueprint.ts";
import type { HostFacts } from "../plan/host-facts.ts";
import { withEvents } from "./container-events.ts";
import { logFiles } from "./container-keep.ts";

/** Where the data of a container will be; nothing is made. */
export interface DataPaths {
  readonly logs?: string;
  readonly layer?: string;
}

/** Throws HOST_UNSUPPORTED where there is no place for data. */
export function dataPaths(
  id: string, settings: Pick<KeptSettings, "log">, layered: boolean, facts: HostFacts, environment: Readonly<Record<string, string | undefined>>,
): DataPaths {
  if (!layered && settings.log.driver === "none") return {};
  const root = dataRoot(facts.uid, environment);
  return { ...(settings.log.driver === "none" ? {} : { logs: `${root}/logs/${id}` }), ...(layered ? { layer: `${root}/layers/${id}` } : {}) };
}

/** Makes the layer of a new container. Throws HOST_UNSUPPORTED, POSSIBLE_ATTACK, IO. */
export function makeContainerLayer({ id, layer }: ContainerState, directory: string, uid: number): void {
  const root = dataRootOf(layer);
  if (root !== undefined) makeLayer(root, { id, directory, uid });
}

/** Makes the directory of the log if it is not there. Throws POSSIBLE_ATTACK, IO. */
export function makeLogs({ id, logs }: ContainerState, directory: string, uid: number): void {
  const root = dataRootOf(logs);
  if (root !== undefined && typeof stat(logs ?? "") === "number") makeDataDirectory(root, "logs", { id, directory, uid });
}

/** The blueprint with a supervisor that nobody waits for. `failed` is what becomes of the container if it cannot be started. */
export function keptBlueprint(blueprint: Blueprint, state: ContainerState, failed: "keep" | "remove"): Blueprint {
  const { kept } = state;
  const log = kept === undefined ? undefined : logFiles(kept.log, state.logs);
  return {
    ...withEvents(blueprint, state), interruptTwice: false, stdio: blueprint.stdio.kind === "terminal" ? blueprint.stdio : { kind: "pipes" },
    keeping: { input: kept?.input ?? "none", ...(log === undefined ? {} : { log }) },
    state: { ...blueprint.state, keep: !state.remove, failed },
  };
}

const F_DUPFD = 0;
/** Above all descriptors that a plan keeps. */
const LOWEST = 32;

/** Takes charge of a container for the launcher that this process becomes or starts: a descriptor above 31 that exec leaves open. Throws CONFLICT, IO. */
export function chargeOf(directory: string, name: string): number {
  const charge = takeChargeOfEnded(directory);
  if (charge === undefined) {
    throw new PidboxError("CONFLICT", `The container ${quote(name, 60)} is in use by another command, or was removed`, { hint: "pidbox ps -a shows it" });
  }
  const high = syscall(SYSCALLS.fcntl, charge, F_DUPFD, LOWEST);
  close(charge);
  if (high < 0) throw new PidboxError("IO", "Cannot keep the lock of the container: too many open files");
  return high;
}
