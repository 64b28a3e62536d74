/** What a verb is: its words, its option table, and one function from arguments to an outcome. Help, completion, man pages and docs are generated from it. */
import type { ErrorCode } from "../base/error.ts";

export interface OptionSpec {
  /** Long name without dashes, such as `memory-swap`. */
  readonly name: string;
  /** One-letter name without the dash. */
  readonly short?: string;
  /** Metavariable of the value, such as `SIZE`; absent for a switch, which takes `--name`, `--name=true` or `--name=false`. */
  readonly value?: string;
  /** The value may be left out (`--tty` and `--tty=force`); it must then be joined by `=`. */
  readonly valueOptional?: boolean;
  /** May be given more than once. */
  readonly repeat?: boolean;
  /** The only values that are allowed. */
  readonly choices?: readonly string[];
  /** One sentence without a full stop. */
  readonly help: string;
}

export interface OperandSpec {
  readonly name: string;
  readonly help: string;
  readonly required?: boolean;
  readonly repeat?: boolean;
}

/** The parsed command line of one verb. */
export interface Arguments {
  /** Whether a switch is on: the last of `--x`, `--x=false`; `fallback` if it was not given. */
  flag(name: string, fallback?: boolean): boolean;
  /** The last value given, or undefined. A `valueOptional` option without value gives "". */
  value(name: string): string | undefined;
  /** All values in the order given. */
  values(name: string): readonly string[];
  readonly operands: readonly string[];
}

/** What a verb may know of the process around it; filled by cli/ alone. */
export interface Context {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute path of the running pidbox binary. */
  readonly executable: string;
  readonly cwd: string;
  /** argv after the program's name, for messages and state. */
  readonly argv: readonly string[];
  readonly terminal: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** Whether text for people on stdout may be coloured, with `paint` of base/style.ts; absent means no. Colour never says what the words do not. */
  readonly color?: boolean;
  /** A line for the person at the terminal, on stderr: warnings and progress. */
  note(line: string): void;
  /** Writes to standard output (1) or error (2) at once, as it is; returns 0 or -errno. For what has no end to wait for. */
  write(stream: 1 | 2, bytes: Uint8Array): number;
}

export interface Outcome {
  readonly exit: number;
  /** The result for `--format json`: an array prints one object a line, anything else as one indented document. */
  readonly data?: unknown;
  /** The result for people; called only when that form is asked for. Ends with a newline. */
  readonly text?: () => string;
}

export interface Verb {
  readonly name: string;
  /** One line, sentence case, no full stop. */
  readonly summary: string;
  /** Paragraphs for help, man page and docs. */
  readonly description: string;
  readonly options: readonly OptionSpec[];
  readonly operands: readonly OperandSpec[];
  /** Options end at the first operand, so that `run IMAGE ls -la` hands `-la` to ls. */
  readonly stopsAtOperand?: boolean;
  readonly examples: readonly { readonly command: string; readonly text: string }[];
  readonly exitCodes?: readonly { readonly code: number | string; readonly text: string }[];
  /** The exit code for an error of pidbox itself; without it every error is EXIT.failure. */
  readonly failureExit?: (code: ErrorCode) => number;
  run(args: Arguments, context: Context): Outcome | Promise<Outcome>;
}
