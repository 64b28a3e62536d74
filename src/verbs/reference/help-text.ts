/** Help of a verb and of pidbox as plain text, made from the tables. Pure. */
import type { OptionSpec, Verb } from "../verb.ts";
import { allOptions } from "../global-options.ts";

const WIDTH = 100;
/** Where the second column begins; a longer first column gets a line of its own. */
const COLUMN = 30;

/** `text` broken at spaces into lines of at most `width` columns; a longer word stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && Bun.stringWidth(line) + 1 + Bun.stringWidth(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return line === "" ? lines : [...lines, line];
}

/** The spelling of an option with its value: `-m, --memory SIZE`, `--tty[=MODE]`. */
export function optionSpelling(option: OptionSpec): string {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  if (option.value === undefined) return `${short}--${option.name}`;
  return option.valueOptional === true ? `${short}--${option.name}[=${option.value}]` : `${short}--${option.name} ${option.value}`;
}

/** What an option does, with its choices and whether it repeats. */
export function optionMeaning(option: OptionSpec): string {
  const notes: string[] = [];
  if (option.choices !== undefined) notes.push(option.choices.join(", "));
  if (option.repeat === true) notes.push("may be repeated");
  return notes.length === 0 ? option.help : `${option.help} (${notes.join("; ")})`;
}

/** The synopsis of a verb: `pidbox do [OPTIONS] [--] CMD [ARG...]`. */
export function synopsis(verb: Verb): string {
  const operands = verb.operands.map((operand) => {
    const name = operand.repeat === true ? `${operand.name}...` : operand.name;
    return operand.required === true ? name : `[${name}]`;
  });
  return [`pidbox ${verb.name} [OPTIONS]`, ...operands].join(" ");
}

function entry(left: string, right: string): string[] {
  const pad = " ".repeat(COLUMN);
  const lines = wrap(right, WIDTH - COLUMN);
  const head = `  ${left}`;
  if (head.length >= COLUMN - 1) return [head, ...lines.map((line) => pad + line)];
  return lines.map((line, i) => (i === 0 ? head.padEnd(COLUMN) + line : pad + line));
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `${title}:`, ...lines];
}

/** What `pidbox VERB --help` prints. */
export function verbText(verb: Verb): string {
  const paragraphs = verb.description.split(/\n\s*\n/).flatMap((paragraph, i) => {
    const lines = wrap(paragraph.replace(/\s+/g, " ").trim(), WIDTH);
    return i === 0 ? lines : ["", ...lines];
  });
  const indent = (option: OptionSpec): string => (option.short === undefined ? "    " : "") + optionSpelling(option);
  const lines = [
    `Usage: ${synopsis(verb)}`,
    "",
    ...paragraphs,
    ...section("Operands", verb.operands.flatMap((operand) => entry(operand.name, operand.help))),
    ...section("Options", allOptions(verb).flatMap((option) => entry(indent(option), optionMeaning(option)))),
    ...section("Examples", verb.examples.flatMap((example) => [`  ${example.command}`, `      ${example.text}`])),
    ...section("Exit codes", (verb.exitCodes ?? []).flatMap((exit) => entry(String(exit.code), exit.text))),
  ];
  return `${lines.join("\n")}\n`;
}

/** What `pidbox help` prints. */
export function overviewText(verbs: readonly Verb[]): string {
  const lines = [
    "Usage: pidbox VERB [OPTIONS] [OPERANDS]",
    "",
    "Runs programs in a PID namespace of their own, proves that they are isolated, and keeps watch.",
    ...section("Verbs", verbs.flatMap((verb) => entry(verb.name, verb.summary))),
    "",
    "See pidbox VERB --help for the options of a verb.",
  ];
  return `${lines.join("\n")}\n`;
}
