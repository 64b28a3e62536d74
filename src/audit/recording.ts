/**
 * Facts as text and back, so that they can be audited on another machine and at another time. Pure.
 *
 * The form is JSON. What JSON has no word for is an object of one key that begins with `$`: `$map` and `$set` (arrays), `$bigint` (hexadecimal), and
 * `$number` (`Infinity`). An attacker controls strings inside, and all of it in a file that somebody sent: it is checked for its version and its outline
 * here; what a check makes of nonsense further down is `unknown`.
 */
import { PidboxError } from "../base/error.ts";
import { parseCveData } from "./cve/data.ts";
import type { AuditFacts } from "./facts.ts";

/** Goes up when the facts change their form; another version is refused. */
const VERSION = 1;

function encode(_key: string, value: unknown): unknown {
  if (value instanceof Map) return { $map: [...(value as Map<unknown, unknown>)] };
  if (value instanceof Set) return { $set: [...(value as Set<unknown>)] };
  if (typeof value === "bigint") return { $bigint: value.toString(16) };
  return value === Number.POSITIVE_INFINITY ? { $number: "Infinity" } : value;
}

function decode(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { $map, $set, $bigint, $number } = value as Readonly<Record<string, unknown>>;
  if (Array.isArray($map)) return new Map($map as readonly (readonly [unknown, unknown])[]);
  if (Array.isArray($set)) return new Set($set);
  if (typeof $bigint === "string" && /^[0-9a-f]{1,32}$/.test($bigint)) return BigInt(`0x${$bigint}`);
  return $number === "Infinity" ? Number.POSITIVE_INFINITY : value;
}

export function formatRecording(facts: AuditFacts): string {
  return `${JSON.stringify({ recording: VERSION, facts }, encode, 1)}\n`;
}

function bad(cause: string): PidboxError {
  return new PidboxError("PARSE", `Cannot read the recording: ${cause}`, { hint: "`pidbox audit --record DIR` writes one." });
}

/** The facts of a recording. Throws PARSE on anything else. */
export function parseRecording(text: string): AuditFacts {
  let document: unknown;
  try {
    document = JSON.parse(text, decode);
  } catch {
    throw bad("it is no JSON, or has a map that is none");
  }
  const outline = typeof document === "object" && document !== null ? document : {};
  const { recording, facts } = outline as { readonly recording?: unknown; readonly facts?: Partial<AuditFacts> | null };
  if (recording !== VERSION) throw bad(`it is of version ${JSON.stringify(recording)?.slice(0, 20) ?? "none"}, and this pidbox reads ${VERSION}`);
  if (facts?.host === undefined || !Array.isArray(facts.containers) || typeof facts.taken !== "number") throw bad("it has no host or no containers");
  if (typeof facts.host.kernel !== "object" || typeof facts.host.engines !== "object") throw bad("it has no kernel or no engines");
  return { ...(facts as AuditFacts), cves: parseCveData(JSON.stringify(facts.cves ?? null)) };
}
