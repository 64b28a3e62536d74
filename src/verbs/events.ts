/** `events`: what happens to containers, as it happens and as it was. */
import { EXIT, PidboxError } from "../base/error.ts";
import { quote, safeJson } from "../base/text.ts";
import { wallClock } from "../engine/journal.ts";
import { JournalReader } from "../engine/journal-read.ts";
import { makeRoot } from "../engine/store.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { close } from "../kernel/file.ts";
import { IN, openInotify, readChanges, watchPath } from "../kernel/inotify.ts";
import { pollAll } from "../kernel/wait.ts";
import { parseWhen } from "../spec/when.ts";
import { eventDocument, EventSource, eventTest, eventText } from "./event-rows.ts";
import type { Event } from "./event-rows.ts";
import { rowPrinter } from "./row-format.ts";
import { stateRootOf } from "./stored-containers.ts";
import type { Arguments, Context, Verb } from "./verb.ts";

const POLLIN = 1;
const POLLERR = 8;
const POLLHUP = 16;
const FOREVER = 2 ** 31 - 1;
/** Characters that are written at once. */
const BATCH = 64 * 1024;

/** How `--format` prints an event, with its line end. Throws USAGE. */
function printerOf(format: string | undefined): (event: Event) => string {
  if (format === undefined) return (event) => `${eventText(event)}\n`;
  if (format === "json") return (event) => `${safeJson(eventDocument(event))}\n`;
  if (/^table(\s|$)/.test(format)) {
    throw new PidboxError("USAGE", `Cannot use ${quote(format, 60)} for --format: events have no table`, { hint: "json, or a template such as {{.Action}} {{.Actor.Attributes.name}}", context: { from: "--format" } });
  }
  const print = rowPrinter(format, {});
  return (event) => print?.([eventDocument(event)]) ?? "";
}

interface Choice {
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  readonly wanted: (event: Event) => boolean;
  readonly print: (event: Event) => string;
}

/** Reads what is new in the journal and prints it. */
class Watch {
  readonly #reader: JournalReader;
  readonly #source = new EventSource();
  readonly #choice: Choice;
  readonly #context: Context;

  constructor(reader: JournalReader, choice: Choice, context: Context) {
    [this.#reader, this.#choice, this.#context] = [reader, choice, context];
  }

  #isWanted(event: Event): boolean {
    const { since, until, wanted } = this.#choice;
    return (since === undefined || event.at >= since) && (until === undefined || event.at <= until) && wanted(event);
  }

  #write(text: string): boolean {
    return text === "" || this.#context.write(1, new TextEncoder().encode(text)) >= 0;
  }

  /** With `quiet` nothing is printed, but names are learnt. Returns whether somebody still reads. */
  look(quiet: boolean): boolean {
    let text = "";
    for (const entry of this.#reader.read()) {
      const events = this.#source.eventsOf(entry);
      if (quiet) continue;
      for (const event of events) if (this.#isWanted(event)) text += this.#choice.print(event);
      if (text.length < BATCH) continue;
      if (!this.#write(text)) return false;
      text = "";
    }
    return this.#write(text);
  }
}

/** Waits until something is written, `until` (nanoseconds since the epoch) has come, or nobody reads any more, which is the answer `false`. */
function rest(notify: number, until: bigint | undefined): boolean {
  const left = until === undefined ? FOREVER : Math.min(FOREVER, Number((until - wallClock()) / 1_000_000n) + 1);
  const found = pollAll([{ fd: notify, events: POLLIN }, { fd: 1, events: 0 }], left);
  readChanges(notify);
  return typeof found === "number" || ((found[1] ?? 0) & (POLLERR | POLLHUP)) === 0;
}

function openWatch(root: string): number {
  makeRoot(root, syscall(SYSCALLS.geteuid));
  const notify = openInotify();
  const watched = notify < 0 ? notify : watchPath(notify, root, IN.MODIFY | IN.CREATE | IN.MOVED_TO);
  if (watched >= 0) return notify;
  if (notify >= 0) close(notify);
  throw new PidboxError("IO", `Cannot wait for events: inotify: ${errnoName(watched)}`, { hint: "fs.inotify.max_user_instances limits how many wait at once", context: { errno: errnoName(watched) } });
}

/** Returns whether somebody read to the end. */
function stream(root: string, choice: Choice, context: Context): boolean {
  // First, so that nothing is missed between the look and the wait.
  const notify = openWatch(root);
  const reader = new JournalReader(root);
  const watch = new Watch(reader, choice, context);
  try {
    for (let first = true; ; first = false) {
      const over = choice.until !== undefined && wallClock() >= choice.until;
      if (!watch.look(first && choice.since === undefined)) return false;
      if (over) return true;
      if (!rest(notify, choice.until)) return false;
    }
  } finally {
    reader.close();
    close(notify);
  }
}

function choiceOf(args: Arguments): Choice {
  const now = Date.now();
  const when = (name: string): bigint | undefined => (args.value(name) === undefined ? undefined : parseWhen(args.value(name) ?? "", now, `--${name}`));
  return { since: when("since"), until: when("until"), wanted: eventTest(args.values("filter")), print: printerOf(args.value("format")) };
}

export const events: Verb = {
  name: "events",
  summary: "Print what happens to containers",
  description:
    "Those of pidbox that are the caller's, from a journal that verbs and supervisors write, so that nothing is missed while nobody looks. Without --since it begins now; it goes on "
    + "until it is interrupted, or --until. The journal keeps the last 8 MiB and what the file before it had; what a full filesystem does not take is lost.\n\n"
    + "The events are create, start, die, oom, kill, stop, restart, pause, unpause, rename, update, attach, exec_create, exec_start, exec_die, destroy and prune, with docker's "
    + "attributes; signal is that which ended a program. A container of do, or of run --rm in the foreground, is created with its start, and one that cannot be started has no events. "
    + "oom is told at the end of a container, if that was looked at: not of one in the foreground that ended with 0. A detached exec has no exec_die. A container that lost its "
    + "supervisor dies when pidbox finds out.",
  options: [
    { name: "since", value: "WHEN", help: "From this moment on: a time such as 2026-11-24T14:00:00Z, seconds since 1970, or how long ago, such as 10m" },
    { name: "until", value: "WHEN", help: "Up to this moment, and then end; -10m is in ten minutes" },
    { name: "filter", short: "f", value: "KEY=VALUE", repeat: true, help: "Only those with container=NAME or id, event=NAME, label=NAME[=VALUE], type=container" },
    { name: "format", value: "FORMAT", help: "json for programs, one object a line, or a template such as {{.Action}} {{.Actor.Attributes.name}}" },
  ],
  operands: [],
  examples: [
    { command: "pidbox events --filter event=die", text: "Each end, with its exit code" },
    { command: "pidbox events --since 1h --until 0s --format json", text: "Of the last hour" },
  ],
  exitCodes: [{ code: EXIT.ok, text: "--until was reached" }, { code: EXIT.failure, text: "nobody read any more" }, { code: 130, text: "it was interrupted" }],
  run(args, context) {
    return { exit: stream(stateRootOf(context), choiceOf(args), context) ? EXIT.ok : EXIT.failure };
  },
};
