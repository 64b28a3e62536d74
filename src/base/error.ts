/**
 * The one error class of pidbox and its closed set of codes.
 *
 * A message names the action that failed, the value, and the cause, in that order; the hint is what to do next.
 * Text that came from a container or a file must be passed through `quote` of base/text.ts before it gets here.
 */

/** Every code, with what it means. `docs/errors/CODE.md` is generated from this table; codes are never reused. */
export const ERROR_CODES = {
  USAGE: "The command line is not one that this verb understands.",
  CONFIG_INVALID: "A configuration (config.json, seccomp profile, env file) has a value that is not allowed.",
  HOST_UNSUPPORTED: "The host lacks a feature that the request needs; the message names the feature.",
  REFUSED_UNSAFE: "The request would weaken the wall and was not overridden with --unsafe=NAME.",
  NOT_FOUND: "No such container, process, file or directory.",
  CONFLICT: "A name or an id is in use already.",
  PERMISSION: "The kernel refused the caller the right to do this.",
  IO: "A system call on a host path failed.",
  PARSE: "Text from the kernel or a file is not in the form that its documentation promises.",
  LAUNCH_FAILED: "An operation of the plan failed while the container was built; nothing was left behind.",
  COMMAND_NOT_FOUND: "The program to run does not exist in the container.",
  COMMAND_NOT_EXECUTABLE: "The program to run exists but cannot be executed.",
  POSSIBLE_ATTACK: "Something looks as an attack on pidbox would look; never retried and never downgraded.",
  DEFECT: "pidbox broke one of its own rules: please report it.",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** What an error is about, as data: printed by `--format json`, never parsed back from the message. */
export interface ErrorContext {
  readonly path?: string;
  /** Errno name such as `EPERM`. */
  readonly errno?: string;
  /** Config pointer or flag that caused it, such as `/mounts/3` or `--memory`. */
  readonly from?: string;
  /** Feature that is missing, as `doctor` lists it. */
  readonly feature?: string;
}

export class PidboxError extends Error {
  override readonly name = "PidboxError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly context: ErrorContext;

  constructor(code: ErrorCode, message: string, options: { hint?: string; context?: ErrorContext; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.context = options.context ?? {};
  }
}

/** Exit codes shared by all verbs; `do` and `run` use docker's 125 to 127 for their own failures. */
export const EXIT = { ok: 0, failure: 1, findings: 2, incomplete: 3, stale: 4, launch: 125, notExecutable: 126, notFound: 127, signalBase: 128 } as const;

/** The exit code of `do` and `run` for an error of pidbox's own, as docker and podman define them. */
export function launchExitCode(code: ErrorCode): number {
  if (code === "COMMAND_NOT_FOUND") return EXIT.notFound;
  if (code === "COMMAND_NOT_EXECUTABLE") return EXIT.notExecutable;
  return EXIT.launch;
}
