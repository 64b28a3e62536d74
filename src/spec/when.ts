/** Moments as docker's --since and --until take them. Pure: `now` is given. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";

/** Go's time.ParseDuration: hours to nanoseconds. */
const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, "µs": 1e-3, "μs": 1e-3, ns: 1e-6 };
const DURATION = /^-?(?:\d{1,12}(?:\.\d{0,9})?(?:h|ms|m|s|us|µs|μs|ns))+$/;
const PART = /(\d{1,12}(?:\.\d{0,9})?)(h|ms|m|s|us|µs|μs|ns)/g;
const MOMENT = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?(Z|[+-]\d{2}:\d{2})?)?$/;
const SECONDS = /^(\d{1,11})(?:\.(\d{1,9}))?$/;

function nanoseconds(milliseconds: number, fraction = ""): bigint {
  return BigInt(Math.trunc(milliseconds)) * 1_000_000n + BigInt(fraction.padEnd(9, "0") || 0);
}

/** Nanoseconds since the epoch of an RFC 3339 time with a zone, as logs have it; undefined for other text. */
export function parseTimestamp(text: string): bigint | undefined {
  const m = MOMENT.exec(text);
  return m?.[8] === undefined ? undefined : momentOf(m);
}

/** A time without a zone is of the zone that this process is in. */
function momentOf(m: RegExpExecArray): bigint | undefined {
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone = ""] = m;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  return Number.isNaN(at) ? undefined : nanoseconds(at, fraction);
}

function durationOf(text: string): number {
  let total = 0;
  for (const [, number, unit] of text.matchAll(PART)) total += Number(number) * (UNITS[unit ?? ""] ?? 0);
  return text.startsWith("-") ? -total : total;
}

/**
 * Nanoseconds since the epoch: `2026-11-24T14:00:00Z` and its beginnings, seconds since the epoch, or a duration such as `10m` before `now` (milliseconds).
 * Throws USAGE.
 */
export function parseWhen(text: string, now: number, from: string): bigint {
  const seconds = SECONDS.exec(text);
  if (seconds !== null) return nanoseconds(Number(seconds[1]) * 1000, seconds[2]);
  const moment = MOMENT.exec(text);
  const found = moment === null ? undefined : momentOf(moment);
  if (found !== undefined) return found;
  if (DURATION.test(text)) return nanoseconds(now - durationOf(text));
  throw new PidboxError("USAGE", `Cannot use ${quote(text, 60)} for ${from}: it is no moment`, {
    hint: "2026-11-24, 2026-11-24T14:00:00, 2026-11-24T14:00:00Z, seconds since 1970, or how long ago, such as 10m", context: { from },
  });
}
