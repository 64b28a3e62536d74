/** Whose users a container has. Pure. */
import type { Container } from "../engine/discover.ts";

/** Whether a container has the host's user namespace, or may have it: what the kernel does not tell is no wall. */
export function mayHaveHostUsers({ sharedWithHost, unknown }: Pick<Container, "sharedWithHost" | "unknown">): boolean {
  return sharedWithHost.includes("user") || unknown.includes("user");
}
