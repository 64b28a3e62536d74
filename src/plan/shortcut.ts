/**
 * Small plans that `create` leaves in the container's directory, for launcher/front.c to run in place of `start` and `delete`: starting Bun takes longer than
 * they do. An op that fails leads to nothing but Bun, which does the command as if there had been no plan; so up to the first op that cannot be taken back
 * nothing may have changed. Pure.
 */
import { AT, ERRNO, FIONREAD, LOCK, OPEN } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { FIRST_PROCESS } from "./creation.ts";
import { openHostProc } from "./host-proc.ts";
import { FLAG } from "./op.ts";
import { PlanWriter } from "./writer.ts";

/** What the plans need to know. */
export interface ShortcutFacts {
  /** ROOT/ID. */
  readonly directory: string;
  /** Files in it, the state file last. */
  readonly files: readonly string[];
  readonly cgroups: readonly string[];
  readonly executable: string;
  /** Words of the command that explains a failed start; two descriptors are added: the launcher's image and the report. */
  readonly failure: readonly string[];
}

/** Waits for the lock of the container; the names of its files are relative from then on. */
function lock(w: PlanWriter, directory: string): void {
  const fd = w.register();
  w.call(SYSCALLS.openat, AT.FDCWD, w.text(directory), OPEN.RDONLY | OPEN.DIRECTORY | OPEN.NOFOLLOW | OPEN.CLOEXEC).into(fd);
  w.call(SYSCALLS.flock, fd, LOCK.EX).call(SYSCALLS.fchdir, fd);
}

/** Data address of the file `pid` (FIRST_PROCESS). */
function firstProcess(w: PlanWriter): number {
  const fd = w.register();
  const pid = w.room(FIRST_PROCESS.size);
  w.call(SYSCALLS.openat, AT.FDCWD, w.text("pid"), OPEN.RDONLY | OPEN.NOFOLLOW | OPEN.CLOEXEC).into(fd);
  // FLAG.FULL compares with the third argument: a file of another form is no shortcut.
  w.call(SYSCALLS.read, fd, pid, FIRST_PROCESS.size).flags(FLAG.FULL).close(fd);
  return pid;
}

/** `start`: the word, and then the report's end; what it says instead is explained by Bun. */
export function startShortcut({ directory, executable, failure }: ShortcutFacts): Uint8Array {
  const w = new PlanWriter();
  const [report, start, image, bytes] = [w.register(), w.register(), w.register(), w.register()];
  w.from("start");
  lock(w, directory);
  // Taken away by `pause`, perhaps while this waited for the lock.
  w.call(SYSCALLS.openat, AT.FDCWD, w.text("start.plan"), OPEN.PATH | OPEN.CLOEXEC).into(report);
  w.call(SYSCALLS.openat, AT.FDCWD, w.text("report"), OPEN.RDONLY | OPEN.NONBLOCK | OPEN.NOFOLLOW).into(report);
  // ENXIO: nobody waits there.
  w.call(SYSCALLS.openat, AT.FDCWD, w.text("start"), OPEN.WRONLY | OPEN.NONBLOCK | OPEN.NOFOLLOW | OPEN.CLOEXEC).into(start);
  const pid = firstProcess(w);
  w.call(SYSCALLS.openat, openHostProc(w), pid, OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).into(image);
  w.call(SYSCALLS.openat, image, w.text("exe"), OPEN.RDONLY).into(image);
  w.call(SYSCALLS.write, start, w.text("1"), 1);
  w.call(SYSCALLS.unlinkat, AT.FDCWD, w.text("start"), 0);
  const poll = w.words(0, 1);
  const waiting = w.cells(0);
  const failed = w.label();
  w.store(poll, report, 4).call(SYSCALLS.ppoll, poll, 1, 0, 0, 8);
  w.call(SYSCALLS.ioctl, report, FIONREAD, waiting).load(bytes, waiting, 4).jumpSet(failed, bytes);
  w.call(SYSCALLS.unlinkat, AT.FDCWD, w.text("report"), 0).exit(0);
  w.place(failed);
  const numbers = [image, report].map((fd) => {
    const text = w.room(24);
    w.decimal(text, fd);
    return text;
  });
  const argv = w.cells(...["pidbox", ...failure].map((word) => w.text(word)), ...numbers, 0);
  w.call(SYSCALLS.execve, w.text(executable), argv, w.texts(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]));
  w.exit(1);
  return w.finish(w.position - 1);
}

/** `delete` of a container whose first process has ended and whose cgroups are empty. */
export function deleteShortcut({ directory, files, cgroups }: ShortcutFacts): Uint8Array {
  const w = new PlanWriter();
  w.from("delete");
  lock(w, directory);
  const [pid, ready] = [w.register(), w.register()];
  const gone = w.label();
  w.load(pid, firstProcess(w) + FIRST_PROCESS.number, 4);
  // A process that has ended and was not reaped yet is readable at once (pidfd_open(2)); one that lives, or another of this number, is not.
  w.call(SYSCALLS.pidfd_open, pid, 0).tolerate(ERRNO.ESRCH).into(pid).jumpError(gone, pid);
  const poll = w.words(0, 1);
  w.store(poll, pid, 4).call(SYSCALLS.ppoll, poll, 1, w.cells(0, 0), 0, 8).into(ready).expect(ready, 1);
  w.place(gone);
  for (const cgroup of cgroups) w.call(SYSCALLS.unlinkat, AT.FDCWD, w.text(cgroup), AT.REMOVEDIR).tolerate(ERRNO.ENOENT);
  for (const file of files) w.call(SYSCALLS.unlinkat, AT.FDCWD, w.text(file), 0).tolerate(ERRNO.ENOENT);
  w.call(SYSCALLS.unlinkat, AT.FDCWD, w.text(directory), AT.REMOVEDIR).exit(0);
  return w.finish(w.position - 1);
}
