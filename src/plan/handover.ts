/** Descriptors that pass between supervisor and container while both still run the plan: SCM_RIGHTS over one socket pair (unix(7)). Pure. */
import { PidboxError } from "../base/error.ts";
import { AF_UNIX, AT, MSG, OPEN, SOCK } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Compilation } from "./names.ts";
import { makePipe } from "./pipe.ts";

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SCM_MAX_FD = 253;

interface Message {
  readonly header: number;
  /** Data address of descriptor 0 of the control message; four bytes each. */
  readonly descriptors: number;
}

interface Bytes {
  /** Data address. */
  readonly address: number;
  readonly length: number;
}

/** struct msghdr with `payload` (one byte unless given) and room for `count` descriptors. */
function message(c: Compilation, count: number, bytes?: Bytes): Message {
  const { writer: w } = c;
  if (count > SCM_MAX_FD) throw new PidboxError("CONFIG_INVALID", `Cannot hand over ${count} mounts at once: the kernel takes ${SCM_MAX_FD}`);
  const length = 16 + 4 * count;
  const control = w.room(length);
  w.cell(control, 0, count === 0 ? 0 : length);
  w.cell(control, 1, SOL_SOCKET + SCM_RIGHTS * 2 ** 32);
  const payload = bytes === undefined ? w.cells(w.room(8), 1) : w.cells(bytes.address, bytes.length);
  return { header: w.cells(0, 0, payload, 1, count === 0 ? 0 : control, count === 0 ? 0 : length, 0), descriptors: control + 16 };
}

/** Sends one byte and the descriptors in `registers`. */
export function send(c: Compilation, socket: number, registers: readonly number[]): void {
  const { writer: w } = c;
  const { header, descriptors } = message(c, registers.length);
  registers.forEach((register, i) => w.store(descriptors + 4 * i, register, 4));
  w.call(SYSCALLS.sendmsg, socket, header, MSG.NOSIGNAL);
}

/** Sends bytes and the descriptors in `registers`, over a stream socket. */
export function sendBytes(c: Compilation, socket: number, bytes: Bytes, registers: readonly number[]): void {
  const { writer: w } = c;
  const { header, descriptors } = message(c, registers.length, bytes);
  registers.forEach((register, i) => w.store(descriptors + 4 * i, register, 4));
  w.call(SYSCALLS.sendmsg, socket, header, MSG.NOSIGNAL);
}

/** Waits for the byte and takes the descriptors into `registers`. A peer that died is a failed op. */
export function receive(c: Compilation, socket: number, registers: readonly number[]): void {
  const { writer: w } = c;
  const { header, descriptors } = message(c, registers.length);
  const got = w.register();
  w.call(SYSCALLS.recvmsg, socket, header, MSG.CMSG_CLOEXEC).into(got).expect(got, 1).release(got);
  registers.forEach((register, i) => w.load(register, descriptors + 4 * i, 4));
}

/** The socket is opened first and connected to by its descriptor: sun_path has room for 107 bytes, and paths of engines are longer. */
export function connectUnix(c: Compilation, from: string, path: string): number {
  const { writer: w } = c;
  const [file, socket] = [w.register(), w.register()];
  w.from(from).call(SYSCALLS.openat, AT.FDCWD, w.text(path), OPEN.PATH | OPEN.CLOEXEC).into(file);
  const prefix = new TextEncoder().encode("\x01\0/proc/self/fd/");
  const address = w.room(110);
  w.fill(address, prefix).decimal(address + prefix.length, file);
  w.call(SYSCALLS.socket, AF_UNIX, SOCK.STREAM | SOCK.CLOEXEC, 0).into(socket);
  w.call(SYSCALLS.connect, socket, address, 110).close(file);
  return socket;
}

/** What supervisor and container share before they part: a socket pair, the report pipe, the page on which PID 1 says how its child ended. */
export interface Link {
  readonly outside: number;
  readonly inside: number;
  readonly report: number;
  readonly page: number;
}

export function openLink(c: Compilation): Link {
  const { writer: w, blueprint } = c;
  w.from("supervisor");
  const pair = w.room(8);
  const [outside, inside, page] = [w.blankRegister(), w.register(), w.register()];
  w.call(SYSCALLS.socketpair, AF_UNIX, SOCK.SEQPACKET | SOCK.CLOEXEC, 0, pair).load(outside, pair, 4).load(inside, pair + 4, 4);
  const { reading: report, writing } = makePipe(w, OPEN.NONBLOCK);
  w.call(SYSCALLS.dup3, writing, c.descriptors.report, OPEN.CLOEXEC).close(writing);
  // PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS
  if (blueprint.init) w.call(SYSCALLS.mmap, 0, 4096, 3, 0x21, -1, 0).into(page);
  return { outside, inside, report, page };
}
