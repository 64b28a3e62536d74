/** `--format` of verbs that print a table: `table`, `json`, a template for each row, or `table` and a template, as docker has it. */
import { columns, printable } from "../base/text.ts";
import { compileTemplate } from "../base/template.ts";

/** A row under docker's names. */
export type Row = Readonly<Record<string, unknown>>;

/** Backslash sequences of a template that a shell has left as they are. */
function unescaped(template: string): string {
  return template.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

/** The names that a template prints, for its heading: `.Name` alone in its braces, or the last of several. */
function headingOf(template: string, headings: Readonly<Record<string, string>>): string {
  const data = Object.fromEntries(Object.entries(headings).map(([name, heading]) => [name, heading]));
  const plain = template.replace(/\{\{[^{}]*\.([A-Z]\w*)[^{}]*\}\}/g, (_, name: string) => `{{.${name}}}`);
  return compileTemplate(plain)(data);
}

/**
 * Prints rows by the template in `format`; undefined if it is `table`, `json` or not there, which are the verb's own. `headings` has every name that a row has.
 * Throws USAGE for a template that is none.
 */
export function rowPrinter(format: string | undefined, headings: Readonly<Record<string, string>>): ((rows: readonly Row[]) => string) | undefined {
  if (format === undefined || format === "table" || format === "json") return undefined;
  const table = /^table\s/.test(format);
  const template = unescaped(table ? format.slice(6) : format);
  const render = compileTemplate(template);
  if (!table) return (rows) => rows.map((row) => `${render(row)}\n`).join("");
  const heading = headingOf(template, headings);
  return (rows) => columns([heading, ...rows.map((row) => render(row))].map((line) => line.split("\t").map(printable)));
}
