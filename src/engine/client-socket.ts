/** Connections to the supervisor of a container that runs in the background (launcher/attach.c). */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { AF_UNIX, SOCK } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, O, open } from "../kernel/file.ts";
import { SOCKET_NAME } from "../plan/keeping.ts";

/** Connects; the caller owns the descriptor. Throws CONFLICT if nobody listens, IO. */
export function connectClient(directory: string, name: string): number {
  const place = open(directory, O.PATH | O.DIRECTORY);
  const socket = syscall(SYSCALLS.socket, AF_UNIX, SOCK.SEQPACKET | SOCK.CLOEXEC, 0);
  // The address holds 107 bytes, which is less than paths of state directories may have (unix(7)).
  const path = new TextEncoder().encode(`/proc/self/fd/${place}/${SOCKET_NAME}\0`);
  const target = new Uint8Array(2 + path.length);
  target[0] = AF_UNIX;
  target.set(path, 2);
  const result = place < 0 ? place : socket < 0 ? socket : syscall(SYSCALLS.connect, socket, address(target), target.length);
  if (place >= 0) close(place);
  if (result === 0) return socket;
  if (socket >= 0) close(socket);
  const errno = errnoName(result);
  if (result === -2 || result === -111) {
    throw new PidboxError("CONFLICT", `Cannot attach to the container ${quote(name, 60)}: it does not run in the background`, { hint: "Its terminal or pipes are those of who started it", context: { errno } });
  }
  throw new PidboxError("IO", `Cannot attach to the container ${quote(name, 60)}: ${errno}`, { context: { path: `${directory}/${SOCKET_NAME}`, errno } });
}

/** Two ends of one connection: the supervisor gets the first before the container starts. The caller owns both. Throws IO. */
export function clientPair(): readonly [theirs: number, ours: number] {
  const pair = new Int32Array(2);
  const result = syscall(SYSCALLS.socketpair, AF_UNIX, SOCK.SEQPACKET | SOCK.CLOEXEC | SOCK.NONBLOCK, 0, address(pair));
  if (result < 0) throw new PidboxError("IO", `Cannot make a socket: ${errnoName(result)}`, { context: { errno: errnoName(result) } });
  return [pair[0] ?? -1, pair[1] ?? -1];
}
