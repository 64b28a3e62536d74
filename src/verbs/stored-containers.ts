/** The caller's own containers for verbs that look at the whole host. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import type { StoredContainer } from "../engine/discover.ts";
import { findContainer, listContainers, readState, readStatus, stateRoot } from "../engine/store.ts";
import type { ContainerState, ContainerStatus } from "../engine/store.ts";
import { lifeOf, readStored } from "../engine/stored.ts";
import type { Life } from "../engine/stored.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import type { Context } from "./verb.ts";

/** The state directory of whoever calls. */
export function stateRootOf(context: Context): string {
  return stateRoot(syscall(SYSCALLS.geteuid), context.environment);
}

/** A container of the caller's store. */
export interface FoundContainer {
  readonly id: string;
  readonly name: string;
  readonly directory: string;
  readonly state: ContainerState;
  readonly status: ContainerStatus | undefined;
  readonly life: Life;
}

/** The container behind a name, an id or the beginning of one. Throws NOT_FOUND, CONFLICT. */
export function containerOf(root: string, reference: string): FoundContainer {
  const id = findContainer(root, reference);
  const directory = `${root}/containers/${id ?? ""}`;
  const state = id === undefined ? undefined : readState(directory);
  if (id === undefined || state === undefined) {
    throw new PidboxError("NOT_FOUND", `No container of pidbox is called ${quote(reference, 60)}`, { hint: "pidbox ps -a lists them" });
  }
  const status = readStatus(directory);
  return { id, name: state.name, directory, state, status, life: lifeOf(directory, state, status) };
}

/** All containers of a store; those that go meanwhile are left out. */
export function containersOf(root: string): FoundContainer[] {
  return listContainers(root).flatMap((id) => {
    const directory = `${root}/containers/${id}`;
    const [state, status] = [readState(directory), readStatus(directory)];
    return state === undefined ? [] : [{ id, name: state.name, directory, state, status, life: lifeOf(directory, state, status) }];
  });
}

/** What the caller's state directory says of its containers. */
export function readStoredOf(context: Context): StoredContainer[] {
  return readStored(stateRootOf(context));
}
