/** Resources as files of the cgroups that a host has: v1, v2, or both. Pure. */
import type { LinuxResources } from "../spec/runtime-config.ts";
import type { Limit, LimitOptions } from "./cgroup-limit.ts";
import { limitsV1 } from "./cgroup-limits-v1.ts";
import { limitsV2 } from "./cgroup-limits-v2.ts";

export interface Versions {
  readonly legacy: boolean;
  /** Controllers of the v2 tree; absent: there is none. */
  readonly unified?: readonly string[];
}

/** Whether a v2 cgroup with these controllers can have the file of `limit`. */
export function unifiedHolds(controllers: readonly string[], limit: Limit): boolean {
  return limit.absent !== true && (controllers.includes(limit.controller) || limit.controller === "cgroup");
}

/** The files to write. On a hybrid host the v2 tree has what v1 left over, and v1 has the rest. Throws CONFIG_INVALID. */
export function limitsOf(resources: LinuxResources, { legacy, unified }: Versions, options: LimitOptions): Limit[] {
  if (!legacy) return limitsV2(resources, options);
  if (unified === undefined) return limitsV1(resources, options);
  const { memory, ...rest } = resources;
  const all = limitsV2({ ...rest, ...(memory !== undefined && unified.includes("memory") ? { memory } : {}) }, options);
  const mine = all.filter((limit) => unifiedHolds(unified, limit));
  return [...limitsV1(resources, options).filter((limit) => !mine.some(({ from }) => from === limit.from)), ...mine];
}
