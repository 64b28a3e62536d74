/** The JSON schemas of the specification. */
import Ajv from "ajv-draft-04";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dir, "..", "fixtures", "schema");

function withoutIds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutIds);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name, inner]) => !(name === "id" && typeof inner === "string")).map(([name, inner]) =>
    [name, withoutIds(inner)]));
}

function schema(name: string): object {
  // "#definitions/uint32" without its slash is a slip in defs.json 1.3.0; nothing uses it.
  return withoutIds(JSON.parse(readFileSync(join(FOLDER, name), "utf8").replaceAll('"#definitions/', '"#/definitions/'))) as object;
}

/** What a schema of test/fixtures/schema says against `value`, one line each. */
export function schemaErrors(name: "state-schema.json" | "features-schema.json", value: unknown): string[] {
  const ajv = new Ajv({ strict: false, allErrors: true });
  for (const shared of ["defs.json", "defs-linux.json", "features-linux.json"]) ajv.addSchema(schema(shared), shared);
  const check = ajv.compile(schema(name));
  return check(value) ? [] : (check.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ""}`);
}
