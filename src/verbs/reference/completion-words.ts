/** What the completion scripts of all shells have in common. Pure. */
import type { OptionSpec, Verb } from "../verb.ts";

/** What may follow an option or stand as an operand: fixed words, a path, a container, a command line, or nothing that can be guessed. */
export type Completion = { readonly kind: "words"; readonly words: readonly string[] } | { readonly kind: "path" | "container" | "command" | "none" };

const PATH = /FILE|PATH|DIR|ROOTFS|BUNDLE/;
const CONTAINER = /^(ID|CONTAINER)\b/;
const COMMAND = /^(CMD|COMMAND)\b/;

function byMetavariable(name: string): Completion {
  if (CONTAINER.test(name)) return { kind: "container" };
  if (COMMAND.test(name)) return { kind: "command" };
  return { kind: PATH.test(name) ? "path" : "none" };
}

/** What may follow `option`, which takes a value. */
export function valueCompletion(option: OptionSpec): Completion {
  return option.choices === undefined ? byMetavariable(option.value ?? "") : { kind: "words", words: option.choices };
}

/** What may stand as the first operand of `verb`. `verbs` is for help, whose operand is a verb; completion's is a shell. */
export function operandCompletion(verb: Verb, verbs: readonly Verb[]): Completion {
  if (verb.name === "help") return { kind: "words", words: verbs.map(({ name }) => name) };
  if (verb.name === "completion") return { kind: "words", words: ["bash", "zsh", "fish"] };
  return byMetavariable(verb.operands[0]?.name ?? "");
}

/** `text` in single quotes for a POSIX shell. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
