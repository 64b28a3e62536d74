/**
 * Small combinators that turn an untrusted JSON value into a typed one and note every violation with its place.
 *
 * A decoder returns undefined when the value is not usable, after it has noted why. Nothing recurses on data: the depth of a decoder is the depth of
 * the type. `null` counts as absent (Go writes it for empty slices and pointers), and so do, where `optionalText` says so, empty strings.
 * Objects are read through own properties only and copied, so `__proto__` and `constructor` keys are data.
 */
import { quote } from "../base/text.ts";
import { parseRanges } from "./number-list.ts";

export type ViolationCode =
  | "type" | "required" | "value" | "range" | "duplicate" | "not-absolute" | "deprecated" | "nul-byte" | "empty" | "conflict" | "missing-namespace"
  | "overlap" | "unsafe-path" | "ungrantable" | "too-many";

export interface Violation {
  readonly code: ViolationCode;
  /** RFC 6901 JSON pointer; "" is the whole document. */
  readonly pointer: string;
  /** MUST: the config is refused. SHOULD: it is used, with this warning. */
  readonly level: "MUST" | "SHOULD";
  /** One sentence without the pointer; printable. */
  readonly message: string;
  /** File and anchor in the runtime specification 1.3.0. */
  readonly clause: string;
}

/** More than these are not collected: a hostile config can hold millions. */
const LIMIT = 100;

export class Report {
  readonly violations: Violation[] = [];
  private readonly counts = { MUST: 0, SHOULD: 0 };

  /** No further error can be noted, so looking on is a waste. */
  get full(): boolean {
    return this.counts.MUST >= LIMIT;
  }

  must(code: ViolationCode, pointer: string, clause: string, message: string): undefined {
    this.add({ code, pointer, level: "MUST", message, clause });
  }

  should(code: ViolationCode, pointer: string, clause: string, message: string): undefined {
    this.add({ code, pointer, level: "SHOULD", message, clause });
  }

  // An error is never lost to a flood of warnings: they are counted apart.
  private add(violation: Violation): void {
    if (this.counts[violation.level] >= LIMIT) return;
    this.counts[violation.level] += 1;
    this.violations.push(violation);
  }
}

export type Decoder<T> = (value: unknown, pointer: string, report: Report) => T | undefined;

