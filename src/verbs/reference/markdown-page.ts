/** Documentation pages in Markdown, made from the tables. Pure. */
import { allOptions } from "../global-options.ts";
import type { Verb } from "../verb.ts";
import { optionMeaning, optionSpelling, synopsis } from "./help-text.ts";

/** `text` inside a table cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replace(/\s+/g, " ");
}

export function markdownCode(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

export function markdownTable(head: readonly [string, string], rows: readonly (readonly [string, string])[]): string[] {
  return rows.length === 0 ? [] : [`| ${head[0]} | ${head[1]} |`, "| --- | --- |", ...rows.map(([left, right]) => `| ${left} | ${cell(right)} |`), ""];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, "", ...lines];
}

/** docs/verbs/VERB.md */
export function verbPage(verb: Verb): string {
  const options = allOptions(verb).map((option): [string, string] => [markdownCode(optionSpelling(option)), optionMeaning(option)]);
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
    ...section("Operands", markdownTable(["operand", "meaning"], verb.operands.map((operand) => [markdownCode(operand.name), operand.help]))),
    ...section("Options", markdownTable(["option", "meaning"], options)),
    ...section("Examples", verb.examples.flatMap((example) => [`${example.text}:`, "", "```sh", example.command, "```", ""])),
    ...section("Exit codes", markdownTable(["code", "meaning"], (verb.exitCodes ?? []).map((exit) => [markdownCode(String(exit.code)), exit.text]))),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}

/** docs/verbs/README.md */
export function verbIndex(verbs: readonly Verb[]): string {
  const rows = verbs.map((verb): [string, string] => [`[${verb.name}](${verb.name}.md)`, verb.summary]);
  return `${["# Verbs", "", ...markdownTable(["verb", "what it does"], rows)].join("\n").trimEnd()}\n`;
}
