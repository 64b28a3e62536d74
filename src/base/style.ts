/** Terminal styles. Pure; the caller says whether colour is allowed (Context.color), and a word or sign says the same without it. */

// SGR codes of ECMA-48; each pair is what switches the style on and off again.
const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39], cyan: [36, 39] } as const;

export type Style = keyof typeof STYLES;

/** `text` in `style` if `on`, else unchanged. `text` must be printable already. */
export function paint(style: Style, text: string, on: boolean): string {
  const [start, end] = STYLES[style];
  return on ? `\u001b[${start}m${text}\u001b[${end}m` : text;
}
