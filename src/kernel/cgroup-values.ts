/**
 * The formats of cgroup files (cgroup-v2.rst, "Format"; cgroup-v1/{memory,blkio-controller,cpuacct}.rst), pure.
 *
 * Lines in another form are passed over, for kernels and modules add keys. Numbers are exact: beyond 2^53 they are bigints.
 */
import { parseRanges } from "../spec/number-list.ts";
import type { Integer64 } from "../spec/runtime-config.ts";

/** What `max` stands for where a number is wanted, as runc and containerd write it. */
export const NO_LIMIT = 18446744073709551615n;

/** A non-negative decimal number, exactly. */
export function parseInteger(text: string): Integer64 | undefined {
  if (!/^[0-9]{1,20}$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** One value with a newline, or `max`. */
export function parseValue(text: string): Integer64 | undefined {
  const word = text.trim();
  return word === "max" ? NO_LIMIT : parseInteger(word);
}

/** `KEY VALUE` lines. */
export function parseFlatKeyed(text: string): Map<string, Integer64> {
  const values = new Map<string, Integer64>();
  for (const line of text.split("\n")) {
    const at = line.lastIndexOf(" ");
    const value = at <= 0 ? undefined : parseInteger(line.slice(at + 1));
    if (value !== undefined) values.set(line.slice(0, at), value);
  }
  return values;
}

/** `KEY SUB=VALUE SUB=VALUE...` lines; words without `=` are passed over. */
export function parseNestedKeyed(text: string): Map<string, ReadonlyMap<string, string>> {
  const entries = new Map<string, ReadonlyMap<string, string>>();
  for (const line of text.split("\n")) {
    const [key = "", ...words] = line.split(" ");
    const pairs = words.flatMap((word): [string, string][] => {
      const at = word.indexOf("=");
      return at <= 0 ? [] : [[word.slice(0, at), word.slice(at + 1)]];
    });
    if (key !== "" && pairs.length > 0) entries.set(key, new Map(pairs));
  }
  return entries;
}

export interface Pressure {
  /** Share of time in percent over 10, 60 and 300 seconds. */
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  /** Microseconds. */
  readonly total: Integer64;
}

/** A pressure file (Documentation/accounting/psi.rst). */
export interface PressureStalls {
  readonly some?: Pressure;
  readonly full?: Pressure;
}

export function parsePressure(text: string): PressureStalls {
  const entries = parseNestedKeyed(text);
  const one = (key: string): Pressure | undefined => {
    const entry = entries.get(key);
    const average = (name: string): number => (/^\d{1,9}(\.\d{1,9})?$/.test(entry?.get(name) ?? "") ? Number(entry?.get(name)) : 0);
    const total = parseInteger(entry?.get("total") ?? "");
    return total === undefined ? undefined : { avg10: average("avg10"), avg60: average("avg60"), avg300: average("avg300"), total };
  };
  const [some, full] = [one("some"), one("full")];
  return { ...(some === undefined ? {} : { some }), ...(full === undefined ? {} : { full }) };
}

/** One counter of a block device. */
export interface DeviceCounter {
  readonly major: number;
  readonly minor: number;
  /** Read, Write, Sync, Async, Discard, Total; "" where the file has one number for each device. */
  readonly op: string;
  readonly value: Integer64;
}

/** v1 blkio counters: `MAJOR:MINOR [OP] VALUE` lines. */
export function parseDeviceCounters(text: string): DeviceCounter[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d{1,10}):(\d{1,10}) (?:([A-Za-z]{1,20}) )?(\d{1,20})$/.exec(line);
    const value = parseInteger(match?.[4] ?? "");
    return match === null || value === undefined ? [] : [{ major: Number(match[1]), minor: Number(match[2]), op: match[3] ?? "", value }];
  });
}

/** Numbers separated by blanks, as in cpuacct.usage_percpu. */
export function parseColumns(text: string): Integer64[] {
  return text.split(/\s+/).flatMap((word) => parseInteger(word) ?? []);
}

const LONGEST_LIST = 65536;

/** The numbers of a list such as `0-3,7`, at most 65536; none for other text. */
export function parseNumberList(text: string): number[] {
  const numbers: number[] = [];
  for (const [first, last] of parseRanges(text.trim()) ?? []) for (let n = first; n <= last && numbers.length < LONGEST_LIST; n++) numbers.push(n);
  return numbers;
}
