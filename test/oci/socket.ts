/** The far end of `--console-socket` and `--pidfd-socket`: a listening socket that takes one descriptor from each caller (unix(7), SCM_RIGHTS). */
import { rmSync } from "node:fs";
import { AF_UNIX, MSG, SOCK } from "../../src/kernel/abi/constants.ts";
import { SYSCALLS_X64 as SYSCALLS } from "../../src/kernel/abi/syscalls-x64.ts";
import { address, syscall } from "../../src/kernel/ffi.ts";
import { close } from "../../src/kernel/file.ts";

const TEXT_ROOM = 256;

export interface Handed {
  /** The caller's end; whoever gets it closes it. */
  readonly fd: number;
  /** What came along. */
  readonly text: string;
}

export interface DescriptorSocket extends Disposable {
  readonly path: string;
  /** What the next caller has sent, or undefined if nobody has called. Callers do not wait to be answered. */
  take(): Handed | undefined;
  /** Closes all that was sent and not taken. */
  drain(): void;
}

function check(result: number, what: string): number {
  if (result < 0) throw new Error(`${what}: errno ${-result}`);
  return result;
}

function unixAddress(path: string): Uint8Array {
  const bytes = new Uint8Array(110);
  bytes[0] = AF_UNIX;
  bytes.set(new TextEncoder().encode(path), 2);
  return bytes;
}

/** One message with a descriptor from a connected socket. */
function receive(socket: number): Handed {
  const text = new Uint8Array(TEXT_ROOM);
  const control = new Uint8Array(64);
  const vector = new BigUint64Array([BigInt(address(text)), BigInt(TEXT_ROOM)]);
  // struct msghdr: name, namelen, iov, iovlen, control, controllen, flags
  const header = new BigUint64Array([0n, 0n, BigInt(address(vector)), 1n, BigInt(address(control)), BigInt(control.length), 0n]);
  const length = check(syscall(SYSCALLS.recvmsg, socket, address(header), MSG.CMSG_CLOEXEC), "recvmsg");
  if (length === 0 || header[5] === 0n) throw new Error("a caller left without sending a descriptor");
  return { fd: new DataView(control.buffer).getInt32(16, true), text: new TextDecoder().decode(text.subarray(0, length)) };
}

/** Listens at `path`, which must be shorter than 108 bytes. */
export function listenForDescriptors(path: string): DescriptorSocket {
  const listener = check(syscall(SYSCALLS.socket, AF_UNIX, SOCK.STREAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0), "socket");
  const name = unixAddress(path);
  check(syscall(SYSCALLS.bind, listener, address(name), name.length), `bind ${path}`);
  check(syscall(SYSCALLS.listen, listener, 100), "listen");
  const accept = (): number | undefined => {
    const socket = syscall(SYSCALLS.accept4, listener, 0, 0, SOCK.CLOEXEC);
    return socket < 0 ? undefined : socket;
  };
  return {
    path,
    take() {
      const socket = accept();
      if (socket === undefined) return undefined;
      try {
        return receive(socket);
      } finally {
        close(socket);
      }
    },
    drain() {
      for (let socket = accept(); socket !== undefined; socket = accept()) close(socket);
    },
    [Symbol.dispose]() {
      close(listener);
      rmSync(path, { force: true });
    },
  };
}
