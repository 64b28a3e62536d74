/** `--ulimit NAME=SOFT[:HARD]` as docker reads it. Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import type { Integer64, Rlimit, RlimitType } from "./runtime-config.ts";
import { RLIMIT_TYPES } from "./validate-process.ts";

const TYPES: ReadonlyMap<string, RlimitType> = new Map(RLIMIT_TYPES.map((type) => [type.slice("RLIMIT_".length).toLowerCase(), type]));

/** RLIM_INFINITY of the kernel's 64-bit limits. */
export const RLIM_INFINITY = (1n << 64n) - 1n;

/** One rlimit; -1 or `unlimited` is no limit, and without HARD both are SOFT. Throws PidboxError USAGE. */
export function parseUlimit(value: string): Rlimit {
  const fail = (why: string): PidboxError => new PidboxError("USAGE", `Cannot use ${quote(value, 60)} for --ulimit: ${why}`, {
    hint: "Write NAME=SOFT[:HARD], such as nofile=1024:4096", context: { from: "--ulimit" },
  });
  const [name = "", ...rest] = value.split("=");
  const [soft, hard, ...more] = rest.length === 1 ? (rest[0] ?? "").split(":") : [];
  if (soft === undefined || more.length > 0) throw fail("it is not NAME=SOFT[:HARD]");
  const type = TYPES.get(name.toLowerCase());
  if (type === undefined) throw fail(`the names are ${[...TYPES.keys()].toSorted().join(", ")}`);
  const limit = (text: string): Integer64 => {
    if (text === "-1" || text === "unlimited") return RLIM_INFINITY;
    const exact = /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
    if (exact === undefined || exact > RLIM_INFINITY) throw fail(`${quote(text, 40)} is not a limit`);
    return exact <= Number.MAX_SAFE_INTEGER ? Number(exact) : exact;
  };
  const limits = { soft: limit(soft), hard: limit(hard ?? soft) };
  if (limits.soft > limits.hard) throw fail("the soft limit is above the hard limit");
  return { type, ...limits };
}

/** Several --ulimit flags; a later one replaces an earlier one of the same name, since duplicates are an error in a config. */
export function parseUlimits(values: readonly string[]): Rlimit[] {
  return [...new Map(values.map(parseUlimit).map((limit) => [limit.type, limit])).values()];
}
