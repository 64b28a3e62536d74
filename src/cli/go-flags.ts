/**
 * argv -> Arguments in the grammar of Go's flag package, as urfave/cli v1 uses it for runc: `-name`, `--name`, `-name=value`, `-name value`, no clusters.
 * Switches take a value only by `=`. Words and errors are those of Go, which engines and their tests know. Pure; every argv gives Arguments or GoFlagError.
 */
import { quote } from "../base/text.ts";
import type { OciArguments, OciOption } from "../verbs/oci/verb.ts";

/** A command line that the grammar does not allow. */
export class GoFlagError extends Error {
  override readonly name = "GoFlagError";
}

const TRUE: readonly string[] = ["1", "t", "T", "true", "TRUE", "True"];
const FALSE: readonly string[] = ["0", "f", "F", "false", "FALSE", "False"];

/** strconv.ParseBool; undefined for other text. */
export function parseGoBoolean(text: string): boolean | undefined {
  if (TRUE.includes(text)) return true;
  return FALSE.includes(text) ? false : undefined;
}

const INT64 = { low: -(1n << 63n), high: (1n << 63n) - 1n };

/** strconv.ParseInt(text, 0, 64): `10`, `-0x1f`, `0b1`, `0o17`, `017`, `1_000`; undefined for other text, null out of range. */
export function parseGoInteger(text: string): bigint | undefined | null {
  const match = /^([+-]?)(0[xX]_?[0-9a-fA-F](?:_?[0-9a-fA-F])*|0[bB]_?[01](?:_?[01])*|0[oO]_?[0-7](?:_?[0-7])*|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)$/.exec(text);
  if (match === null || text.length > 100) return match === null ? undefined : null;
  const digits = (match[2] ?? "").replaceAll("_", "");
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const value = match[1] === "-" ? -magnitude : magnitude;
  return value < INT64.low || value > INT64.high ? null : value;
}

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, "\u00b5s": 1e3, "\u03bcs": 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** time.ParseDuration in nanoseconds: `5s`, `1m30s`, `1.5h`, `-2ms`, `0`; undefined for other text or more than 2^63. */
export function parseGoDuration(text: string): number | undefined {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+|0)$/.exec(text);
  if (match === null || text.length > 100) return undefined;
  let sum = 0;
  for (const part of (match[2] ?? "").matchAll(/([\d.]+)([^\d.]+)/g)) sum += Number(part[1]) * (UNITS[part[2] ?? ""] ?? 0);
  const value = Math.round(match[1] === "-" ? -sum : sum);
  return Math.abs(value) < 2 ** 63 ? value : undefined;
}

class Given implements OciArguments {
  operands: readonly string[] = [];
  private readonly table: readonly OciOption[];
  private readonly options: ReadonlyMap<string, readonly string[]>;

  constructor(table: readonly OciOption[], options: ReadonlyMap<string, readonly string[]>) {
    this.table = table;
    this.options = options;
  }

  flag(name: string, fallback = false): boolean {
    const last = this.options.get(name)?.at(-1);
    return last === undefined ? fallback : last === "true";
  }
  value(name: string): string | undefined {
    const given = this.options.get(name)?.at(-1);
    if (given !== undefined) return given;
    const option = this.table.find((option) => option.name === name);
    return option?.initial === undefined ? undefined : checked(option, name, option.initial);
  }
  values(name: string): readonly string[] {
    return this.options.get(name) ?? [];
  }
}

const HELP: OciOption = { name: "help", short: "h", help: "show help" };

function find(table: readonly OciOption[], name: string): OciOption | undefined {
  return table.find((option) => option.name === name || option.short === name) ?? (name === "help" || name === "h" ? HELP : undefined);
}

/** What is kept of a value: `true` or `false`, decimal digits, or the text itself. */
function checked(option: OciOption, spelled: string, value: string): string {
  if (option.kind === undefined) {
    const on = parseGoBoolean(value);
    if (on !== undefined) return String(on);
    throw new GoFlagError(`invalid boolean value ${quote(value)} for -${spelled}: parse error`);
  }
  if (option.kind === "text") return value;
  const number = option.kind === "integer" ? parseGoInteger(value) : parseGoDuration(value);
  if (number === null) throw new GoFlagError(`invalid value ${quote(value)} for flag -${spelled}: value out of range`);
  if (number === undefined) throw new GoFlagError(`invalid value ${quote(value)} for flag -${spelled}: parse error`);
  return String(number);
}

/** Whether `word` is spelled as an option of `table`, with or without its value (argIsFlag). */
function isKnown(table: readonly OciOption[], word: string): boolean {
  if (!word.startsWith("-") || word === "-" || word === "--") return false;
  const name = word.replace(/^-{1,3}/, "").split("=")[0] ?? "";
  return table.some((option) => option.name === name || option.short === name);
}

/** Known options and the words that may be their values, before everything else; `--` before what is left (reorderArgs of urfave/cli 1.22). */
function reorder(table: readonly OciOption[], argv: readonly string[]): string[] {
  const front: string[] = [];
  const rest: string[] = [];
  let wants = false;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    const known = isKnown(table, word);
    if (wants && !known) {
      front.push(word);
      wants = false;
    } else if (word === "--") return [...front, "--", ...rest, ...argv.slice(i + 1)];
    else if (known) {
      front.push(word);
      wants = !word.includes("=");
    } else rest.push(word);
  }
  return [...front, ...rest];
}

/** Options from the front of `words`; returns how many words they took. */
function readOptions(table: readonly OciOption[], words: readonly string[], note: (option: OciOption, spelled: string, value: string) => void): number {
  let at = 0;
  while (at < words.length) {
    const word = words[at] ?? "";
    if (word.length < 2 || !word.startsWith("-")) return at;
    at += 1;
    if (word === "--") return at;
    const body = word.slice(word.startsWith("--") ? 2 : 1);
    if (body === "" || body.startsWith("-") || body.startsWith("=")) throw new GoFlagError(`bad flag syntax: ${word}`);
    const equals = body.indexOf("=");
    const spelled = equals < 0 ? body : body.slice(0, equals);
    const option = find(table, spelled);
    if (option === undefined) throw new GoFlagError(`flag provided but not defined: -${spelled}`);
    if (equals >= 0) note(option, spelled, body.slice(equals + 1));
    else if (option.kind === undefined) note(option, spelled, "true");
    else {
      const value = words[at];
      if (value === undefined) throw new GoFlagError(`flag needs an argument: -${spelled}`);
      at += 1;
      note(option, spelled, value);
    }
  }
  return at;
}

/** The arguments of `argv` by `table`. Throws GoFlagError. How many operands there may be is not checked. */
export function parseGoFlags(table: readonly OciOption[], argv: readonly string[], optionsFirst: boolean): OciArguments {
  const options = new Map<string, string[]>();
  const forms = new Map<string, string>();
  const words = optionsFirst ? argv : reorder(table, argv);
  const mixed: string[] = [];
  const taken = readOptions(table, words, (option, spelled, value) => {
    const kept = checked(option, spelled, value);
    const values = options.get(option.name);
    if (values === undefined) options.set(option.name, [kept]);
    else values.push(kept);
    const form = forms.get(option.name) ?? spelled;
    if (form !== spelled) mixed.push(`${option.short ?? ""} ${option.name}`);
    forms.set(option.name, form);
  });
  if (mixed[0] !== undefined) throw new GoFlagError(`Cannot use two forms of the same flag: ${mixed[0]}`);
  const given = new Given(table, options);
  given.operands = words.slice(taken);
  return given;
}
