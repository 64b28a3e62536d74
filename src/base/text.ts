/** Text for people: quoting of untrusted strings and plain column layout. Pure. */

// C0, DEL, C1, and the Unicode characters that reorder or hide text (bidi controls, zero width, line separators, BOM).
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function escapeCharacter(c: string): string {
  if (c === "\n") return "\\n";
  if (c === "\t") return "\\t";
  if (c === "\r") return "\\r";
  const n = c.charCodeAt(0);
  return n < 256 ? `\\x${n.toString(16).padStart(2, "0")}` : `\\u${n.toString(16).padStart(4, "0")}`;
}

/** `text` with every control or direction-changing character made visible as an escape; safe to print to a terminal. */
export function printable(text: string): string {
  return text.replace(UNSAFE, escapeCharacter);
}

// JSON.stringify escapes C0 only; these reach a terminal as C1 controls, reorder or hide text. Inside JSON they occur in strings alone.
const UNSAFE_IN_JSON = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** `value` as JSON that is safe to print to a terminal: every control or direction-changing character is a \u escape. */
export function safeJson(value: unknown, indent?: number): string {
  const json = JSON.stringify(value, null, indent) as string | undefined;
  return (json ?? "null").replace(UNSAFE_IN_JSON, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** `text` printable, cut to `limit` characters and put in double quotes, for use inside a message. */
export function quote(text: string, limit = 200): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}...` : text;
  return `"${printable(cut)}"`;
}

/**
 * Rows as columns separated by two spaces, the last column unpadded. Cells must be printable already.
 * Columns named in `right` (by index) are aligned to the right.
 */
export function columns(rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, Bun.stringWidth(cell))));
  const lines = rows.map((row) =>
    row
      .map((cell, i) => {
        const gap = " ".repeat(Math.max(0, (widths[i] ?? 0) - Bun.stringWidth(cell)));
        if (right.has(i)) return gap + cell;
        return i === row.length - 1 ? cell : cell + gap;
      })
      .join("  ")
      .trimEnd(),
  );
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** Whether `text` is a number in decimal digits, `most` of them at most. By hand, because a process's first regular expression costs 0.1 ms. */
export function isDecimal(text: string | undefined, most: number): text is string {
  if (text === undefined || text.length === 0 || text.length > most) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

/** A byte count in the largest binary unit that keeps it exact to one decimal, as `512M` or `1.5G`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < 5) {
    value /= 1024;
    unit += 1;
  }
  const digits = Number.isInteger(value) ? value.toString() : value.toFixed(1);
  return `${digits}${["", "K", "M", "G", "T", "P"][unit] ?? ""}`;
}
