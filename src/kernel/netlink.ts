/** What rtnetlink(7) tells of interfaces and their addresses. The parser is total: bytes that are no message are no answer. */
import { AF_NETLINK, SOCK } from "./abi/constants.ts";
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";
import { close } from "./file.ts";
import { findLink, listAddresses, RTM } from "../plan/netlink.ts";
import type { NetAddress, NetAttribute } from "../plan/netlink.ts";

const NETLINK_ROUTE = 0;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

export interface NetlinkMessage {
  readonly type: number;
  readonly body: Uint8Array;
}

/** The messages in a datagram, up to the first that does not lie within it. */
export function parseMessages(bytes: Uint8Array): NetlinkMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + 16 <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < 16 || at + length > bytes.length) break;
    messages.push({ type: view.getUint16(at + 4, true), body: bytes.subarray(at + 16, at + length) });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** The attributes behind a fixed part of `skip` bytes, up to the first that does not lie within the message. */
export function parseAttributes(body: Uint8Array, skip: number): NetAttribute[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const attributes: NetAttribute[] = [];
  for (let at = skip; at + 4 <= body.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > body.length) break;
    // The two highest bits say how a value is laid out (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
    attributes.push({ type: view.getUint16(at + 2, true) & 0x3fff, value: [...body.subarray(at + 4, at + length)] });
    at += (length + 3) & ~3;
  }
  return attributes;
}

const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4, FLAGS: 8, PRIORITY: 9 } as const;
const KEPT: readonly number[] = [IFA.ADDRESS, IFA.LOCAL, IFA.BROADCAST, IFA.FLAGS, IFA.PRIORITY];
const IFA_F_PERMANENT = 0x80;
/** IFA_F_NODAD, HOMEADDRESS, MANAGETEMPADDR, NOPREFIXROUTE, MCAUTOJOIN: what an administrator sets; the rest is the kernel's own. */
const SETTABLE = 0x02 | 0x10 | 0x100 | 0x200 | 0x400;
const RT_SCOPE_UNIVERSE = 0;

function flagsOf(attributes: readonly NetAttribute[], low: number): number {
  const [a = low, b = 0, c = 0, d = 0] = attributes.find(({ type }) => type === IFA.FLAGS)?.value ?? [];
  return a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24;
}

/** The permanent, global address in a message about the interface `index`, or undefined for any other (config-linux.md, "Network Devices"). */
export function keptAddress({ type, body }: NetlinkMessage, index: number): NetAddress | undefined {
  if (type !== RTM.NEWADDR || body.length < 8) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const [family = 0, prefix = 0, low = 0, scope = 0] = body;
  const attributes = parseAttributes(body, 8);
  const flags = flagsOf(attributes, low);
  if (view.getUint32(4, true) !== index || scope !== RT_SCOPE_UNIVERSE || (flags & IFA_F_PERMANENT) === 0) return undefined;
  const kept = flags & SETTABLE;
  return {
    family, prefix, scope,
    attributes: attributes.filter((one) => KEPT.includes(one.type)).map((one) => (
      one.type === IFA.FLAGS ? { type: IFA.FLAGS, value: [kept & 0xff, (kept >> 8) & 0xff, 0, 0] } : one
    )),
  };
}

/** Sends a request to a protocol of netlink(7) and gives what comes back to `take` until that says it is enough. Returns 0 or -errno. */
export function converse(protocol: number, request: Uint8Array, take: (message: NetlinkMessage) => boolean): number {
  const socket = syscall(SYSCALLS.socket, AF_NETLINK, SOCK.RAW | SOCK.CLOEXEC, protocol);
  if (socket < 0) return socket;
  const buffer = new Uint8Array(64 * 1024);
  let result = syscall(SYSCALLS.sendto, socket, address(request), request.length, 0, 0, 0);
  for (let more = result >= 0; more;) {
    result = syscall(SYSCALLS.recvfrom, socket, address(buffer), buffer.length, 0, 0, 0);
    if (result <= 0) break;
    for (const message of parseMessages(buffer.subarray(0, result))) {
      const error = message.type === NLMSG_ERROR && message.body.length >= 4 ? new DataView(message.body.buffer, message.body.byteOffset).getInt32(0, true) : 0;
      if (error < 0) result = error;
      if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE || !take(message)) more = false;
      if (!more) break;
    }
  }
  close(socket);
  return Math.min(result, 0);
}

/** The number of an interface of the caller's network namespace, or -errno (-19: there is none of this name). */
export function readLinkIndex(name: string): number {
  let index = -19;
  const result = converse(NETLINK_ROUTE, findLink(name), ({ type, body }) => {
    if (type === RTM.NEWLINK && body.length >= 16) index = new DataView(body.buffer, body.byteOffset).getInt32(4, true);
    return true;
  });
  return result < 0 ? result : index;
}

/** The permanent, global addresses of an interface, or -errno. */
export function readAddresses(index: number): NetAddress[] | number {
  const found: NetAddress[] = [];
  const result = converse(NETLINK_ROUTE, listAddresses(), (message) => {
    const one = keptAddress(message, index);
    if (one !== undefined) found.push(one);
    return true;
  });
  return result < 0 ? result : found;
}
