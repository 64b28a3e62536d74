/** Text for XML and HTML. Pure. */
import { printable } from "../base/text.ts";

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** `text` as content or attribute value. Characters that XML 1.0 has no place for become visible escapes, newlines stay. */
export function xmlText(text: string): string {
  const lines = text.split("\n").map(printable);
  return lines.join("\n").replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c).replace(/[\ud800-\udfff\ufffe\uffff]/gu, "\ufffd");
}
