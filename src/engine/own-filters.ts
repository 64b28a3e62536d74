/** The seccomp filters of pidbox's own containers, as their plans had them. */
import { RUN_CAPABILITIES } from "../plan/defaults.ts";
import { builtinFilter } from "../plan/seccomp-compiled.ts";
import { defaultProfile } from "../plan/seccomp-defaults.ts";
import { compileSeccomp } from "../plan/seccomp.ts";
import { listContainers, readState } from "./store.ts";
import type { ContainerState } from "./store.ts";

/** The program of a container's filter; undefined: there is none, or it was a file that nobody kept. Pure. */
export function ownFilter({ blueprint, kept }: Pick<ContainerState, "blueprint" | "kept">): Uint8Array | undefined {
  if (kept?.filter !== undefined) return Uint8Array.fromBase64(kept.filter);
  if (blueprint.seccomp === "strict") return builtinFilter("strict");
  if (blueprint.seccomp !== "default") return undefined;
  const capabilities = blueprint.config.process?.capabilities?.bounding ?? [];
  const usual = capabilities.length === RUN_CAPABILITIES.length && RUN_CAPABILITIES.every((name) => capabilities.includes(name));
  return usual ? builtinFilter("default") : compileSeccomp(defaultProfile(capabilities), { arch: "x64" });
}

/** The filters of all containers in the store of `root`, by id. */
export function readOwnFilters(root: string): Map<string, Uint8Array> {
  const filters = new Map<string, Uint8Array>();
  for (const id of listContainers(root)) {
    const state = readState(`${root}/containers/${id}`);
    const filter = state === undefined || state.id !== id ? undefined : ownFilter(state);
    if (filter !== undefined) filters.set(id, filter);
  }
  return filters;
}
