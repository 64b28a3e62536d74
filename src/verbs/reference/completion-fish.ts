/** The completion script for fish. Pure. */
import { allOptions } from "../global-options.ts";
import type { OptionSpec, Verb } from "../verb.ts";
import { operandCompletion, valueCompletion } from "./completion-words.ts";
import type { Completion } from "./completion-words.ts";

/** `text` in single quotes for fish, which escapes inside them. */
function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}

function argumentsOf(completion: Completion): string {
  if (completion.kind === "words") return ` -f -a ${fishQuoted(completion.words.join(" "))}`;
  if (completion.kind === "path") return " -F";
  if (completion.kind === "command") return " -f -a '(__fish_complete_command)'";
  if (completion.kind === "container") return " -f -a '(pidbox ps -q 2>/dev/null)'";
  return " -f";
}

function optionLine(verb: Verb, option: OptionSpec): string {
  const short = option.short === undefined ? "" : ` -s ${option.short}`;
  const value = option.value === undefined ? "" : `${option.valueOptional === true ? "" : " -r"}${argumentsOf(valueCompletion(option))}`;
  return `complete -c pidbox -n '__pidbox_verb ${verb.name}'${short} -l ${option.name}${value} -d ${fishQuoted(option.help)}`;
}

/** A file for fish's completions directory. */
export function fishCompletion(verbs: readonly Verb[]): string {
  const lines = verbs.flatMap((verb) => [
    `complete -c pidbox -n __pidbox_no_verb -a ${verb.name} -d ${fishQuoted(verb.summary)}`,
    ...allOptions(verb).map((option) => optionLine(verb, option)),
    `complete -c pidbox -n '__pidbox_verb ${verb.name}'${argumentsOf(operandCompletion(verb, verbs))}`,
  ]);
  return `# fish completion of pidbox: pidbox completion fish > ~/.config/fish/completions/pidbox.fish
function __pidbox_no_verb
    test (count (commandline -opc)) -eq 1
end
function __pidbox_verb
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test $words[2] = $argv[1]
end
complete -c pidbox -f
${lines.join("\n")}
`;
}
