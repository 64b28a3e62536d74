/** The JSON schemas of the runtime specification (test/fixtures/schema), as oracles. */
import Ajv, { type ValidateFunction } from "ajv-draft-04";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dir, "..", "fixtures", "schema");
/** Those that others refer to. */
const SHARED = ["defs.json", "defs-linux.json", "config-linux.json", "features-linux.json"];

function withoutIds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutIds);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name, inner]) => !(name === "id" && typeof inner === "string")).map(([name, inner]) =>
    [name, withoutIds(inner)]));
}

/** A schema by the name of its file. References are by these names, not by the ids that the files give themselves. */
export function readSchema(name: string): Record<string, unknown> {
  // "#definitions/uint32" without its slash is a slip in defs.json 1.3.0; nothing uses it.
  return withoutIds(JSON.parse(readFileSync(join(FOLDER, name), "utf8").replaceAll('"#definitions/', '"#/definitions/'))) as Record<string, unknown>;
}

/** A check by a schema; its errors hold the data that they are about. */
export function compileSchema(schema: Record<string, unknown>): ValidateFunction {
  const ajv = new Ajv({ strict: false, allErrors: true, verbose: true, logger: false });
  for (const name of SHARED) ajv.addSchema(readSchema(name), name);
  return ajv.compile(schema);
}

/** What a schema says against `value`, one line each. */
export function schemaErrors(name: "config-schema.json" | "state-schema.json" | "features-schema.json", value: unknown): string[] {
  const check = compileSchema(readSchema(name));
  return check(value) ? [] : (check.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ""}`);
}
