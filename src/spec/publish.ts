/** `--publish`: ports of a container that the host can reach, in docker's words. Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { addressText, parseAddress } from "./ip-address.ts";

/** A TCP port of a container behind one of the host. */
export interface PublishedPort {
  /** Of the host, in its one text. */
  readonly address: string;
  /** 0: the kernel chooses one at each start. */
  readonly hostPort: number;
  /** In the container. */
  readonly port: number;
}

/** Of one container; launcher/forward.c has as many places. */
export const MOST_PORTS = 128;
/** Docker publishes to every network of the host. What is to be reached from outside of it has to be asked for here. */
const DEFAULT_ADDRESS = "127.0.0.1";
const HINT = "[IP:][HOSTPORT]:PORT, such as 8080:80, 127.0.0.1::80 or [::1]:8000-8009:8000-8009";

function usage(text: string, why: string, hint = HINT): PidboxError {
  return new PidboxError("USAGE", `Cannot use ${quote(text, 60)} for --publish: ${why}`, { hint, context: { from: "--publish" } });
}

/** First and last port of a range; `least` is the lowest that may be. */
function rangeOf(text: string, part: string, what: string, least: 0 | 1): readonly [number, number] {
  const [, first = "", last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
  const [low, high] = [Number(first), Number(last)];
  if (first === "" || low < least || high > 65535) throw usage(text, `${quote(part, 20)} is no port of ${what}: it is not a number from ${least} to 65535`);
  if (low > high) throw usage(text, `the range ${part} ends before it begins`);
  return [low, high];
}

function addressOf(text: string, part: string | undefined): string {
  if (part === undefined || part === "") return DEFAULT_ADDRESS;
  const bytes = parseAddress(/^\[(.*)\]$/.exec(part)?.[1] ?? part);
  if (bytes !== undefined) return addressText(bytes);
  throw usage(text, `${quote(part, 50)} is no IP address`, "An address of this host: 127.0.0.1, ::1, 0.0.0.0 for all of IPv4, [::] for all of IPv6");
}

/** `[[IP:][HOSTPORT]:]PORT[/tcp]`, each port perhaps a range. Throws USAGE. */
export function parsePublish(text: string): PublishedPort[] {
  const [, ports = "", protocol = "tcp"] = /^([^/]*)(?:\/(.*))?$/s.exec(text) ?? [];
  if (protocol.toLowerCase() !== "tcp") throw usage(text, `only TCP can be published, and ${quote(protocol, 20)} is something else`, "Leave the protocol out, or write /tcp");
  const parts = ports.split(":");
  const [inside = "", outside = ""] = [parts.at(-1), parts.at(-2)];
  const address = addressOf(text, parts.length < 3 ? undefined : parts.slice(0, -2).join(":"));
  const [first, last] = rangeOf(text, inside, "the container", 1);
  const count = last - first + 1;
  const [low, high] = outside === "" ? [0, 0] : rangeOf(text, outside, "the host", 0);
  if (count > MOST_PORTS) throw usage(text, `it has ${count} ports, and a container can publish ${MOST_PORTS}`);
  const chosen = low === 0 && high === 0;
  if (!chosen && (low === 0 || high - low + 1 !== count)) throw usage(text, `${outside} and ${inside} have different numbers of ports`, "Give two ranges of one length, or no port of the host: then the kernel chooses");
  return Array.from({ length: count }, (_, i) => ({ address, hostPort: chosen ? 0 : low + i, port: first + i }));
}

/** All of them. Throws USAGE, also for too many in all and for a port of the host that is given out twice. */
export function parsePublished(texts: readonly string[]): PublishedPort[] {
  const ports = texts.flatMap(parsePublish);
  if (ports.length > MOST_PORTS) throw usage(texts.at(-1) ?? "", `a container can publish ${MOST_PORTS} ports, and these are ${ports.length}`, "Publish fewer");
  const taken = new Set<string>();
  for (const { address, hostPort } of ports) {
    const place = socketText(address, hostPort);
    if (hostPort !== 0 && taken.has(place)) throw usage(texts.at(-1) ?? "", `${place} is given out twice`, "Give each its own port of the host, or none: then the kernel chooses");
    taken.add(place);
  }
  return ports;
}

/** `127.0.0.1:80`, `[::1]:80`. */
export function socketText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** `127.0.0.1:8080->80/tcp`, as docker's `ps` has it. */
export function publishedText({ address, hostPort, port }: PublishedPort): string {
  return `${socketText(address, hostPort)}->${port}/tcp`;
}
