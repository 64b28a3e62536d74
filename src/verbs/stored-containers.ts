/** The caller's own containers for verbs that look at the whole host. */
import type { StoredContainer } from "../engine/discover.ts";
import { stateRoot } from "../engine/store.ts";
import { readStored } from "../engine/stored.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import type { Context } from "./verb.ts";

/** The state directory of whoever calls. */
export function stateRootOf(context: Context): string {
  return stateRoot(syscall(SYSCALLS.geteuid), context.environment);
}

/** What the caller's state directory says of its containers. */
export function readStoredOf(context: Context): StoredContainer[] {
  return readStored(stateRootOf(context));
}
