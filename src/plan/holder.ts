/** A process that does nothing but be in a cgroup, so that systemd keeps the scope until the container is there; and its end. Pure. */
import { PR, SIGNAL } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import { PlanWriter } from "./writer.ts";

/** The plan of a holder that does not outlive process `parent`. */
export function holderPlan(parent: number): Uint8Array {
  const w = new PlanWriter();
  const found = w.register();
  w.from("holder").call(SYSCALLS.prctl, PR.SET_PDEATHSIG, SIGNAL.KILL).call(SYSCALLS.getppid).into(found).expect(found, parent);
  w.call(SYSCALLS.prctl, PR.SET_NAME, w.text("pidbox-holder")).call(SYSCALLS.close_range, 0, 2 ** 32 - 1, 0);
  // Until it is killed: nothing is polled, and no time is set.
  w.call(SYSCALLS.ppoll, 0, 0, 0, 0, 8).flags(FLAG.IGNORE).exit(0);
  return w.finish(w.position - 1);
}

/** A holder, and the register that is not 0 once it was reaped, and 0 before (blankRegister). */
export interface Holder {
  readonly pid: number;
  readonly gone: number;
}

/**
 * Supervisor's ops: the holder goes, unless it has gone, for its PID may be another's then. It is the supervisor's child: pidbox started it before the launcher
 * took pidbox's place.
 */
export function endHolder(c: Compilation, holder: Holder | undefined): void {
  if (holder === undefined) return;
  const { writer: w } = c;
  const { pid, gone } = holder;
  const none = w.label();
  w.from("systemd scope").jumpSet(none, gone).call(SYSCALLS.kill, pid, SIGNAL.KILL).flags(FLAG.IGNORE);
  w.call(SYSCALLS.wait4, pid, 0, 0).flags(FLAG.IGNORE).into(gone).place(none);
}
