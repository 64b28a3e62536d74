/** The algebra of --cap-add and --cap-drop. Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { CAPABILITIES, type CapabilityName } from "../kernel/abi/capabilities.ts";

const KNOWN: ReadonlyMap<string, CapabilityName> = new Map(CAPABILITIES.map((name) => [name, name]));

/** Edits (insert, delete, replace) from a to b; both are short. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function nearest(name: string): string | undefined {
  if (name.length > 40) return undefined;
  const best = CAPABILITIES.map((known) => ({ known, edits: distance(name, known) })).toSorted((a, b) => a.edits - b.edits)[0];
  return best !== undefined && best.edits <= 3 ? best.known.slice("CAP_".length) : undefined;
}

/** A capability in any case, with or without CAP_; or ALL. Throws PidboxError USAGE. */
export function parseCapability(value: string, from: string): CapabilityName | "ALL" {
  const upper = value.toUpperCase();
  if (upper === "ALL" || upper === "CAP_ALL") return "ALL";
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  const near = nearest(name);
  throw new PidboxError("USAGE", `Cannot use ${quote(value, 60)} for ${from}: there is no such capability`, {
    ...(near === undefined ? {} : { hint: `Did you mean ${near}?` }), context: { from },
  });
}

/**
 * The capabilities left of `base` after the flags, in the kernel's order. As docker has it: a capability that is added by name is there even with
 * `--cap-drop ALL`, one dropped by name is gone even with `--cap-add ALL`, and naming one in both is refused. ALL in both leaves none but the named.
 */
export function editCapabilities(base: readonly string[], add: readonly string[], drop: readonly string[]): CapabilityName[] {
  const added = new Set(add.map((value) => parseCapability(value, "--cap-add")));
  const dropped = new Set(drop.map((value) => parseCapability(value, "--cap-drop")));
  const both = [...added].find((name) => name !== "ALL" && dropped.has(name));
  if (both !== undefined) throw new PidboxError("USAGE", `Cannot both add and drop the capability ${both}`, { context: { from: "--cap-drop" } });
  const start = new Set(dropped.has("ALL") ? [] : added.has("ALL") ? CAPABILITIES : base);
  return CAPABILITIES.filter((name) => (start.has(name) || added.has(name)) && !dropped.has(name));
}
