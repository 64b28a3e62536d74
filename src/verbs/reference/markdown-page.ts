/** Documentation pages in Markdown, made from the tables. Pure. */
import { allOptions } from "../global-options.ts";
import type { Verb } from "../verb.ts";
import { optionMeaning, optionSpelling, synopsis } from "./help-text.ts";

/** `text` inside a table cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replace(/\s+/g, " ");
}

function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

function table(head: readonly [string, string], rows: readonly (readonly [string, string])[]): string[] {
  return rows.length === 0 ? [] : [`| ${head[0]} | ${head[1]} |`, "| --- | --- |", ...rows.map(([left, right]) => `| ${left} | ${cell(right)} |`), ""];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, "", ...lines];
}

/** docs/verbs/VERB.md */
export function verbPage(verb: Verb): string {
  const lines = [
    `# pidbox ${verb.name}`,
    "",
    `${verb.summary}.`,
    "",
    "```",
    synopsis(verb),
    "```",
    "",
    ...verb.description.split(/\n\s*\n/).flatMap((paragraph) => [paragraph.replace(/\s+/g, " ").trim(), ""]),
    ...section("Operands", table(["operand", "meaning"], verb.operands.map((operand) => [code(operand.name), operand.help]))),
    ...section("Options", table(["option", "meaning"], allOptions(verb).map((option) => [code(optionSpelling(option)), optionMeaning(option)]))),
    ...section("Examples", verb.examples.flatMap((example) => [`${example.text}:`, "", "```sh", example.command, "```", ""])),
    ...section("Exit codes", table(["code", "meaning"], (verb.exitCodes ?? []).map((exit) => [code(String(exit.code)), exit.text]))),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}

/** docs/verbs/README.md */
export function verbIndex(verbs: readonly Verb[]): string {
  const rows = verbs.map((verb): [string, string] => [`[${verb.name}](${verb.name}.md)`, verb.summary]);
  return `${["# Verbs", "", ...table(["verb", "what it does"], rows)].join("\n").trimEnd()}\n`;
}
