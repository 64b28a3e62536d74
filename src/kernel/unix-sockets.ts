/**
 * The unix sockets of the caller's network namespace, by sock_diag(7). The file that a socket was bound to is known by device and inode, whatever name it
 * has now. As for ss(8), a kernel that has unix_diag as a module loads it for the first who asks.
 *
 * An attacker controls: names, and how many sockets there are.
 */
import { AF_UNIX } from "./abi/constants.ts";
import { converse, type NetlinkMessage, parseAttributes } from "./netlink.ts";

export interface UnixSocket {
  /** Inode of the socket itself, as in `socket:[INODE]`. */
  readonly inode: number;
  readonly listening: boolean;
  /** What it was bound to; `@` stands for the NUL of an abstract name. Empty: nothing. */
  readonly name: string;
  /** The file that it was bound to. */
  readonly file?: { readonly major: number; readonly minor: number; readonly inode: number };
  /** Inode of the socket that it is connected with. */
  readonly peer?: number;
}

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST_DUMP = 0x301;
const SHOW_NAME_VFS_PEER = 7;
const TCP_LISTEN = 10;
const ATTRIBUTE = { NAME: 0, VFS: 1, PEER: 2 } as const;
const MOST = 200_000;
const EFBIG = -27;

function u32(bytes: readonly number[], at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(at, at + 4);
  return a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24;
}

function nameOf(bytes: readonly number[]): string {
  const text = new TextDecoder().decode(new Uint8Array(bytes));
  return text.startsWith("\0") ? `@${text.slice(1)}` : text.replace(/\0+$/, "");
}

/** The socket that an answer tells of (struct unix_diag_msg and attributes), or undefined for any other message. Total. */
export function parseUnixSocket({ type, body }: NetlinkMessage): UnixSocket | undefined {
  if (type !== SOCK_DIAG_BY_FAMILY || body.length < 16 || body[0] !== AF_UNIX) return undefined;
  const attributes = new Map(parseAttributes(body, 16).map(({ type: kind, value }) => [kind, value]));
  const [name, file, peer] = [attributes.get(ATTRIBUTE.NAME), attributes.get(ATTRIBUTE.VFS), attributes.get(ATTRIBUTE.PEER)];
  // The kernel's own dev_t: 12 bits of major above 20 of minor.
  const device = file === undefined ? 0 : u32(file, 4);
  return {
    inode: u32([...body.subarray(4, 8)], 0), listening: body[2] === TCP_LISTEN, name: name === undefined ? "" : nameOf(name),
    ...(file === undefined || file.length < 8 ? {} : { file: { major: device >>> 20, minor: device & 0xfffff, inode: u32(file, 0) } }),
    ...(peer === undefined || peer.length < 4 ? {} : { peer: u32(peer, 0) }),
  };
}

/** All unix sockets, or -errno. */
export function readUnixSockets(): readonly UnixSocket[] | number {
  const request = new Uint8Array(40);
  const view = new DataView(request.buffer);
  view.setUint32(0, request.length, true);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(6, NLM_F_REQUEST_DUMP, true);
  // struct unix_diag_req: family, protocol, pad; states; inode; what to show; cookie
  request[16] = AF_UNIX;
  view.setUint32(20, 0xffffffff, true);
  view.setUint32(28, SHOW_NAME_VFS_PEER, true);
  const found: UnixSocket[] = [];
  const result = converse(NETLINK_SOCK_DIAG, request, (message) => {
    const socket = parseUnixSocket(message);
    if (socket !== undefined) found.push(socket);
    return found.length < MOST;
  });
  return result < 0 ? result : found.length >= MOST ? EFBIG : found;
}
