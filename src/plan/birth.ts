/**
 * Stage: the first process of a container, or one more, is born into its v2 cgroup (clone3(2), CLONE_INTO_CGROUP). Pure.
 *
 * A fork into a cgroup counts against pids.max, moving there does not: where the limit leaves no room, as it may for `exec`, with a limit of 0, or of 1 while
 * the holder of a scope is there, the process is born outside and moves in itself.
 */
import { CLONE, ERRNO, OPEN, SIGNAL } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { CLONE_ARGUMENTS, cloneArguments } from "./clone-arguments.ts";
import { writeText } from "./file.ts";
import type { Compilation } from "./names.ts";
import type { Label } from "./writer.ts";

export interface BirthPlace {
  /** Register of the cgroup's directory. */
  readonly into: number;
  /** Register of its cgroup.procs, and data address of 1 if the process must move; absent: no room is an error. */
  readonly late?: { readonly procs: number; readonly flag: number };
}

/** Supervisor's ops: a place with a second way in. */
export function openBirthPlace(c: Compilation, into: number): BirthPlace {
  const { writer: w } = c;
  const procs = w.register();
  w.call(SYSCALLS.openat, into, w.text("cgroup.procs"), OPEN.WRONLY | OPEN.CLOEXEC).into(procs);
  return { into, late: { procs, flag: w.cells(0) } };
}

export interface Birth {
  /** Flags of clone3 besides those for the pidfd and the cgroup. */
  readonly flags: number;
  readonly place: BirthPlace | undefined;
  /** Where the child goes on. */
  readonly child: Label;
  /** Register of the report pipe that the supervisor reads. */
  readonly reading: number;
  /** Registers for the PID and the pidfd. Absent: there is none, and the child is that of this process's parent (CLONE_PARENT), which has its exit signal. */
  readonly pid: number;
  readonly pidfd?: number;
}

/** The child is made. */
export function bear(c: Compilation, { flags, place, child, reading, pid, pidfd }: Birth): void {
  const { writer: w, descriptors } = c;
  const pidfdAt = w.cells(0);
  const [own, signal] = pidfd === undefined ? [CLONE.PARENT, 0] : [CLONE.PIDFD, SIGNAL.CHLD];
  const block = (more: number): number => cloneArguments(w, { flags: flags + own + more, pidfd: pidfd === undefined ? 0 : pidfdAt, signal });
  const args = block(place === undefined ? 0 : CLONE.INTO_CGROUP);
  if (place !== undefined) w.store(args + CLONE_ARGUMENTS.cgroup, place.into, 8);
  w.clone(args, CLONE_ARGUMENTS.size, child, descriptors.report, reading).into(pid);
  if (place?.late !== undefined) {
    const [again, born] = [w.label(), w.label()];
    w.tolerate(ERRNO.EAGAIN).jumpError(again, pid).jump(born).place(again);
    w.store(place.late.flag, 1, 4).clone(block(0), CLONE_ARGUMENTS.size, child, descriptors.report, reading).into(pid).place(born);
    w.call(SYSCALLS.close, place.late.procs);
  }
  if (pidfd !== undefined) w.load(pidfd, pidfdAt, 4);
}

/** Supervisor's ops: `ops`, if the process was born in its place, or, with `late`, if it was not and moves there itself. */
export function whereBorn(c: Compilation, place: BirthPlace | undefined, late: boolean, ops: () => void): void {
  if (place?.late === undefined) {
    if (!late) ops();
    return;
  }
  const { writer: w } = c;
  const [moves, moving, done] = [w.register(), w.label(), w.label()];
  w.load(moves, place.late.flag, 4).jumpSet(moving, moves);
  if (!late) ops();
  w.jump(done).place(moving);
  if (late) ops();
  w.place(done).release(moves);
}

/** Child's ops, before all that the limits should hold for. */
export function moveIn(c: Compilation, place: BirthPlace | undefined): void {
  if (place?.late === undefined) return;
  const { writer: w } = c;
  const { flag, procs } = place.late;
  const [moved, late, there] = [w.register(), w.label(), w.label()];
  w.from("cgroup").load(moved, flag, 4).jumpSet(late, moved).jump(there).place(late);
  writeText(w, procs, "0").place(there).close(procs).release(moved);
}
