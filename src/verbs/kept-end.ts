/** The end of a container that nobody waited for: what it was is noted, and its restart policy decides whether this process becomes its supervisor again. */
import { readEnd, writeEnd } from "../engine/end-record.ts";
import type { EndRecord } from "../engine/end-record.ts";
import { removeContainer } from "../engine/removal.ts";
import { restartDelay, wasAsked } from "../engine/restart.ts";
import { readState, rootOf } from "../engine/store.ts";
import type { ContainerState, ContainerStatus } from "../engine/store.ts";
import { stat } from "../kernel/file.ts";
import { CHARGE_DESCRIPTOR } from "../plan/names.ts";
import { restartInPlace } from "./container-revive.ts";
import type { Starter } from "./container-revive.ts";

/** What was found out about the end. */
export interface Finding {
  readonly status: ContainerStatus;
  readonly oomKilled: boolean;
  readonly why: string | undefined;
}

/** The end as it will be stored. `before` is that of the start that ended now: a policy's, if it has a delay. */
function endOf(directory: string, state: ContainerState, { status, oomKilled, why }: Finding): EndRecord {
  const before = readEnd(directory);
  const stopped = typeof stat(`${directory}/stop`) !== "number" || wasAsked(status, state.blueprint.stop?.signal);
  const delay = state.kept === undefined ? undefined : restartDelay(state.kept.restart, status, before, stopped);
  return {
    oomKilled, stopped, restarts: before.restarts + (delay === undefined ? 0 : 1),
    ...(why === undefined ? {} : { why }), ...(delay === undefined ? {} : { delay }),
  };
}

/** Returns what could not be removed; does not return if the container is started again. */
export async function concludeKept(directory: string, state: ContainerState, finding: Finding, starter: Pick<Starter, "executable">): Promise<string[]> {
  const end = endOf(directory, state, finding);
  if (!state.remove) writeEnd(directory, end);
  const left = removeContainer(directory, state, !state.remove);
  if (end.delay === undefined || left.length > 0) return left;
  try {
    return await restartInPlace(directory, { ...starter, root: rootOf(directory) }, CHARGE_DESCRIPTOR, end.delay);
  } catch (error) {
    const { delay: _delay, ...rest } = end;
    const message = error instanceof Error ? error.message : String(error);
    writeEnd(directory, { ...rest, restarts: end.restarts - 1, why: `it could not be started again: ${message}` });
    throw error;
  }
}

/** A restart that was called off while it waited: the end that came before it stands. */
export function callOff(directory: string): void {
  removeContainer(directory, readState(directory), true);
  const { delay: _delay, ...end } = readEnd(directory);
  writeEnd(directory, { ...end, stopped: true, restarts: end.restarts - 1 });
}
