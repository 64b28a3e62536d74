/** A container whose supervisor was killed: the kernel has killed the container with it, and nobody has written down its end. */
import { SIGNAL } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { close, readBytes, readText, writeFile } from "../kernel/file.ts";
import { readDetail } from "../kernel/process-list.ts";
import { TICKS_PER_SECOND } from "../kernel/process-status.ts";
import { RECORD } from "../plan/op.ts";
import { readEnd, writeEnd } from "./end-record.ts";
import { hasDied, subjectOf, tell } from "./journal.ts";
import { removeContainer } from "./removal.ts";
import { readState, readStatus, rootOf, takeCharge } from "./store.ts";
import type { ContainerState, ContainerStatus } from "./store.ts";

function bootTimeOf(): number {
  const text = readText("/proc/stat", 16 << 20);
  const match = typeof text === "string" ? /^btime ([0-9]+)$/m.exec(text) : null;
  return match === null ? 0 : Number(match[1]) * 1000;
}

/** A first process that outlived its supervisor, where no cgroup leads to it: the PID of the record, if that process was there when the container began. */
export function killInit(status: ContainerStatus): void {
  const pidfd = syscall(SYSCALLS.pidfd_open, status.pid, 0);
  if (pidfd < 0) return;
  const detail = readDetail(status.pid);
  const began = detail === undefined ? undefined : bootTimeOf() + (detail.stat.start / TICKS_PER_SECOND) * 1000;
  // The record is written when the program starts, after its first process was made: seconds apart at most, on a machine that is very slow.
  const near = began !== undefined && began <= status.started + 1000 && began >= status.started - 60_000;
  if (near && detail !== undefined && detail.status.pids.length > 1) syscall(SYSCALLS.pidfd_send_signal, pidfd, SIGNAL.KILL, 0, 0);
  close(pidfd);
}

/** What stands for the exit code of a program that was killed with its supervisor. */
export const LOST_CODE = 128 + SIGNAL.KILL;
export const LOST_TEXT = "its supervisor was killed, and it with it: the program's own exit code is not known";

/** The status file says ended from here on, by the signal that the kernel sent. */
function writeEnded(directory: string, now: number): void {
  const bytes = readBytes(`${directory}/status`, 4096);
  if (typeof bytes === "number" || bytes.length < RECORD.size) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setInt32(RECORD.state, 2, true);
  view.setInt32(RECORD.code, LOST_CODE, true);
  view.setInt32(RECORD.signal, SIGNAL.KILL, true);
  view.setBigUint64(RECORD.ended, BigInt(now) * 1_000_000n, true);
  writeFile(`${directory}/status`, bytes);
}

/** The event of an end that nobody saw, unless its supervisor was killed between telling and noting it. For whoever is in charge of the container. */
export function tellLost(directory: string, state: ContainerState, status: ContainerStatus): void {
  const root = rootOf(directory);
  if (!hasDied(root, state.id, BigInt(status.started) * 1_000_000n)) tell(root, subjectOf(state), ["die"], { code: LOST_CODE, signal: SIGNAL.KILL });
}

/**
 * Ends what is left of a lost container that is kept, and notes that it is. Does nothing if it is not lost, or somebody else is at it. Returns what could not
 * be removed.
 */
export function settleLost(directory: string, now: number): string[] {
  const charge = takeCharge(directory);
  if (charge === undefined) return [];
  const [state, status] = [readState(directory), readStatus(directory)];
  if (state === undefined || status?.state !== "running") {
    close(charge);
    return [];
  }
  killInit(status);
  tellLost(directory, state, status);
  const left = removeContainer(directory, state, true);
  const { delay: _delay, ...before } = readEnd(directory);
  writeEnd(directory, { ...before, why: LOST_TEXT, oomKilled: false, stopped: false, lost: true });
  writeEnded(directory, now);
  close(charge);
  return left;
}
