/** What a list of id mappings says of one id (user_namespaces(7), "User and group ID mappings"). Pure. */
import type { IdMapping } from "./runtime-config.ts";

/** The host's id of the container's `id`; undefined if it is not mapped. Without a map it is the same. */
export function hostId(map: readonly IdMapping[] | undefined, id: number): number | undefined {
  if (map === undefined) return id;
  const found = map.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return found === undefined ? undefined : found.hostID + id - found.containerID;
}
