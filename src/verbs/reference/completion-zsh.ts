/** The completion script for zsh. Pure. */
import { allOptions } from "../global-options.ts";
import type { OptionSpec, Verb } from "../verb.ts";
import { operandCompletion, singleQuoted, valueCompletion } from "./completion-words.ts";
import type { Completion } from "./completion-words.ts";

/** Characters with a meaning inside an _arguments specification. */
function escaped(text: string): string {
  return text.replace(/[\\:[\]]/g, "\\$&");
}

function action(completion: Completion): string {
  if (completion.kind === "words") return `(${completion.words.join(" ")})`;
  if (completion.kind === "path") return "_files";
  if (completion.kind === "command") return "_command_names -e";
  if (completion.kind === "container") return "_pidbox_containers";
  return " ";
}

function optionSpecs(option: OptionSpec): string[] {
  const repeat = option.repeat === true ? "*" : "";
  const help = `[${escaped(option.help)}]`;
  const name = escaped(option.value ?? "");
  const value = option.value === undefined ? "" : `${option.valueOptional === true ? "::" : ":"}${name}:${action(valueCompletion(option))}`;
  // `--x-` takes the value after `=` only; `--x=` after `=` or as the next word; `-x+` joined or as the next word.
  const long = option.value === undefined ? "" : option.valueOptional === true ? "=-" : "=";
  const short = option.value === undefined ? "" : option.valueOptional === true ? "-" : "+";
  const specs = [`${repeat}--${option.name}${long}${help}${value}`];
  if (option.short !== undefined) specs.push(`${repeat}-${option.short}${short}${help}${value}`);
  return specs;
}

function verbCase(verb: Verb, verbs: readonly Verb[]): string {
  const options = allOptions(verb).flatMap(optionSpecs);
  const operand = action(operandCompletion(verb, verbs));
  const rest = verb.stopsAtOperand === true ? [`1:operand:${operand}`, "*::command:_normal"] : [`*:operand:${operand}`];
  const flags = verb.stopsAtOperand === true ? "-s -S -A '-*'" : "-s -S";
  return [`    ${verb.name}) _arguments ${flags} \\`, ...[...options, ...rest].map((spec) => `      ${singleQuoted(spec)} \\`), "      ;;"].join("\n");
}

/** A file `_pidbox` for a directory of zsh's fpath; it may be sourced too, after compinit. */
export function zshCompletion(verbs: readonly Verb[]): string {
  const list = verbs.map((verb) => `    ${singleQuoted(`${verb.name}:${verb.summary.replaceAll(":", "\\:")}`)}`).join("\n");
  return `#compdef pidbox
# zsh completion of pidbox: pidbox completion zsh > DIRECTORY_OF_FPATH/_pidbox
_pidbox_containers() {
  local -a containers
  containers=(\${(f)"$(pidbox ps -q 2>/dev/null)"})
  compadd -a containers
}
_pidbox() {
  local -a verbs
  verbs=(
${list}
  )
  if ((CURRENT == 2)); then
    _describe verb verbs
    return
  fi
  shift words
  ((CURRENT--))
  case "\${words[1]}" in
${verbs.map((verb) => verbCase(verb, verbs)).join("\n")}
  esac
}
if [[ "\${funcstack[1]}" == _pidbox ]]; then
  _pidbox "$@"
else
  compdef _pidbox pidbox
fi
`;
}
