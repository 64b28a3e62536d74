/** Outcomes and errors as text or JSON. Pure: who prints them is main.ts. */
import { PidboxError } from "../base/error.ts";
import { paint } from "../base/style.ts";
import { printable, safeJson } from "../base/text.ts";
import type { Outcome } from "../verbs/verb.ts";

/** What a verb's outcome prints on stdout: with `json` a list is one object a line (as docker prints lists), anything else one indented document. */
export function renderOutcome(outcome: Outcome, format: string | undefined): string {
  if (format !== "json" && outcome.text !== undefined) return outcome.text();
  if (outcome.data === undefined) return "";
  if (Array.isArray(outcome.data)) return outcome.data.map((item) => `${safeJson(item)}\n`).join("");
  return `${safeJson(outcome.data, 2)}\n`;
}

/** `error` as PidboxError: anything that is not ours is a defect, with the place that it came from in the hint. */
export function asPidboxError(error: unknown): PidboxError {
  if (error instanceof PidboxError) return error;
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const stack = error instanceof Error ? (error.stack ?? "").split("\n").slice(1, 6).map((line) => line.trim()).join(" ") : "";
  const hint = `this is a defect of pidbox: report it with this line and the output of pidbox version${stack === "" ? "" : `; ${stack}`}`;
  return new PidboxError("DEFECT", `internal error: ${message}`, { hint, cause: error });
}

/** What an error prints on stderr: one line with the message and its code, one with the hint; or one JSON object. */
export function renderError(error: PidboxError, format: string | undefined, color: boolean): string {
  if (format === "json") {
    return `${safeJson({ error: { code: error.code, message: error.message, hint: error.hint, context: error.context } })}\n`;
  }
  const lines = [`${paint("red", "pidbox:", color)} ${printable(error.message)} ${paint("dim", `[${error.code}]`, color)}`];
  if (error.hint !== undefined) lines.push(`  hint: ${printable(error.hint)}`);
  return `${lines.join("\n")}\n`;
}
