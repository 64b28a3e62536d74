/** The ports of the host at which a container is reached: those that were asked for, or that the kernel has chosen at its last start. */
import { readBytes } from "../kernel/file.ts";
import { PORT_RECORD, PORTS_NAME } from "../plan/publishing.ts";
import type { PublishedPort } from "../spec/publish.ts";
import type { ContainerState } from "./store.ts";

/** `published` with the ports of the records that the plan wrote; undefined if they are not those of these ports. Pure. */
export function parsePorts(bytes: Uint8Array, published: readonly PublishedPort[]): PublishedPort[] | undefined {
  if (bytes.length !== PORT_RECORD * published.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // struct sockaddr_in and sockaddr_in6: the port is at byte 2, its high byte first.
  const ports = published.map((one, i) => ({ ...one, hostPort: view.getUint16(PORT_RECORD * i + 2) }));
  return ports.every(({ hostPort }, i) => hostPort !== 0 && (published[i]?.hostPort === 0 || published[i]?.hostPort === hostPort)) ? ports : undefined;
}

/** The ports of the last start; undefined if there are none, or none was yet. */
export function readPublished(directory: string, state: ContainerState): PublishedPort[] | undefined {
  const { published } = state.blueprint;
  if (published === undefined) return undefined;
  const bytes = readBytes(`${directory}/${PORTS_NAME}`, PORT_RECORD * published.length + 1);
  return typeof bytes === "number" ? undefined : parsePorts(bytes, published);
}
