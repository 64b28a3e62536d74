/** JSON text to a value, with bounds and with whole numbers kept exactly. Pure. */
import { PidboxError } from "../base/error.ts";
import { printable } from "../base/text.ts";

/** Bytes of a config at most; what Docker writes is about 20 KB. */
export const JSON_LIMIT = 16 << 20;
const DEPTH_LIMIT = 256;
/** Below this size depth is harmless: the parser does not recurse, and neither does the decoder. */
const SMALL = 64 << 10;

function tooDeep(source: string): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < source.length; i += 1) {
    const c = source.charCodeAt(i);
    if (inText) {
      if (c === 0x5c) i += 1;
      else if (c === 0x22) inText = false;
    } else if (c === 0x22) inText = true;
    else if (c === 0x5b || c === 0x7b) {
      depth += 1;
      if (depth > DEPTH_LIMIT) return true;
    } else if (c === 0x5d || c === 0x7d) depth -= 1;
  }
  return false;
}

/** The reviver's third argument (ECMAScript JSON.parse source text access). */
interface Source {
  readonly source?: string;
}

function exact(this: unknown, _key: string, value: unknown, context?: Source): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && /^-?\d{1,40}$/.test(source) ? BigInt(source) : value;
}

/**
 * The value of a JSON text. Whole numbers beyond 2^53 become bigint, everything else is as JSON.parse gives it.
 * Throws PidboxError CONFIG_INVALID for more than 16 MiB, invalid UTF-8, bad syntax or more than 256 levels.
 */
export function parseJson(input: Uint8Array | string, what = "config"): unknown {
  const fail = (why: string): PidboxError => new PidboxError("CONFIG_INVALID", `Cannot parse the ${what}: ${why}`);
  if (input.length > JSON_LIMIT) throw fail(`it is longer than ${JSON_LIMIT} bytes`);
  let source: string;
  try {
    source = typeof input === "string" ? input : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(input);
  } catch {
    throw fail("it is not UTF-8");
  }
  const large = /\d{16}/.test(source);
  if ((large || source.length > SMALL) && tooDeep(source)) throw fail(`it is nested more than ${DEPTH_LIMIT} levels deep`);
  try {
    return large ? JSON.parse(source, exact) : JSON.parse(source);
  } catch (error) {
    throw fail(error instanceof SyntaxError ? printable(error.message).slice(0, 200) : "it is not JSON");
  }
}

/** ECMAScript JSON.parse source text access, in JavaScriptCore since 2025 but not in TypeScript's library yet. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

/** The JSON text of a value that may hold bigints (`Integer64`), which come out as plain numbers; the inverse of `parseJson`. */
export function formatJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, v: unknown) => (typeof v === "bigint" ? rawJSON(String(v)) : v), indent);
}
