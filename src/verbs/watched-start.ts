/** The start of a container as one that may be recorded, so that the next one with the same command line needs no Bun (engine/start-signs.ts). */
import { readSign, sign } from "../engine/start-signs.ts";
import { stateRoot } from "../engine/store.ts";
import type { ContainerState } from "../engine/store.ts";
import type { Recording } from "../engine/known-starts.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import type { Blueprint } from "../plan/blueprint.ts";
import type { HostFacts } from "../plan/host-facts.ts";
import type { Names } from "../plan/template.ts";
import type { Kind } from "./container-limits.ts";
import type { Arguments, Context } from "./verb.ts";

/** Set by tools/build.ts. A run from source has no launcher/front.c before it. */
declare const PIDBOX_BUILD: string | undefined;

/** What a start has become, once nothing more is asked. */
export interface Finished {
  readonly blueprint: Blueprint;
  readonly facts: HostFacts;
  readonly state: ContainerState;
  readonly names: Names;
  readonly self: number;
}

/**
 * Flags that do more than they say to the plan, or that no two starts have in common; and those that may hold secrets, which are not to outlive the container.
 */
const SINGULAR = ["name", "cidfile", "explain", "verify", "fault", "pid", "env", "env-file", "publish"];
/** A command line whose answers are others each time is left alone after so many. */
const MOST_MISSES = 16;

export class WatchedStart {
  readonly context: Context;
  readonly #recording: Recording | undefined;
  readonly #misses: number;
  /** Where a sign may be left, and the words that it is about. */
  readonly #root: string | undefined;
  readonly #words: readonly string[];

  constructor(context: Context, root?: string, words: readonly string[] = [], misses = 0, recording?: Recording) {
    this.#recording = recording;
    this.#words = words;
    this.#misses = misses;
    this.#root = root;
    this.context = recording === undefined ? context : {
      ...context, environment: recording.environment(context.environment),
      note: (line) => {
        recording.spoil();
        context.note(line);
      },
    };
  }

  /** Does what changes something, and is done anew at each start. */
  aside<T>(action: () => T): T {
    return this.#recording === undefined ? action() : this.#recording.aside(action);
  }

  /** Nothing more is asked that matters to the plan. */
  end(): void {
    this.#recording?.end();
  }

  /** Leaves what the next start with these words needs. */
  async finish(finished: Finished): Promise<void> {
    if (this.#root === undefined) return;
    const [words, { cwd }] = [this.#words, this.context];
    const known = this.#recording === undefined ? undefined : (await import("./known-start.ts")).knownStart(this.#recording, words, cwd, this.#misses, finished);
    if (known === undefined) sign(this.#root, words, cwd, this.#misses, finished.names.id);
    else (await import("../engine/known-starts.ts")).keepStart(this.#root, known, finished.names.id);
  }
}

/** The verb, its flags and what comes before the program: `run`'s image. Undefined without a program, or where it is not told from a flag. */
function flagWords(kind: Kind, args: Arguments, { argv }: Context): readonly string[] | undefined {
  const images = kind === "run" ? 1 : 0;
  const program = args.operands[images];
  const words = argv.slice(0, argv.length - args.operands.length + images);
  return program === undefined || (program.startsWith("-") && words.at(-1) !== "--") ? undefined : words;
}

/** Begins a start; from here on it is recorded if its command line was given once before. */
export async function watchStart(kind: Kind, args: Arguments, context: Context, foreground: boolean): Promise<WatchedStart> {
  const fronted = typeof PIDBOX_BUILD === "string" && process.arch === "x64" && context.argv[0] === kind;
  // A container whose data stays has more of its own than names.
  const stays = !foreground || (kind === "run" && !args.flag("rm"));
  if (!fronted || stays || SINGULAR.some((name) => args.values(name).length > 0)) return new WatchedStart(context);
  const words = flagWords(kind, args, context);
  if (words === undefined) return new WatchedStart(context);
  const root = stateRoot(syscall(SYSCALLS.geteuid), context.environment);
  if (!root.startsWith("/run/")) return new WatchedStart(context);
  const found = readSign(root, words, context.cwd);
  if (found === undefined || found.known) return new WatchedStart(context, root, words, found?.misses);
  if (found.misses > MOST_MISSES) return new WatchedStart(context);
  const { Recording } = await import("../engine/known-starts.ts");
  const recording = new Recording();
  recording.begin(context.executable);
  return new WatchedStart(context, root, words, found.misses, recording);
}
