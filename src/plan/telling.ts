/** Stage: the lines of the journal of events that a supervisor writes by itself, whether or not a pidbox runs by then. Pure. */
import type { Compilation } from "./names.ts";
import { TELL } from "./op.ts";

/** Supervisor's ops before the wait: what to tell when the program runs, and when it has ended. */
export function tellLater(c: Compilation): void {
  const { writer: w, blueprint: { events } } = c;
  if (events === undefined) return;
  w.from("events").tell(events.path, events.started, events.tail, TELL.start).tell(events.path, events.ended, events.tail, TELL.end);
}

/** Supervisor's ops of a process that it leaves alone: it runs. */
export function tellStarted(c: Compilation): void {
  const { writer: w, blueprint: { events } } = c;
  if (events !== undefined) w.from("events").tell(events.path, events.started, events.tail, TELL.now);
}

/** Supervisor's ops: the container is gone. */
export function tellRemoved(c: Compilation): void {
  const { writer: w, blueprint: { events } } = c;
  if (events?.removed !== undefined) w.from("events").tell(events.path, events.removed, events.tail, TELL.now);
}
