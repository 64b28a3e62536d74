/** `logs`: what a container has written, from the log that its supervisor keeps. */
import { EXIT, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { LogReader } from "../engine/log-read.ts";
import type { LogPlace } from "../engine/log-read.ts";
import { closeHandles, openHandles } from "../engine/stopping.ts";
import { readState, readStatus } from "../engine/store.ts";
import { lifeOf } from "../engine/stored.ts";
import { POLLIN } from "../kernel/abi/constants.ts";
import { close, stat } from "../kernel/file.ts";
import { IN, openInotify, readChanges, watchPath } from "../kernel/inotify.ts";
import { pollAll } from "../kernel/wait.ts";
import { momentOf } from "../spec/log-entry.ts";
import type { LogEntry } from "../spec/log-entry.ts";
import { parseWhen } from "../spec/when.ts";
import { logNames } from "./container-keep.ts";
import { wholeNumber } from "./container-limits.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { FoundContainer } from "./stored-containers.ts";
import type { Arguments, Context, Verb } from "./verb.ts";

/** Bytes that are written at once. */
const BATCH = 64 * 1024;

/** Where the log is. Throws HOST_UNSUPPORTED for a container without one. */
function placeOf({ name, state }: FoundContainer): LogPlace {
  const log = state.kept?.log;
  if (log === undefined || log.driver === "none" || state.logs === undefined) {
    throw new PidboxError("NOT_FOUND", `The container ${quote(name, 60)} has no log: ${log?.driver === "none" ? "--log-driver=none" : "its output goes to whoever started it"}`);
  }
  if (typeof stat(state.logs) === "number") {
    throw new PidboxError("NOT_FOUND", `The container ${quote(name, 60)} has no log yet: it was never started in the background`, { context: { path: state.logs } });
  }
  return { directory: state.logs, names: logNames(log), format: log.driver };
}

interface Choice {
  readonly timestamps: boolean;
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
}

/** Collects entries and writes them, those of one stream in a row at once. */
class Printer {
  readonly #context: Context;
  readonly #choice: Choice;
  readonly #bytes = new Uint8Array(2 * BATCH);
  #stream: 1 | 2 = 1;
  #size = 0;
  /** Whether the last piece of each stream ended its line: only then the next one begins one. */
  readonly #whole = { stdout: true, stderr: true };
  /** Whoever reads has gone. */
  failed = false;
  /** An entry beyond --until was seen. */
  done = false;

  constructor(context: Context, choice: Choice) {
    this.#context = context;
    this.#choice = choice;
  }

  flush(): void {
    if (this.#size > 0 && this.#context.write(this.#stream, this.#bytes.subarray(0, this.#size)) < 0) this.failed = true;
    this.#size = 0;
  }

  #put(stream: 1 | 2, bytes: Uint8Array): void {
    if (stream !== this.#stream || this.#size + bytes.length > BATCH) this.flush();
    this.#stream = stream;
    if (bytes.length > BATCH) {
      if (this.#context.write(stream, bytes) < 0) this.failed = true;
      return;
    }
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  print(entry: LogEntry): void {
    const { timestamps, since, until } = this.#choice;
    if (since !== undefined || until !== undefined) {
      const at = momentOf(entry);
      if (until !== undefined && at > until) this.done = true;
      if ((since !== undefined && at < since) || this.done) return;
    }
    const stream = entry.stream === "stdout" ? 1 : 2;
    if (timestamps && this.#whole[entry.stream]) this.#put(stream, new TextEncoder().encode(`${entry.time} `));
    this.#put(stream, entry.text);
    this.#whole[entry.stream] = entry.text.at(-1) === 0x0a;
  }
}

/** Whether more can come. The descriptor of the supervisor, if it is there, is closed by the caller. */
function goesOn(directory: string): boolean {
  return ["running", "restarting", "starting"].includes(lifeOf(directory, readState(directory), readStatus(directory)));
}

function follow(directory: string, place: LogPlace, reader: LogReader, printer: Printer, drain: () => void): void {
  const notify = openInotify();
  if (notify < 0) throw new PidboxError("IO", "Cannot follow the log: the limit of fs.inotify.max_user_instances is reached");
  watchPath(notify, place.directory, IN.MODIFY | IN.CREATE | IN.MOVED_TO);
  try {
    for (;;) {
      // Asked first: what was written before the end is read after the answer.
      const more = goesOn(directory);
      const { supervisor, ...rest } = openHandles(directory);
      drain();
      if (!more || printer.failed || printer.done) {
        closeHandles({ ...rest, ...(supervisor === undefined ? {} : { supervisor }) });
        return;
      }
      pollAll([notify, ...(supervisor === undefined ? [] : [supervisor])].map((fd) => ({ fd, events: POLLIN })), 1000);
      readChanges(notify);
      closeHandles({ ...rest, ...(supervisor === undefined ? {} : { supervisor }) });
    }
  } finally {
    close(notify);
    reader.close();
  }
}

/** `all` or a number of lines; undefined is all. Throws USAGE. */
function tailOf(args: Arguments): number | undefined {
  return args.value("tail") === "all" ? undefined : wholeNumber(args, "tail", 0, 1e9);
}

export const logs: Verb = {
  name: "logs",
  summary: "Print what a container has written",
  description:
    "Standard output goes to standard output, standard error to standard error. A container keeps its log until it is removed; what a full log has dropped is gone. "
    + "Only containers that run in the background have one: pidbox run -d, pidbox start.",
  options: [
    { name: "follow", short: "f", help: "Go on as it writes, until it ends" },
    { name: "tail", short: "n", value: "LINES", help: "Begin with the last lines only; all is all" },
    { name: "since", value: "WHEN", help: "From this moment on: a time such as 2026-11-24T14:00:00Z, seconds since 1970, or how long ago, such as 10m" },
    { name: "until", value: "WHEN", help: "Up to this moment" },
    { name: "timestamps", short: "t", help: "Begin each line with its time" },
  ],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true }],
  examples: [
    { command: "pidbox logs -n 20 -f web", text: "The last twenty lines and what comes" },
    { command: "pidbox logs --since 10m web", text: "Of the last ten minutes" },
  ],
  run(args, context) {
    const now = Date.now();
    const when = (name: string): bigint | undefined => (args.value(name) === undefined ? undefined : parseWhen(args.value(name) ?? "", now, `--${name}`));
    const choice: Choice = { timestamps: args.flag("timestamps"), since: when("since"), until: when("until") };
    const tail = tailOf(args);
    const found = containerOf(stateRootOf(context), args.operands[0] ?? "");
    const place = placeOf(found);
    const reader = new LogReader(place, tail);
    const printer = new Printer(context, choice);
    const drain = (): void => {
      for (const entry of reader.read()) {
        printer.print(entry);
        if (printer.failed || printer.done) break;
      }
      printer.flush();
    };
    if (args.flag("follow")) follow(found.directory, place, reader, printer, drain);
    else drain();
    reader.close();
    return { exit: printer.failed ? EXIT.failure : EXIT.ok };
  },
};
