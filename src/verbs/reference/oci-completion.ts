/** The completion script of pidbox-oci for bash. Pure. */
import { OCI_GLOBAL_OPTIONS } from "../oci/global-options.ts";
import type { OciOption, OciVerb } from "../oci/verb.ts";
import { singleQuoted } from "./completion-words.ts";

const HELP: OciOption = { name: "help", short: "h", help: "" };
/** Options whose values are names of files or directories. */
const PATHS = /^(bundle|config|console-socket|pidfd-socket|pid-file|process|resources|log|root|criu|image-path|work-path|parent-path)$/;
const CHOICES: Readonly<Record<string, readonly string[]>> = { "log-format": ["text", "json"], rootless: ["true", "false", "auto"], format: ["table", "json"] };

function spellings({ name, short }: OciOption): string[] {
  return short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`];
}

function shown(options: readonly OciOption[]): readonly OciOption[] {
  return [...options.filter((option) => option.hidden !== true), HELP];
}

function valueReply(option: OciOption): string {
  const choices = Object.hasOwn(CHOICES, option.name) ? CHOICES[option.name] : undefined;
  if (choices !== undefined) return `COMPREPLY=($(compgen -W ${singleQuoted(choices.join(" "))} -- "$cur"))`;
  return PATHS.test(option.name) ? `compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))` : "COMPREPLY=()";
}

function valueCases(options: readonly OciOption[], indent: string): string[] {
  return options.filter((option) => option.kind !== undefined).map((option) => `${indent}${spellings(option).join("|")}) ${valueReply(option)}; return ;;`);
}

function optionReply(options: readonly OciOption[]): string {
  return `COMPREPLY=($(compgen -W ${singleQuoted(shown(options).flatMap(spellings).join(" "))} -- "$cur"))`;
}

function verbCase(verb: OciVerb): string {
  const ids = verb.operands.length === 0 ? "COMPREPLY=()" : `COMPREPLY=($(compgen -W "$(_pidbox_oci_ids)" -- "$cur"))`;
  return [
    `    ${verb.name})`,
    '      case "$prev" in', ...valueCases(verb.options, "        "), "      esac",
    `      case "$cur" in -*) ${optionReply(verb.options)} ;; *) ${ids} ;; esac ;;`,
  ].join("\n");
}

/** A script to be sourced by bash 4.4 or newer; it does not need the bash-completion package. */
export function ociBashCompletion(verbs: readonly OciVerb[]): string {
  const names = [...verbs.map(({ name }) => name), "help"].join(" ");
  const valued = OCI_GLOBAL_OPTIONS.filter((option) => option.kind !== undefined).flatMap(spellings);
  return `# bash completion of pidbox-oci
_pidbox_oci_ids() {
  pidbox-oci "\${_pidbox_oci_root[@]}" list -q 2>/dev/null
}
_pidbox_oci() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} verb= i
  local -a _pidbox_oci_root=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      --root|-root) _pidbox_oci_root=(--root "\${COMP_WORDS[++i]}") ;;
      ${valued.filter((word) => word !== "--root").join("|")}) ((i++)) ;;
      -*) ;;
      *) verb=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case "$verb" in
    "")
      case "$prev" in
${valueCases(OCI_GLOBAL_OPTIONS, "        ").join("\n")}
      esac
      case "$cur" in -*) ${optionReply(OCI_GLOBAL_OPTIONS)} ;; *) COMPREPLY=($(compgen -W ${singleQuoted(names)} -- "$cur")) ;; esac ;;
    help|h) COMPREPLY=($(compgen -W ${singleQuoted(names)} -- "$cur")) ;;
${verbs.map(verbCase).join("\n")}
  esac
}
complete -F _pidbox_oci pidbox-oci
`;
}
