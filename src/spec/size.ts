/** Sizes as docker writes them. Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";

const EXPONENT: Readonly<Record<string, number>> = { "": 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/**
 * The bytes in `512m`, `1g`, `64k`, `1.5g`, `10MiB`, `4096` or, where `unlimited` is allowed, -1: units are binary whatever their case and ending,
 * as in docker's units.RAMInBytes. Throws PidboxError USAGE; `from` is the flag.
 */
export function parseSize(value: string, from: string, options: { unlimited?: boolean } = {}): number {
  const fail = (why: string): PidboxError =>
    new PidboxError("USAGE", `Cannot use ${quote(value, 60)} as size for ${from}: ${why}`, { hint: "Write a number with b, k, m, g or t, such as 512m", context: { from } });
  if (value === "-1") {
    if (options.unlimited === true) return -1;
    throw fail("it must not be negative");
  }
  const m = /^(\d{1,16}(?:\.\d{1,9})?) ?(?:([bkmgtp]?)|([kmgtp])i?b)$/i.exec(value);
  if (m === null) throw fail("it is not a number with a unit");
  const bytes = Math.floor(Number(m[1]) * 1024 ** (EXPONENT[(m[2] ?? m[3] ?? "").toLowerCase()] ?? 0));
  if (!Number.isSafeInteger(bytes)) throw fail("it is too large");
  return bytes;
}
