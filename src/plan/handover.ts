/** Descriptors that pass between supervisor and container while both still run the plan: SCM_RIGHTS over one socket pair (unix(7)). Pure. */
import { PidboxError } from "../base/error.ts";
import { MSG } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Compilation } from "./names.ts";

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SCM_MAX_FD = 253;

interface Message {
  readonly header: number;
  /** Data address of descriptor 0 of the control message; four bytes each. */
  readonly descriptors: number;
}

/** struct msghdr with one byte of payload and room for `count` descriptors. */
function message(c: Compilation, count: number): Message {
  const { writer: w } = c;
  if (count > SCM_MAX_FD) throw new PidboxError("CONFIG_INVALID", `Cannot hand over ${count} mounts at once: the kernel takes ${SCM_MAX_FD}`);
  const length = 16 + 4 * count;
  const control = w.room(length);
  w.cell(control, 0, count === 0 ? 0 : length);
  w.cell(control, 1, SOL_SOCKET + SCM_RIGHTS * 2 ** 32);
  const payload = w.cells(w.room(8), 1);
  return { header: w.cells(0, 0, payload, 1, count === 0 ? 0 : control, count === 0 ? 0 : length, 0), descriptors: control + 16 };
}

/** Sends one byte and the descriptors in `registers`. */
export function send(c: Compilation, socket: number, registers: readonly number[]): void {
  const { writer: w } = c;
  const { header, descriptors } = message(c, registers.length);
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
