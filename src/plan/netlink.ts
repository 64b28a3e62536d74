/** Messages of rtnetlink(7) as bytes: to move an interface, give it its addresses and set it up. Little endian, aligned to four bytes. Pure. */

/** An attribute of an address, as the kernel gave it. */
export interface NetAttribute {
  readonly type: number;
  readonly value: readonly number[];
}

/** An address of an interface: struct ifaddrmsg without its index, and what has to be kept beside it. */
export interface NetAddress {
  readonly family: number;
  readonly prefix: number;
  readonly scope: number;
  readonly attributes: readonly NetAttribute[];
}

export const RTM = { NEWLINK: 16, GETLINK: 18, NEWADDR: 20, GETADDR: 22 } as const;
export const NLM_F = { REQUEST: 1, ACK: 4, EXCL: 0x200, CREATE: 0x400, DUMP: 0x300 } as const;
export const IFLA = { IFNAME: 3, NET_NS_FD: 28, NEW_IFINDEX: 49 } as const;
const IFF_UP = 1;

/** struct nlmsghdr is 16 bytes; struct ifinfomsg 16, its index at byte 4; struct ifaddrmsg 8, its index at byte 4. */
export const INDEX_AT = 20;
const HEADER = 16;

const padded = (length: number): number => (length + 3) & ~3;

function attributeSize(value: readonly number[]): number {
  return 4 + padded(value.length);
}

/** A message of `type` with a fixed part of `body` and attributes. */
function message(type: number, flags: number, body: Uint8Array, attributes: readonly NetAttribute[]): Uint8Array {
  const size = HEADER + body.length + attributes.reduce((sum, { value }) => sum + attributeSize(value), 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, size, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  bytes.set(body, HEADER);
  let at = HEADER + body.length;
  for (const attribute of attributes) {
    view.setUint16(at, 4 + attribute.value.length, true);
    view.setUint16(at + 2, attribute.type, true);
    bytes.set(attribute.value, at + 4);
    at += attributeSize(attribute.value);
  }
  return bytes;
}

function linkBody(index: number, flags: number, change: number): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return body;
}

/** Sets an interface up or down. */
export function linkState(index: number, up: boolean): Uint8Array {
  return message(RTM.NEWLINK, NLM_F.REQUEST | NLM_F.ACK, linkBody(index, up ? IFF_UP : 0, IFF_UP), []);
}

/** NUL-terminated, as IFLA_IFNAME is. */
function nameBytes(name: string): number[] {
  return [...new TextEncoder().encode(name), 0];
}

/**
 * Moves an interface to another network namespace under `name`, with the index `there` if it is given; the descriptor of the namespace goes to `namespaceAt`.
 * The kernel gives a name with `%d` the first number that is free.
 */
export function moveLink(index: number, name: string, there?: number): { readonly bytes: Uint8Array; readonly namespaceAt: number } {
  const wanted = there === undefined ? [] : [{ type: IFLA.NEW_IFINDEX, value: [...new Uint8Array(new Uint32Array([there]).buffer)] }];
  const bytes = message(RTM.NEWLINK, NLM_F.REQUEST | NLM_F.ACK, linkBody(index, 0, 0), [
    { type: IFLA.NET_NS_FD, value: [0, 0, 0, 0] }, { type: IFLA.IFNAME, value: nameBytes(name) }, ...wanted,
  ]);
  return { bytes, namespaceAt: HEADER + 16 + 4 };
}

/** Gives an interface an address; its index goes to INDEX_AT. */
export function addAddress(address: NetAddress): Uint8Array {
  const body = new Uint8Array(8);
  body.set([address.family, address.prefix, 0, address.scope]);
  return message(RTM.NEWADDR, NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL, body, address.attributes);
}

/** Asks for the interface of a name. */
export function findLink(name: string): Uint8Array {
  return message(RTM.GETLINK, NLM_F.REQUEST | NLM_F.ACK, linkBody(0, 0, 0), [{ type: IFLA.IFNAME, value: nameBytes(name) }]);
}

/** Asks for all addresses of the namespace. */
export function listAddresses(): Uint8Array {
  return message(RTM.GETADDR, NLM_F.REQUEST | NLM_F.DUMP, new Uint8Array(8), []);
}
