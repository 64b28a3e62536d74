/** Stage: leaving the caller. The supervisor of a container that nobody waits for is a child that the caller's process hears of and then forgets. Pure. */
import { POLLIN, SIGNAL, SOCK } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import { makePipe } from "./pipe.ts";

/**
 * Parts this process in two. The child goes on as the supervisor, in a session of its own; the parent waits until the program runs, prints `announce` and
 * ends with 0, or with the child's exit code if that fails before. Returns the register of the pipe by which the child says that it runs.
 *
 * None of the parent's ops can fail: the clean-up after a failed op is the child's alone.
 */
export function detach(c: Compilation, announce: string): number {
  const { writer: w } = c;
  w.from("--detach");
  const { reading, writing } = makePipe(w);
  const [pid, answer] = [w.register(), w.register()];
  const [parent, child, running, killed] = [w.label(), w.label(), w.label(), w.label()];
  // clone(2), for the launcher takes a child of clone3(2) for a helper.
  w.call(SYSCALLS.clone, SIGNAL.CHLD).into(pid).jumpSet(parent, pid).jump(child).place(parent);
  w.call(SYSCALLS.close, writing).flags(FLAG.IGNORE);
  w.call(SYSCALLS.read, reading, w.room(8), 1).flags(FLAG.IGNORE).into(answer).jumpSet(running, answer);
  // The two low bytes of a wait status (wait4(2)): the signal, and the exit code.
  const status = w.cells(0);
  w.call(SYSCALLS.wait4, pid, status, 0).flags(FLAG.IGNORE).load(answer, status, 1).jumpSet(killed, answer);
  w.load(answer, status + 1, 1).exit(answer).place(killed).exit(125).place(running);
  const text = w.text(announce);
  w.call(SYSCALLS.write, 1, text, new TextEncoder().encode(announce).length).flags(FLAG.IGNORE).exit(0).place(child);
  w.call(SYSCALLS.setsid).close(reading).release(pid, answer);
  return writing;
}

/** Waits before a restart, unless SIGTERM, SIGINT or SIGQUIT say meanwhile that it is not wanted any more: then `giveUp` has the ops, which must not return. */
export function waitOut(c: Compilation, milliseconds: number, giveUp: () => void): void {
  const { writer: w } = c;
  w.from("--restart");
  const [signals, asked] = [w.register(), w.register()];
  const [unwanted, wanted] = [w.label(), w.label()];
  const bit = (signal: number): number => 2 ** (signal - 1);
  // Signals stay pending: who reads them is the supervisor that comes after.
  w.call(SYSCALLS.signalfd4, -1, w.cells(bit(SIGNAL.TERM) + bit(SIGNAL.INT) + bit(SIGNAL.QUIT)), 8, SOCK.CLOEXEC).into(signals);
  const poll = w.words(0, POLLIN);
  const time = w.cells(Math.floor(milliseconds / 1000), (milliseconds % 1000) * 1e6);
  w.store(poll, signals, 4).call(SYSCALLS.ppoll, poll, 1, time, 0, 0).into(asked).close(signals);
  w.jumpSet(unwanted, asked).jump(wanted).place(unwanted);
  giveUp();
  w.place(wanted).release(asked);
}
