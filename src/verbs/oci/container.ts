/** The container that a verb is about, by its id. */
import { PidboxError } from "../../base/error.ts";
import { readRuntimeLife, readRuntimeState } from "../../engine/runtime-store.ts";
import type { RuntimeLife, RuntimeState, RuntimeStatus } from "../../engine/runtime-store.ts";
import { parseContainerId } from "../../spec/name.ts";
import { SPEC_VERSION } from "./verb.ts";
import type { OciArguments, OciContext } from "./verb.ts";

/** The first operand. Throws USAGE for one that is no id: it becomes a path. */
export function containerId(args: OciArguments): string {
  const id = args.operands[0] ?? "";
  if (id === "") throw new PidboxError("USAGE", "container id cannot be empty");
  return parseContainerId(id);
}

/** containerd takes `container not running` for "it has ended already". */
export function notRunning(): PidboxError {
  return new PidboxError("CONFLICT", "container not running");
}

export interface LoadedContainer {
  readonly id: string;
  readonly directory: string;
  readonly state: RuntimeState;
}

/** Throws NOT_FOUND. */
export function loadContainer(context: OciContext, id: string): LoadedContainer {
  return { id, directory: `${context.root}/${id}`, state: readRuntimeState(context.root, id) };
}

export type ObservedContainer = LoadedContainer & RuntimeLife;

/** What the container is doing now. */
export function observe({ id, directory, state }: LoadedContainer): ObservedContainer {
  return { id, directory, state, ...readRuntimeLife(directory, state.cgroups) };
}

/** The state of runtime.md, "State", as a hook reads it on standard input. */
export function hookState({ id, bundle, config: { annotations } }: RuntimeState, status: RuntimeStatus, pid?: number): string {
  const running = pid === undefined ? {} : { pid };
  return JSON.stringify({ ociVersion: SPEC_VERSION, id, status, ...running, bundle, ...(annotations === undefined ? {} : { annotations }) });
}

/** The state document of runtime.md, "State", with runc's fields: what `state` and `list` print. */
export interface StateDocument {
  readonly ociVersion: string;
  readonly id: string;
  /** In the caller's PID namespace; 0 for a container that has no process. */
  readonly pid: number;
  readonly status: RuntimeStatus;
  readonly bundle: string;
  readonly rootfs: string;
  /** RFC 3339. */
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Name of the user who created it; `state` leaves it empty, as runc does. */
  readonly owner: string;
}

export function stateDocument(container: ObservedContainer, owner: string): StateDocument {
  const { id, state, status, init } = container;
  const { annotations } = state.config;
  return {
    ociVersion: SPEC_VERSION, id, pid: init?.pid ?? 0, status, bundle: state.bundle, rootfs: state.rootfs, created: new Date(state.created).toISOString(),
    ...(annotations === undefined || Object.keys(annotations).length === 0 ? {} : { annotations }), owner,
  };
}