/** `pointer` one step deeper (RFC 6901 escapes). */
export function step(pointer: string, key: string | number): string {
  return typeof key === "number" ? `${pointer}/${key}` : `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

const VALID = "config.md#valid-values";

function kind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "bigint" ? "number" : typeof value;
}

/** Own property of an object that came from JSON; `null` is absent. */
function own(value: object, key: string): unknown {
  const found: unknown = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
  return found === null ? undefined : found;
}

export const text: Decoder<string> = (value, pointer, report) => {
  if (typeof value !== "string") return report.must("type", pointer, VALID, `A string is needed, not ${kind(value)}`);
  if (value.includes("\0")) return report.must("nul-byte", pointer, VALID, `The string ${quote(value, 40)} has a NUL byte, which no path, argument or file can hold`);
  return value;
};

/** As `text`, and "" counts as absent, as in Go's `omitempty`. */
export const optionalText: Decoder<string> = (value, pointer, report) => (value === "" ? undefined : text(value, pointer, report));

export const flag: Decoder<boolean> = (value, pointer, report) =>
  typeof value === "boolean" ? value : report.must("type", pointer, VALID, `true or false is needed, not ${kind(value)}`);

/** A whole number in [low, high]. Above 2^53 JSON.parse cannot be trusted, so `high` stays below; see `wide`. */
export function whole(low: number, high: number): Decoder<number> {
  return (value, pointer, report) => {
    if (typeof value !== "number" && typeof value !== "bigint") return report.must("type", pointer, VALID, `A whole number is needed, not ${kind(value)}`);
    if (typeof value === "number" && !Number.isInteger(value)) return report.must("type", pointer, VALID, `A whole number is needed, not ${value}`);
    if (value < low || value > high) return report.must("range", pointer, VALID, `The number ${quote(String(value), 40).slice(1, -1)} is not between ${low} and ${high}`);
    return Number(value);
  };
}

/** A whole number in [low, high] kept exactly: a number when safe, else a bigint. A number that JSON.parse has rounded already is refused. */
export function wide(low: bigint, high: bigint): Decoder<number | bigint> {
  return (value, pointer, report) => {
    if (typeof value !== "number" && typeof value !== "bigint") return report.must("type", pointer, VALID, `A whole number is needed, not ${kind(value)}`);
    if (typeof value === "number" && !Number.isSafeInteger(value)) return report.must("range", pointer, VALID, `The number ${value} is not an exact whole number`);
    if (value < low || value > high) return report.must("range", pointer, VALID, `The number ${String(value).slice(0, 40)} is not between ${low} and ${high}`);
    return typeof value === "bigint" && value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  };
}

const SAFE = Number.MAX_SAFE_INTEGER;
export const uint16 = whole(0, 0xffff);
export const uint32 = whole(0, 0xffffffff);
/** A uint64 whose sensible values are far below 2^53. */
export const uint53 = whole(0, SAFE);
export const int53 = whole(-SAFE, SAFE);
export const uint64 = wide(0n, (1n << 64n) - 1n);
/** Ids end one before (uid_t)-1, which system calls take for "no change". */
export const id = whole(0, 0xfffffffe);

/** One of a closed set of words. */
export function word<const T extends string>(words: readonly T[], clause: string): Decoder<T> {
  const known = new Set<string>(words);
  return (value, pointer, report) => {
    const found = text(value, pointer, report);
    if (found === undefined) return undefined;
    return known.has(found) ? (found as T) : report.must("value", pointer, clause, `The value ${quote(found, 60)} is not one of ${words.join(", ")}`);
  };
}

/** As `word`, and "" counts as absent. */
export function optionalWord<const T extends string>(words: readonly T[], clause: string): Decoder<T> {
  const decode = word(words, clause);
  return (value, pointer, report) => (value === "" ? undefined : decode(value, pointer, report));
}

/** An array; elements that are not usable are noted and left out. */
export function list<T>(decode: Decoder<T>): Decoder<readonly T[]> {
  return (value, pointer, report) => {
    if (!Array.isArray(value)) return report.must("type", pointer, VALID, `An array is needed, not ${kind(value)}`);
    const found: T[] = [];
    for (let i = 0; i < value.length && !report.full; i += 1) {
      const element = decode(value[i], step(pointer, i), report);
      if (element !== undefined) found.push(element);
    }
    return found;
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object with free keys. The result has no prototype. */
export function record<T>(decode: Decoder<T>, key?: (name: string, pointer: string, report: Report) => void): Decoder<Readonly<Record<string, T>>> {
  return (value, pointer, report) => {
    if (!isObject(value)) return report.must("type", pointer, VALID, `An object is needed, not ${kind(value)}`);
    const found = Object.create(null) as Record<string, T>;
    for (const name of Object.keys(value)) {
      if (report.full) break;
      const place = step(pointer, name);
      if (name.includes("\0")) report.must("nul-byte", place, VALID, "The key has a NUL byte");
      key?.(name, place, report);
      const element = decode(own(value, name), place, report);
      if (element !== undefined) found[name] = element;
    }
    return found;
  };
}

/** Whether an object has no such property, or null there: asked when a field may be missing because its value was not usable. */
export function lacks(value: unknown, key: string): boolean {
  return !isObject(value) || own(value, key) === undefined;
}

export type Shape<T> = { readonly [K in keyof T]-?: Decoder<Exclude<T[K], undefined>> };

/** An object with the fields of `shape`; unknown keys are left out. Without a usable `required` field there is no result. */
export function object<T extends object>(clause: string, shape: Shape<T>, required: readonly (keyof T & string)[] = []): Decoder<T> {
  const fields = Object.entries<Decoder<unknown>>(shape);
  return (value, pointer, report) => {
    if (!isObject(value)) return report.must("type", pointer, VALID, `An object is needed, not ${kind(value)}`);
    const found: Record<string, unknown> = {};
    for (const [name, decode] of fields) {
      const field = own(value, name);
      if (field === undefined) continue;
      const decoded = decode(field, step(pointer, name), report);
      if (decoded !== undefined) found[name] = decoded;
    }
    let complete = true;
    for (const name of required) {
      if (found[name] !== undefined) continue;
      complete = false;
      if (lacks(value, name)) report.must("required", step(pointer, name), clause, `The field ${name} is required`);
    }
    return complete ? (found as T) : undefined;
  };
}

/** `decode`, then `check` on what it gave; the value stays, since a MUST in the report refuses the whole. */
export function also<T>(decode: Decoder<T>, check: (value: T, pointer: string, report: Report) => void): Decoder<T> {
  return (value, pointer, report) => {
    const found = decode(value, pointer, report);
    if (found !== undefined) check(found, pointer, report);
    return found;
  };
}

/** A path that starts with "/". */
export function absolutePath(clause: string): Decoder<string> {
  return also(text, (path, pointer, report) => {
    if (!path.startsWith("/")) report.must("not-absolute", pointer, clause, `The path ${quote(path)} is not absolute`);
  });
}

/** Notes each element whose key occurred before. */
export function duplicates<T>(elements: readonly T[], key: (element: T) => string, note: (index: number, key: string) => void): void {
  const seen = new Set<string>();
  elements.forEach((element, index) => {
    const k = key(element);
    if (seen.has(k)) note(index, k);
    seen.add(k);
  });
}

/** A list of CPUs or memory nodes such as `0-3,7` (cpuset(7), List format); "" counts as absent. */
export function cpuList(clause: string): Decoder<string> {
  return also(optionalText, (value, pointer, report) => {
    if (value.length > 4096 || parseRanges(value) === undefined) report.must("value", pointer, clause, `The list ${quote(value, 60)} is not numbers and ranges such as 0-3,7`);
  });
}
