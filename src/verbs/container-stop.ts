/** --stop-signal and --stop-timeout: how a container in the foreground answers SIGTERM to its supervisor. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { SIGNAL_ALIASES, SIGNALS } from "../kernel/abi/signals.ts";
import type { Blueprint } from "../plan/blueprint.ts";
import { wholeNumber } from "./container-limits.ts";
import type { Arguments } from "./verb.ts";

const LAST_SIGNAL = 64;

/** The number of a signal given as `TERM`, `SIGTERM`, `15` or `RTMIN+3` (signal(7): glibc's SIGRTMIN is 34); undefined if there is none. Pure. */
export function parseSignal(text: string): number | undefined {
  const word = text.toUpperCase().replace(/^SIG/, "");
  const realtime = /^RTMIN(?:\+(\d{1,2}))?$/.exec(word) ?? /^RTMAX(?:-(\d{1,2}))?$/.exec(word);
  const offset = Number(realtime?.[1] ?? 0);
  const name = `SIG${word}`;
  const primary = Object.hasOwn(SIGNAL_ALIASES, name) ? SIGNAL_ALIASES[name as keyof typeof SIGNAL_ALIASES] : name;
  const named = Object.hasOwn(SIGNALS, primary) ? SIGNALS[primary as keyof typeof SIGNALS] : undefined;
  const number = /^\d{1,2}$/.test(word) ? Number(word) : realtime === null ? named : word.startsWith("RTMIN") ? 34 + offset : LAST_SIGNAL - offset;
  return number === undefined || number < 1 || number > LAST_SIGNAL ? undefined : number;
}

/** Throws USAGE. */
export function stopOf(args: Arguments): Pick<Blueprint, "stop"> {
  const given = args.value("stop-signal");
  const signal = given === undefined ? undefined : parseSignal(given);
  if (given !== undefined && signal === undefined) {
    throw new PidboxError("USAGE", `Cannot use ${quote(given, 40)} for --stop-signal: there is no such signal`, { hint: "A name such as SIGINT or a number from 1 to 64", context: { from: "--stop-signal" } });
  }
  const timeout = wholeNumber(args, "stop-timeout", 0, 1_000_000);
  return { stop: { ...(signal === undefined ? {} : { signal }), ...(timeout === undefined ? {} : { timeout }) } };
}
