/**
 * The journal of events in the state directory: whoever does something to a container appends a line, verbs here and supervisors by launcher/event.c. Each line
 * is one write(2) to a file open for appending, so that those of many processes never mix. A full file becomes the older of two.
 *
 * What cannot be written is lost, as on a filesystem that is full: nothing is held up for its journal.
 */
import { LOCK } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { AT_FDCWD, close, cString, O, open, readText, stat } from "../kernel/file.ts";
import { eventHead, eventTail, filledHead, parseEntry } from "../spec/event.ts";
import type { EventSubject } from "../spec/event.ts";
import { imageOf } from "./store.ts";
import type { ContainerState } from "./store.ts";

/** Bytes after which a file is full; what supervisors write before a pidbox looks comes on top. launcher/known.h has the same number. */
export const JOURNAL_SIZE = 8 * 2 ** 20;

/** The files of a store's journal, newest first. */
export function journalFiles(root: string): readonly [newest: string, older: string] {
  return [`${root}/events`, `${root}/events.1`];
}

/** Nanoseconds since the epoch. */
export function wallClock(): bigint {
  const time = new BigInt64Array(2);
  syscall(SYSCALLS.clock_gettime, 0, address(time));
  return (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);
}

/** A container as its events name it: with its labels, `image` and `name` as docker does, and what the event adds. */
export function subjectOf(state: ContainerState, more: Readonly<Record<string, string>> = {}): EventSubject {
  // A record that was damaged has no blueprint.
  const whole = (state.blueprint as ContainerState["blueprint"] | undefined) !== undefined;
  return { id: state.id, attributes: { ...state.labels, ...(whole ? { image: imageOf(state) } : {}), name: state.name, ...more } };
}

/** Makes the open file the older one, unless another process is at it or has done so: whoever renames a file holds its lock, and finds it under its name. */
function retire(fd: number, [newest, older]: readonly [string, string]): void {
  if (syscall(SYSCALLS.flock, fd, LOCK.EX | LOCK.NB) < 0) return;
  const [held, named] = [stat("", { dirfd: fd }), stat(newest, { noFollow: true })];
  if (typeof held === "number" || typeof named === "number" || held.inode !== named.inode) return;
  syscall(SYSCALLS.renameat2, AT_FDCWD, address(cString(newest)), AT_FDCWD, address(cString(older)), 0);
}

/** Starts a new file if the one that is written is full. */
export function trimJournal(root: string): void {
  const files = journalFiles(root);
  const status = stat(files[0], { noFollow: true });
  if (typeof status === "number" || status.size < JOURNAL_SIZE) return;
  const fd = open(files[0], O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
  if (fd < 0) return;
  retire(fd, files);
  close(fd);
}

interface End {
  readonly code: number;
  readonly signal: number;
}

/** Appends what happened now; `end` is how a container ended. */
export function tell(root: string, subject: EventSubject, actions: readonly string[], end: End = { code: 0, signal: 0 }): void {
  const files = journalFiles(root);
  const fd = open(files[0], O.WRONLY | O.APPEND | O.CREAT | O.NOFOLLOW | O.NONBLOCK, 0o600);
  if (fd < 0) return;
  const line = new TextEncoder().encode(filledHead(eventHead(actions), wallClock(), end.code, end.signal) + eventTail(subject));
  syscall(SYSCALLS.write, fd, address(line), line.length);
  const status = stat("", { dirfd: fd });
  if (typeof status !== "number" && status.size >= JOURNAL_SIZE) retire(fd, files);
  close(fd);
}

/** Whether the end of a container since `since` (nanoseconds since the epoch) was told, by a supervisor that was killed right after. */
export function hasDied(root: string, id: string, since: bigint): boolean {
  return journalFiles(root).some((path) => {
    const text = readText(path, 16 * JOURNAL_SIZE);
    if (typeof text === "number") return false;
    for (let at = text.indexOf(id), end = 0; at >= 0; at = text.indexOf(id, end)) {
      const newline = text.indexOf("\n", at);
      end = newline < 0 ? text.length : newline;
      const entry = parseEntry(text.slice(text.lastIndexOf("\n", at) + 1, end));
      if (entry?.id === id && entry.actions.includes("die") && entry.at >= since) return true;
    }
    return false;
  });
}
