/** The face for people, `pidbox VERB`: argv -> verb -> outcome -> exit code. */
import { EXIT, PidboxError } from "../base/error.ts";
import { printable, quote } from "../base/text.ts";
import { CATALOG, isVerbName, RE_ENTRIES, VERB_NAMES } from "../verbs/catalog.ts";
import { GLOBAL_OPTIONS } from "../verbs/global-options.ts";
import type { Arguments, Context, Outcome, Verb } from "../verbs/verb.ts";
import { type Grammar, parseArguments, requestedFormat } from "./arguments.ts";
import { colorAllowed } from "./color.ts";
import { asPidboxError, renderError, renderOutcome } from "./render.ts";
import { suggest } from "./suggestion.ts";
import { isTerminal, writeAll, writeBytes } from "./terminal.ts";

const STDOUT = 1;
const STDERR = 2;
const EPIPE = -32;

/** The command line before the verb: `pidbox --color never ps`. */
const TOP: Grammar = {
  name: "",
  options: [...GLOBAL_OPTIONS, { name: "version", short: "v", help: "Print the version" }],
  operands: [{ name: "VERB", help: "What to do", repeat: true }],
  stopsAtOperand: true,
};

/** Docker's verbs that have another name here. */
const ELSEWHERE: Readonly<Record<string, string>> = { info: "doctor", ls: "ps", list: "ps", system: "doctor" };

/** What is known of the command line so far, for the form of an error and its exit code. */
interface Progress {
  verb?: Verb;
  /** argv after the verb. */
  words?: readonly string[];
  /** `--format`, once the whole command line was understood. */
  format?: string | undefined;
  color?: string | undefined;
}

function contextOf(argv: readonly string[], color: string | undefined): Context {
  const terminal = { stdin: isTerminal(0), stdout: isTerminal(STDOUT), stderr: isTerminal(STDERR) };
  return {
    environment: process.env,
    executable: process.execPath,
    cwd: process.cwd(),
    argv,
    terminal,
    color: colorAllowed(color, process.env, terminal.stdout),
    note(line) {
      writeAll(STDERR, `pidbox: ${printable(line)}\n`);
    },
    write: writeBytes,
  };
}

async function loadVerb(word: string): Promise<Verb> {
  if (isVerbName(word)) return CATALOG[word]();
  const internal = Object.hasOwn(RE_ENTRIES, word) ? RE_ENTRIES[word] : undefined;
  if (internal !== undefined) return internal();
  const other = Object.hasOwn(ELSEWHERE, word) ? ELSEWHERE[word] : undefined;
  const near = other !== undefined && isVerbName(other) ? other : suggest(word, VERB_NAMES);
  const hint = near === undefined ? "see pidbox help" : `did you mean ${near}? see pidbox help`;
  throw new PidboxError("USAGE", `unknown verb ${quote(word)}`, { hint });
}

/** The verb and what is left for it: `--version` and `--help` before a verb stand for verbs. */
function chooseVerb(top: Arguments): { word: string; rest: readonly string[] } {
  const [word, ...rest] = top.operands;
  if (top.flag("version")) return { word: "version", rest: [] };
  if (word === undefined) return { word: "help", rest: [] };
  return top.flag("help") ? { word: "help", rest: [word] } : { word, rest };
}

/** The verb and its words. Most command lines begin with the verb: then nothing is before it to be read. */
function splitLine(argv: readonly string[], progress: Progress): { word: string; rest: readonly string[] } {
  const first = argv[0] ?? "";
  if (isVerbName(first)) return { word: first, rest: argv.slice(1) };
  // As docker groups its verbs: `container prune`.
  const second = argv[1] ?? "";
  if (first === "container" && isVerbName(second)) return { word: second, rest: argv.slice(2) };
  const top = parseArguments(TOP, argv);
  progress.color = top.value("color");
  return chooseVerb(top);
}

async function runVerb(argv: readonly string[], progress: Progress): Promise<Outcome> {
  const { word, rest } = splitLine(argv, progress);
  const verb = await loadVerb(word);
  progress.verb = verb;
  progress.words = rest;
  const args = parseArguments(verb, rest);
  progress.format = args.value("format");
  progress.color = args.value("color") ?? progress.color;
  if (args.flag("help") && !verb.options.some((option) => option.name === "help")) {
    const { verbText } = await import("../verbs/reference/help-text.ts");
    return { exit: EXIT.ok, text: () => verbText(verb) };
  }
  return verb.run(args, contextOf(argv, progress.color));
}

/** Prints the outcome; a reader that went away (`pidbox ps | head -1`) is no error to talk about, but no success either. */
async function print(outcome: Outcome, format: string | undefined): Promise<number> {
  const result = writeAll(STDOUT, renderOutcome(outcome, format));
  if (result === EPIPE) return outcome.exit === EXIT.ok ? EXIT.failure : outcome.exit;
  if (result < 0) {
    const errno = (await import("../kernel/abi/errno.ts")).errnoName(result);
    throw new PidboxError("IO", `writing the result to standard output failed: ${errno}`, { context: { errno } });
  }
  return outcome.exit;
}

/** Runs one command line and returns its exit code. */
export async function runDaily(argv: readonly string[]): Promise<number> {
  const progress: Progress = {};
  try {
    const outcome = await runVerb(argv, progress);
    return await print(outcome, progress.format);
  } catch (caught) {
    const error = asPidboxError(caught);
    const { verb, words } = progress;
    const format = progress.format ?? (verb === undefined || words === undefined ? undefined : requestedFormat(verb, words));
    writeAll(STDERR, renderError(error, format, colorAllowed(progress.color, process.env, isTerminal(STDERR))));
    return verb?.failureExit?.(error.code) ?? EXIT.failure;
  }
}
