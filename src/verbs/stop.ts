/** `stop`: asks programs to end, and kills those that do not. */
import { SIGNAL } from "../kernel/abi/constants.ts";
import { subjectOf, tell } from "../engine/journal.ts";
import { stopContainer } from "../engine/stopping.ts";
import type { StopOptions } from "../engine/stopping.ts";
import { rootOf } from "../engine/store.ts";
import type { ContainerState } from "../engine/store.ts";
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { wholeNumber } from "./container-limits.ts";
import { parseSignal } from "./container-stop.ts";
import { eachContainer } from "./each-container.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { Arguments, OptionSpec, Verb } from "./verb.ts";

/** As docker has it. */
const PATIENCE = 10;

export const STOP_OPTIONS: readonly OptionSpec[] = [
  { name: "time", short: "t", value: "SECONDS", help: "How long until it is killed: -1 is never (default: its --stop-timeout, else 10)" },
  { name: "signal", short: "s", value: "SIGNAL", help: "What it is asked with (default: its --stop-signal, else SIGTERM)" },
];

/** A signal by name or number. Throws USAGE. */
export function signalOf(text: string, from: string): number {
  const signal = parseSignal(text);
  if (signal !== undefined) return signal;
  throw new PidboxError("USAGE", `Cannot use ${quote(text, 40)} for ${from}: there is no such signal`, { hint: "A name such as SIGINT or a number from 1 to 64", context: { from } });
}

/** Throws USAGE. */
export function stopOptions(args: Arguments): (state: ContainerState) => StopOptions {
  const time = wholeNumber(args, "time", -1, 1_000_000);
  const given = args.value("signal");
  const signal = given === undefined ? undefined : signalOf(given, "--signal");
  return ({ blueprint: { stop } }) => {
    const seconds = time ?? stop?.timeout ?? PATIENCE;
    return { signal: signal ?? stop?.signal ?? SIGNAL.TERM, timeout: seconds < 0 ? -1 : seconds * 1000 };
  };
}

/** Stops a container. Throws IO, PERMISSION. */
export function stopAndTell(directory: string, state: ContainerState, options: StopOptions): void {
  if (stopContainer(directory, options)) tell(rootOf(directory), subjectOf(state), ["stop"]);
}

export const stop: Verb = {
  name: "stop",
  summary: "Stop containers",
  description: "The program gets a signal, and SIGKILL if it has not ended in time. A restart policy does not start it again; pidbox start does. One that does not run is left alone.",
  options: STOP_OPTIONS,
  operands: [{ name: "CONTAINER", help: "Name or id", required: true, repeat: true }],
  examples: [{ command: "pidbox stop -t 3 web", text: "Kill it after three seconds" }],
  run(args, context) {
    const [root, optionsFor] = [stateRootOf(context), stopOptions(args)];
    return eachContainer(args.operands, context, (reference) => {
      const { directory, state } = containerOf(root, reference);
      stopAndTell(directory, state, optionsFor(state));
    });
  },
};
