/** What a verb of pidbox-oci is: runc's words and options, and one function from arguments to an outcome. Help, man page and completion are made from it. */
import type { Arguments, OperandSpec } from "../verb.ts";

export interface OciOption {
  /** Long name without dashes. Go's grammar: `-name` and `--name` are the same. */
  readonly name: string;
  /** A second name, one letter with runc. Giving both forms in one command line is an error. */
  readonly short?: string;
  /** What its value is; absent for a switch, which takes `--name` or `--name=BOOL`. Integers and durations are checked, in Go's forms, before a verb runs. */
  readonly kind?: "text" | "integer" | "duration";
  /** May be given more than once; without it the last one counts. */
  readonly repeat?: boolean;
  /** The value of an option that was not given. */
  readonly initial?: string;
  /** In no help text. */
  readonly hidden?: boolean;
  /** runc's words for it where runc has it. */
  readonly help: string;
}

/** The command line of an OCI verb. An integer reads as decimal digits, a duration as nanoseconds in decimal digits. */
export type OciArguments = Arguments;

export interface OciLog {
  /** Absolute path, or undefined for stderr alone. */
  readonly path?: string;
  readonly format: "text" | "json";
}

/** What a verb may know of the process around it and of the global options; filled by cli/ alone. */
export interface OciContext {
  /** Where state is, absolute: `--root`, or the default of engine/runtime-store.ts. */
  readonly root: string;
  readonly log: OciLog;
  readonly debug: boolean;
  readonly systemdCgroup: boolean;
  /** `--rootless`; undefined is `auto`. */
  readonly rootless: boolean | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute path of the running binary. */
  readonly executable: string;
  readonly cwd: string;
  /** argv after the program's name. */
  readonly argv: readonly string[];
  /**
   * The global options that decide where errors go, as words: a re-entry is `pidbox oci ...LOG_WORDS __oci-NAME ...`, and whatever it throws is logged as
   * the first command's errors are.
   */
  readonly logWords: readonly string[];
  /** A warning to the log, or to stderr if there is none. */
  warn(message: string): void;
  /** Writes text to stdout now, for verbs that go on: the outcome's text comes after it. Throws IO; false once nobody reads any more. */
  write(text: string): boolean;
}

export interface OciOutcome {
  readonly exit: number;
  /** For stdout, as it is. */
  readonly text?: string;
}

export interface OciVerb {
  readonly name: string;
  /** One line, as runc has it. */
  readonly summary: string;
  /** The operands as runc's usage line has them, such as `<container-id> [signal]`. */
  readonly usage: string;
  readonly description: string;
  readonly options: readonly OciOption[];
  readonly operands: readonly OperandSpec[];
  /** Options end at the first operand. Otherwise known ones are taken from between the operands too (urfave/cli v1, reorderArgs). */
  readonly optionsFirst?: boolean;
  /** How errors of this verb begin, and its exit code for them; absent: nothing and 1. Errors of the command line itself have neither. */
  readonly failure?: { readonly prefix: string; readonly exit: number };
  run(args: OciArguments, context: OciContext): OciOutcome | Promise<OciOutcome>;
}

/** The version of the runtime specification that state, hooks and features speak of. */
export const SPEC_VERSION = "1.3.0";

/** The one operand of most verbs. */
export const CONTAINER_ID: OperandSpec = { name: "container-id", help: "Id of the container", required: true };
