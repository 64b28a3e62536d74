/** The face for engines, `pidbox-oci VERB`: argv -> verb -> outcome -> exit code, in the grammar of runc. */
import { EXIT, PidboxError } from "../base/error.ts";
import { absolute } from "../base/path.ts";
import { quote } from "../base/text.ts";
import { ownRuntimeRoot } from "../engine/runtime-store.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { OCI_CATALOG, OCI_RE_ENTRIES } from "../verbs/oci/catalog.ts";
import { OCI_GLOBAL_OPTIONS } from "../verbs/oci/global-options.ts";
import type { OciArguments, OciContext, OciLog, OciOutcome, OciVerb } from "../verbs/oci/verb.ts";
import { GoFlagError, parseGoBoolean, parseGoFlags } from "./go-flags.ts";
import { Log } from "./oci-log.ts";
import { writeAll } from "./terminal.ts";

const STDOUT = 1;
const EPIPE = -32;
/** What runc exits with for a verb that it does not have. */
const NO_SUCH_VERB = 3;

/** A command line that is not understood: the reason, and the help that is printed on stdout before it. */
class UsageError extends Error {
  readonly heading: string;
  readonly verb: OciVerb | undefined;

  constructor(message: string, heading: string, verb?: OciVerb) {
    super(message);
    this.heading = heading;
    this.verb = verb;
  }
}

