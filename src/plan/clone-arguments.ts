/** struct clone_args (clone3(2)): flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup. Pure. */
import { SIGNAL } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { PlanWriter } from "./writer.ts";

export const CLONE_ARGUMENTS = { cgroup: 80, size: 88 } as const;

interface CloneArguments {
  readonly flags?: number;
  /** Data address that takes the pidfd, by CLONE_PIDFD. */
  readonly pidfd?: number;
  /** What the parent gets at the end; 0 is nothing. */
  readonly signal?: number;
}

/** The struct as data of the plan; its address. */
export function cloneArguments(w: PlanWriter, { flags = 0, pidfd = 0, signal = SIGNAL.CHLD }: CloneArguments = {}): number {
  return w.cells(flags, pidfd, 0, 0, signal, 0, 0, 0, 0, 0, 0);
}

/** An op that makes a helper: a child that only leaves when an op of it fails (launcher.c, HELPER). */
export function fork(w: PlanWriter, args: CloneArguments = {}): PlanWriter {
  return w.call(SYSCALLS.clone3, cloneArguments(w, args), CLONE_ARGUMENTS.size);
}
