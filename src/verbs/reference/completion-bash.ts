/** The completion script for bash. Pure. */
import { allOptions } from "../global-options.ts";
import type { OptionSpec, Verb } from "../verb.ts";
import { operandCompletion, singleQuoted, valueCompletion } from "./completion-words.ts";
import type { Completion } from "./completion-words.ts";

function spellings(option: OptionSpec): string[] {
  return option.short === undefined ? [`--${option.name}`] : [`--${option.name}`, `-${option.short}`];
}

function reply(completion: Completion): string {
  if (completion.kind === "words") return `COMPREPLY=($(compgen -W ${singleQuoted(completion.words.join(" "))} -- "$cur"))`;
  if (completion.kind === "path") return `compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))`;
  if (completion.kind === "command") return `COMPREPLY=($(compgen -c -- "$cur"))`;
  if (completion.kind === "container") return `COMPREPLY=($(compgen -W "$(pidbox ps -q 2>/dev/null)" -- "$cur"))`;
  return "COMPREPLY=()";
}

function verbCase(verb: Verb, verbs: readonly Verb[]): string {
  const options = allOptions(verb);
  const valued = options.filter((option) => option.value !== undefined && option.valueOptional !== true);
  const values = valued.map((option) => `        ${spellings(option).join("|")}) ${reply(valueCompletion(option))}; return ;;`);
  const words = options.flatMap(spellings).join(" ");
  const skip = valued.flatMap(spellings).join("|");
  // After the first operand of `run IMAGE ls -la` the words belong to another command.
  const stop = verb.stopsAtOperand === true
    ? ["      if _pidbox_operand_before " + singleQuoted(skip) + "; then compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")); return; fi"]
    : [];
  return [
    `    ${verb.name})`,
    ...stop,
    '      case "$prev" in',
    ...values,
    "      esac",
    '      case "$cur" in',
    `        -*) COMPREPLY=($(compgen -W ${singleQuoted(words)} -- "$cur")) ;;`,
    `        *) ${reply(operandCompletion(verb, verbs))} ;;`,
    "      esac ;;",
  ].join("\n");
}

/** A script to be sourced by bash 4.4 or newer; it does not need the bash-completion package. */
export function bashCompletion(verbs: readonly Verb[]): string {
  const names = verbs.map(({ name }) => name).join(" ");
  return `# bash completion of pidbox: source <(pidbox completion bash)
# Whether an operand stands between the verb and the cursor; $1 is the options that take a value, with | between them.
_pidbox_operand_before() {
  local i word
  for ((i = 2; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$word" in
      --) ((i + 1 < COMP_CWORD)); return ;;
      -*) [[ "|$1|" == *"|$word|"* ]] && ((i++)) ;;
      *) return 0 ;;
    esac
  done
  return 1
}
_pidbox() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W ${singleQuoted(names)} -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${verbs.map((verb) => verbCase(verb, verbs)).join("\n")}
  esac
}
complete -F _pidbox pidbox
`;
}