/** As filepath.Abs of Go: ".." takes away what is before it, be that a link or not. */
function cleaned(path: string, cwd: string): string {
  const parts: string[] = [];
  for (const part of absolute(path, cwd).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function globalOptions(words: readonly string[]): OciArguments {
  try {
    return parseGoFlags(OCI_GLOBAL_OPTIONS, words, true);
  } catch (error) {
    if (error instanceof GoFlagError) throw new UsageError(error.message, `Incorrect Usage. ${error.message}\n\n`);
    throw error;
  }
}

function logOf(top: OciArguments, cwd: string): OciLog {
  const format = top.value("log-format") ?? "text";
  const path = top.value("log") ?? "";
  if (format !== "text" && format !== "json") throw new PidboxError("USAGE", `invalid log-format: ${quote(format).slice(1, -1)}`);
  return { format, ...(path === "" ? {} : { path: cleaned(path, cwd) }) };
}

/** The directory that --root names; undefined for the default. */
function givenRoot(top: OciArguments, cwd: string): string | undefined {
  const given = top.value("root");
  if (given === undefined) return undefined;
  const root = cleaned(given, cwd);
  if (root === "/") throw new PidboxError("USAGE", "Option --root argument should not be set to /");
  return root;
}

function rootlessOf(top: OciArguments): boolean | undefined {
  const word = top.value("rootless") ?? "auto";
  if (word === "" || word.toLowerCase() === "auto") return undefined;
  const value = parseGoBoolean(word);
  if (value === undefined) throw new PidboxError("USAGE", `option --rootless takes true, false or auto, not ${quote(word)}`);
  return value;
}

function contextOf(top: OciArguments, argv: readonly string[], settings: OciLog, log: Log): OciContext {
  const cwd = process.cwd();
  const debug = top.flag("debug");
  let root = givenRoot(top, cwd);
  return {
    get root() {
      // Of no concern to verbs that ask nothing of it: it may have to be made.
      root ??= ownRuntimeRoot(syscall(SYSCALLS.geteuid), process.env);
      return root;
    },
    log: settings, debug, systemdCgroup: top.flag("systemd-cgroup"), rootless: rootlessOf(top),
    environment: process.env, executable: process.execPath, cwd, argv,
    logWords: [...(settings.path === undefined ? [] : ["--log", settings.path]), "--log-format", settings.format, ...(debug ? ["--debug"] : [])],
    warn(message) {
      log.write("warning", message);
    },
    write: print,
  };
}

/** Writes to stdout; false when nobody reads it any more. */
function print(text: string): boolean {
  const result = writeAll(STDOUT, text);
  if (result < 0 && result !== EPIPE) throw new PidboxError("IO", `writing to standard output failed: errno ${-result}`);
  return result >= 0;
}

/** How many operands there must be, in runc's words (checkArgs of utils.go). */
function checkOperands(verb: OciVerb, args: OciArguments): void {
  const least = verb.operands.filter((operand) => operand.required === true).length;
  const most = verb.operands.some((operand) => operand.repeat === true) ? Infinity : verb.operands.length;
  const count = args.operands.length;
  if (count >= least && count <= most) return;
  const needs = least === most ? `exactly ${least}` : count < least ? `a minimum of ${least}` : `a maximum of ${most}`;
  throw new UsageError(`${process.argv0}: "${verb.name}" requires ${needs} argument(s)`, "Incorrect Usage.\n\n", verb);
}

function verbArguments(verb: OciVerb, words: readonly string[]): OciArguments {
  try {
    return parseGoFlags(verb.options, words, verb.optionsFirst === true);
  } catch (error) {
    if (error instanceof GoFlagError) throw new UsageError(error.message, `Incorrect Usage: ${error.message}\n\n`, verb);
    throw error;
  }
}

async function help(verb: OciVerb | undefined): Promise<string> {
  const { ociHelp, ociVerbHelp } = await import("../verbs/reference/oci-help.ts");
  return verb === undefined ? ociHelp() : ociVerbHelp(verb);
}

async function loadVerb(word: string): Promise<OciVerb | undefined> {
  if (Object.hasOwn(OCI_CATALOG, word)) return OCI_CATALOG[word]?.();
  return Object.hasOwn(OCI_RE_ENTRIES, word) ? OCI_RE_ENTRIES[word]?.() : undefined;
}

/** What `--version`, `--help`, `help VERB` and no verb at all print; undefined for a verb that is to be run. */
async function standing(top: OciArguments): Promise<string | undefined> {
  if (top.flag("help")) return help(undefined);
  if (top.flag("version")) return (await import("../verbs/oci/version.ts")).versionText();
  const [word = "", subject] = top.operands;
  if (word !== "" && word !== "help" && word !== "h") return undefined;
  if (word === "" || subject === undefined) return help(undefined);
  const verb = await loadVerb(subject);
  return verb === undefined ? undefined : help(verb);
}

async function runVerb(verb: OciVerb, words: readonly string[], context: OciContext): Promise<OciOutcome> {
  const args = verbArguments(verb, words);
  if (args.flag("help")) return { exit: EXIT.ok, text: await help(verb) };
  checkOperands(verb, args);
  return verb.run(args, context);
}

/** The words of an error. What only errors need is loaded with them. */
async function messageOf(error: unknown): Promise<string> {
  if (error instanceof PidboxError) return (await import("../verbs/oci/messages.ts")).engineMessage(error);
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `internal error: ${text}: this is a defect of pidbox`;
}

/** Runs a verb, or says why not. Returns the exit code. */
async function perform(top: OciArguments, argv: readonly string[], log: Log, settings: OciLog): Promise<number> {
  let verb: OciVerb | undefined;
  try {
    const context = contextOf(top, argv, settings, log);
    const text = await standing(top);
    if (text !== undefined) return print(text) ? EXIT.ok : EXIT.failure;
    const [word = "", ...words] = top.operands;
    verb = await loadVerb(word);
    if (verb === undefined) {
      log.write("error", `No help topic for '${word === "help" || word === "h" ? (words[0] ?? "") : word}'`);
      return NO_SUCH_VERB;
    }
    const outcome = await runVerb(verb, words, context);
    return outcome.text === undefined || print(outcome.text) ? outcome.exit : EXIT.failure;
  } catch (error) {
    if (error instanceof UsageError) {
      print(error.heading + (await help(error.verb)));
      log.write("error", error.message);
      return EXIT.failure;
    }
    log.write("error", `${verb?.failure === undefined ? "" : `${verb.failure.prefix}: `}${await messageOf(error)}`);
    return verb?.failure?.exit ?? EXIT.failure;
  }
}

/** Runs one command line of pidbox-oci and returns its exit code. */
export async function runOci(argv: readonly string[]): Promise<number> {
  try {
    const top = globalOptions(argv);
    const settings = logOf(top, process.cwd());
    return await perform(top, argv, new Log(settings), settings);
  } catch (error) {
    // Before there is a log: what is wrong is the global options.
    const log = new Log({ format: "text" });
    if (error instanceof UsageError) print(error.heading + (await help(undefined)));
    log.write("error", error instanceof UsageError ? error.message : await messageOf(error));
    return EXIT.failure;
  }
}
