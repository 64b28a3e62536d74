/** Man pages in roff (man(7)), made from the tables. Pure. */
import { ERROR_CODES } from "../../base/error.ts";
import { allOptions } from "../global-options.ts";
import type { Verb } from "../verb.ts";
import { optionMeaning, optionSpelling, synopsis } from "./help-text.ts";

/** `text` with everything that roff would interpret made literal: backslashes, hyphens (so that options can be copied), quotes and control lines. */
export function roffText(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq").replaceAll("`", "\\(ga").replaceAll("^", "\\(ha").replaceAll("~", "\\(ti")
    .split("\n").map((line) => (line.startsWith(".") ? `\\&${line}` : line)).join("\n");
}

function paragraphs(text: string): string[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => [".PP", roffText(paragraph.replace(/\s+/g, " ").trim())]);
}

export function manEntry(term: string, meaning: string): string[] {
  return [".TP", `\\fB${roffText(term)}\\fR`, roffText(meaning)];
}

export function manSection(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines];
}

function heading(page: string, version: string): string {
  return `.TH "${roffText(page.toUpperCase())}" 1 "" "pidbox ${roffText(version)}" "pidbox"`;
}

/** The page pidbox-VERB(1). */
export function verbManPage(verb: Verb, version: string): string {
  const page = `pidbox-${verb.name}`;
  const lines = [
    heading(page, version),
    ...manSection("NAME", [`${roffText(page)} \\- ${roffText(verb.summary)}`]),
    ...manSection("SYNOPSIS", [`\\fB${roffText(synopsis(verb))}\\fR`]),
    ...manSection("DESCRIPTION", paragraphs(verb.description)),
    ...manSection("OPERANDS", verb.operands.flatMap((operand) => manEntry(operand.name, operand.help))),
    ...manSection("OPTIONS", allOptions(verb).flatMap((option) => manEntry(optionSpelling(option), optionMeaning(option)))),
    ...manSection("EXAMPLES", verb.examples.flatMap((example) => manEntry(example.command, example.text))),
    ...manSection("EXIT STATUS", (verb.exitCodes ?? []).flatMap((exit) => manEntry(String(exit.code), exit.text))),
    ...manSection("SEE ALSO", [".BR pidbox (1)"]),
  ];
  return `${lines.join("\n")}\n`;
}

/** The page pidbox(1): all verbs and all error codes. */
export function overviewManPage(verbs: readonly Verb[], version: string): string {
  const lines = [
    heading("pidbox", version),
    ...manSection("NAME", ["pidbox \\- run programs in a PID namespace of their own and prove that they are isolated"]),
    ...manSection("SYNOPSIS", ["\\fBpidbox\\fR VERB [OPTIONS] [OPERANDS]"]),
    ...manSection("VERBS", verbs.flatMap((verb) => manEntry(verb.name, verb.summary))),
    ...manSection("ERROR CODES", Object.entries(ERROR_CODES).flatMap(([code, meaning]) => manEntry(code, meaning))),
    ...manSection("SEE ALSO", [verbs.map((verb, i) => `.BR pidbox\\-${verb.name} (1)${i === verbs.length - 1 ? "" : ","}`).join("\n")]),
  ];
  return `${lines.join("\n")}\n`;
}
