/** Whether text may be coloured. Pure; colour repeats what a word or sign says already and never carries meaning alone. */

/**
 * The answer for one stream. `choice` is `--color`; `auto` follows FORCE_COLOR (but not "0" or "false"), then NO_COLOR (any value but ""),
 * then TERM=dumb, then whether the stream is a terminal (no-color.org, force-color.org).
 */
export function colorAllowed(choice: string | undefined, environment: Readonly<Record<string, string | undefined>>, terminal: boolean): boolean {
  if (choice === "always") return true;
  if (choice === "never") return false;
  const forced = environment["FORCE_COLOR"];
  if (forced !== undefined && forced !== "") return forced !== "0" && forced !== "false";
  if ((environment["NO_COLOR"] ?? "") !== "") return false;
  if (environment["TERM"] === "dumb") return false;
  return terminal;
}
