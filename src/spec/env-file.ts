/** `-e`/`--env` and `--env-file`, in docker's grammar. Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";

/** The caller's environment, from which a name without a value takes its value. */
export type Environment = Readonly<Record<string, string | undefined>>;

const LIMIT = 1 << 20;

function inherited(name: string, environment: Environment): string | undefined {
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  return value === undefined ? undefined : `${name}=${value}`;
}

/** One -e value: `NAME=VALUE` as it is; `NAME` with the caller's value, or undefined if the caller has none. Throws PidboxError USAGE. */
export function parseEnvArgument(value: string, environment: Environment): string | undefined {
  const at = value.indexOf("=");
  if (value === "" || at === 0) throw new PidboxError("USAGE", `Cannot use ${quote(value, 60)} for --env: it has no name`, { context: { from: "--env" } });
  if (value.includes("\0")) throw new PidboxError("USAGE", `Cannot use ${quote(value, 60)} for --env: it has a NUL byte`, { context: { from: "--env" } });
  return at < 0 ? inherited(value, environment) : value;
}

/**
 * The variables in an env file: a line each, `NAME=VALUE` with the value kept byte for byte (quotes and trailing blanks too), or `NAME` to take the
 * caller's value. Blanks before a name, empty lines and lines that start with # are skipped; a UTF-8 byte order mark is dropped.
 * Throws PidboxError CONFIG_INVALID with the line.
 */
export function parseEnvFile(bytes: Uint8Array | string, environment: Environment): string[] {
  const fail = (line: number, why: string): PidboxError => new PidboxError("CONFIG_INVALID", `Cannot read the env file, line ${line}: ${why}`, { context: { from: "--env-file" } });
  if (bytes.length > LIMIT) throw new PidboxError("CONFIG_INVALID", `Cannot read the env file: it is longer than ${LIMIT} bytes`, { context: { from: "--env-file" } });
  let source: string;
  try {
    source = typeof bytes === "string" ? bytes.replace(/^\ufeff/, "") : new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new PidboxError("CONFIG_INVALID", "Cannot read the env file: it is not UTF-8", { context: { from: "--env-file" } });
  }
  const found: string[] = [];
  source.split("\n").forEach((raw, index) => {
    const line = raw.replace(/\r$/, "").replace(/^[ \t]+/, "");
    if (line === "" || line.startsWith("#")) return;
    const at = line.indexOf("=");
    const name = at < 0 ? line.trimEnd() : line.slice(0, at);
    if (name === "") throw fail(index + 1, "there is no name before the =");
    if (/[ \t]/.test(name)) throw fail(index + 1, `the name ${quote(name, 60)} has a blank`);
    if (line.includes("\0")) throw fail(index + 1, "there is a NUL byte");
    const variable = at < 0 ? inherited(name, environment) : line;
    if (variable !== undefined) found.push(variable);
  });
  return found;
}

/** The variables with only the last of each name, in the order in which the names first occurred, as docker merges them. */
export function mergeEnvironment(...parts: readonly (readonly string[])[]): string[] {
  const merged = new Map<string, string>();
  for (const variable of parts.flat()) merged.set(variable.split("=", 1)[0] ?? "", variable);
  return [...merged.values()];
}
