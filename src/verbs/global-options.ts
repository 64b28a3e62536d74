/** Options that every verb takes. A verb's own option of the same name or letter goes first (`run -h NAME` is the host name, as in docker). */
import type { OptionSpec, Verb } from "./verb.ts";

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { name: "help", short: "h", help: "Show what the verb does, its options and examples" },
  { name: "color", value: "WHEN", choices: ["auto", "always", "never"], help: "When to colour text; auto asks NO_COLOR, FORCE_COLOR, TERM and the terminal" },
];

/** All options of a verb as its command line takes them: its own, then the global ones that it does not replace. */
export function allOptions(verb: Pick<Verb, "options">): OptionSpec[] {
  const letters = new Set(verb.options.map((option) => option.short));
  const names = new Set(verb.options.map((option) => option.name));
  const inherited = GLOBAL_OPTIONS.filter((option) => !names.has(option.name)).map(({ short, ...option }) =>
    short === undefined || letters.has(short) ? option : { ...option, short },
  );
  return [...verb.options, ...inherited];
}
