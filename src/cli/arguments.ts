/**
 * argv -> Arguments, driven by a verb's option table, in the grammar of docker's command line (pflag).
 *
 * Accepted: `--x v`, `--x=v`, `-xv`, `-x v`, `-x=v`, `-it`, `-ite v`, switches as `--x`, `--x=true` or `--x=false`, and `--` to end options.
 * Pure; every argv gives Arguments or a PidboxError USAGE.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { GLOBAL_OPTIONS } from "../verbs/global-options.ts";
import type { Arguments, OptionSpec, Verb } from "../verbs/verb.ts";
import { suggest } from "./suggestion.ts";

// The spellings of strconv.ParseBool, which docker and podman take.
const SWITCH_VALUES: Readonly<Record<string, boolean>> = {
  true: true, True: true, TRUE: true, t: true, T: true, 1: true,
  false: false, False: false, FALSE: false, f: false, F: false, 0: false,
};

/** The parts of a verb that decide how its command line is read; the name is empty for what stands before the verb. */
export type Grammar = Pick<Verb, "name" | "options" | "operands" | "stopsAtOperand">;

class Given implements Arguments {
  readonly operands: string[] = [];
  readonly options = new Map<string, string[]>();

  flag(name: string, fallback = false): boolean {
    const last = this.value(name);
    return last === undefined ? fallback : last === "true";
  }
  value(name: string): string | undefined {
    return this.options.get(name)?.at(-1);
  }
  values(name: string): readonly string[] {
    return this.options.get(name) ?? [];
  }
}

function usage(grammar: Grammar, message: string, hint?: string): PidboxError {
  const help = grammar.name === "" ? "see pidbox help" : `see pidbox ${grammar.name} --help`;
  const where = grammar.name === "" ? "" : `${grammar.name}: `;
  return new PidboxError("USAGE", `${where}${message}`, { hint: hint === undefined ? help : `${hint} ${help}` });
}

function store(grammar: Grammar, given: Given, option: OptionSpec, spelled: string, value: string): void {
  let kept = value;
  if (option.value === undefined) {
    const on = Object.hasOwn(SWITCH_VALUES, value) ? SWITCH_VALUES[value] : undefined;
    if (on === undefined) throw usage(grammar, `option ${spelled} takes true or false, not ${quote(value)}`);
    kept = String(on);
  } else if (option.choices !== undefined && !option.choices.includes(value) && !(option.valueOptional === true && value === "")) {
    const near = suggest(value, option.choices);
    throw usage(
      grammar,
      `option ${spelled} takes ${option.choices.join(", ")}, not ${quote(value)}`,
      near === undefined ? undefined : `did you mean ${near}?`,
    );
  }
  const values = given.options.get(option.name);
  if (values === undefined) given.options.set(option.name, [kept]);
  else values.push(kept);
}

/** Reads argv from left to right; `at` is the next word that nobody has taken yet. */
class Reader {
  private at = 0;
  private readonly grammar: Grammar;
  private readonly argv: readonly string[];
  private readonly given: Given;

  constructor(grammar: Grammar, argv: readonly string[], given: Given) {
    this.grammar = grammar;
    this.argv = argv;
    this.given = given;
  }

  read(): void {
    while (this.at < this.argv.length) {
      const word = this.argv[this.at++] ?? "";
      if (word === "--") return this.takeRest();
      if (word.startsWith("--")) this.long(word);
      else if (word.startsWith("-") && word !== "-") this.short(word);
      else {
        this.given.operands.push(word);
        if (this.grammar.stopsAtOperand === true) return this.takeRest();
      }
    }
  }

  private takeRest(): void {
    for (; this.at < this.argv.length; this.at++) this.given.operands.push(this.argv[this.at] ?? "");
  }

  private find(test: (option: OptionSpec) => boolean): OptionSpec | undefined {
    return this.grammar.options.find(test) ?? GLOBAL_OPTIONS.find(test);
  }

  private long(word: string): void {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const option = this.find((o) => o.name === name);
    if (option === undefined) throw this.unknown(`--${name}`);
    const spelled = `--${name}`;
    if (equals >= 0) store(this.grammar, this.given, option, spelled, word.slice(equals + 1));
    else if (option.value === undefined) store(this.grammar, this.given, option, spelled, "true");
    else if (option.valueOptional === true) store(this.grammar, this.given, option, spelled, "");
    else store(this.grammar, this.given, option, spelled, this.next(spelled, option.value));
  }

  /** A cluster such as `-it` or `-eA=B`: switches until the first option that takes a value, which takes all that is left. */
  private short(word: string): void {
    for (let i = 1; i < word.length; ) {
      const letter = String.fromCodePoint(word.codePointAt(i) ?? 0);
      i += letter.length;
      const spelled = `-${letter}`;
      const option = this.find((o) => o.short === letter);
      if (option === undefined) throw this.unknown(spelled, word);
      const rest = word.slice(i);
      const joined = rest.startsWith("=");
      if (option.value !== undefined && option.valueOptional !== true && rest !== "") {
        return store(this.grammar, this.given, option, spelled, joined ? rest.slice(1) : rest);
      }
      if (joined) return store(this.grammar, this.given, option, spelled, rest.slice(1));
      if (option.value === undefined) store(this.grammar, this.given, option, spelled, "true");
      else if (option.valueOptional === true) store(this.grammar, this.given, option, spelled, "");
      else return store(this.grammar, this.given, option, spelled, this.next(spelled, option.value));
    }
  }

  private next(spelled: string, metavariable: string): string {
    const value = this.argv[this.at++];
    if (value === undefined) throw usage(this.grammar, `option ${spelled} needs a value ${metavariable}`);
    return value;
  }

  private unknown(spelled: string, cluster = spelled): PidboxError {
    const message = cluster === spelled ? `unknown option ${quote(spelled)}` : `unknown option ${quote(spelled)} in ${quote(cluster)}`;
    const names = [...this.grammar.options, ...GLOBAL_OPTIONS].map((o) => `--${o.name}`);
    // `-name` is most often `--name` with a dash lost.
    const near = suggest(cluster.startsWith("--") ? cluster : `-${cluster}`, names);
    return usage(this.grammar, message, near === undefined ? undefined : `did you mean ${near}?`);
  }
}

function checkOperands(grammar: Grammar, given: Given): void {
  const count = given.operands.length;
  const required = grammar.operands.filter((o) => o.required === true).length;
  const missing = grammar.operands[count];
  if (count < required && missing !== undefined) throw usage(grammar, `${missing.name} is missing`);
  const open = grammar.operands.some((o) => o.repeat === true);
  if (!open && count > grammar.operands.length) {
    throw usage(grammar, `unexpected operand ${quote(given.operands[grammar.operands.length] ?? "")}`);
  }
}

/**
 * The arguments of `grammar`'s verb, or PidboxError USAGE. With `--help` given the operands are not checked.
 * An option that the table does not have reads as not given.
 */
export function parseArguments(grammar: Grammar, argv: readonly string[]): Arguments {
  const given = new Given();
  new Reader(grammar, argv, given).read();
  if (!given.flag("help")) checkOperands(grammar, given);
  return given;
}

/** The value of `--format` among the options before the first mistake: errors of a command line are printed in the form that it asked for. */
export function requestedFormat(grammar: Grammar, argv: readonly string[]): string | undefined {
  const given = new Given();
  try {
    new Reader(grammar, argv, given).read();
  } catch (error) {
    if (!(error instanceof PidboxError)) throw error;
  }
  return given.value("format");
}
