/**
 * Stage: a process that is born in a PID namespace which an unprivileged supervisor joins. A child of the supervisor joins and makes it; the process is the
 * supervisor's own child all the same (CLONE_PARENT of clone(2)). Nobody without privileges comes back from there to a PID namespace of the host's, and the
 * pidbox that explains a failure could start no thread otherwise (CLONE_THREAD needs one PID namespace for a process and its children). Pure.
 */
import { MSG, PR } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { bear } from "./birth.ts";
import type { BirthPlace } from "./birth.ts";
import { CLONE_ARGUMENTS, cloneArguments } from "./clone-arguments.ts";
import { writeFile } from "./file.ts";
import type { Link } from "./handover.ts";
import { openHostProc } from "./host-proc.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import type { PlanWriter } from "./writer.ts";

export interface Passage {
  /** What is joined on the way, in order: a register or number of a descriptor, and the flag of setns(2). */
  readonly joined: readonly { readonly type: string; readonly fd: number; readonly flag: number }[];
  /** Flags of clone3(2) for the process, besides those that are needed. */
  readonly flags: number;
  readonly place: BirthPlace | undefined;
  /**
   * The process is not dumpable from its birth on, so that nobody in the PID namespace can look into it (CVE-2016-9962), and has its score for the end of
   * memory from the child that makes it: the supervisor could not write that later. False where the supervisor has yet to write id maps.
   */
  readonly closed: boolean;
  /** Ops of the child that makes it, before what is in `joined`. */
  readonly enter?: () => void;
}

/** The score of this process, through a verified procfs of the host's. */
function writeOwnScore(c: Compilation, score: number): void {
  const { writer: w } = c;
  const proc = openHostProc(w.from("/process/oomScoreAdj"));
  writeFile(w, proc, "self/oom_score_adj", String(score));
  w.close(proc);
}

/** Supervisor's ops. The process goes on at `child`. Registers of its PID and pidfd. */
export function cloneThrough(
  c: Compilation, child: ReturnType<PlanWriter["label"]>, link: Link, { joined, flags, place, closed, enter }: Passage,
): { pid: number; pidfd: number } {
  const { writer: w } = c;
  const [pid, pidfd, got] = [w.register(), w.register(), w.register()];
  const [between, done] = [w.label(), w.label()];
  const word = w.cells(0);
  w.from("container").clone(cloneArguments(w), CLONE_ARGUMENTS.size, between, c.descriptors.report, link.report).into(pid);
  // It has said who the process is by the time that it is gone, or never will.
  w.call(SYSCALLS.wait4, pid, 0, 0).call(SYSCALLS.recvfrom, link.outside, word, 8, MSG.DONTWAIT).into(got).expect(got, 8).load(pid, word, 8).adopt(pid);
  w.call(SYSCALLS.pidfd_open, pid, 0).into(pidfd).release(got).jump(done).place(between);
  const score = c.blueprint.config.process?.oomScoreAdj;
  if (closed && score !== undefined) writeOwnScore(c, score);
  if (closed) w.from("container").call(SYSCALLS.prctl, PR.SET_DUMPABLE, 0);
  enter?.();
  for (const { type, fd, flag } of joined) w.from(`/linux/namespaces/${type}`).call(SYSCALLS.setns, fd, flag);
  w.from("container");
  bear(c, { flags, place, child, reading: 0, pid });
  w.store(word, pid, 8);
  w.call(SYSCALLS.write, link.inside, word, 8).flags(FLAG.FULL).exit(0).place(done);
  return { pid, pidfd };
}
