/** The JSON schemas of the specification as oracle: what they refuse, validateConfig refuses, but for the differences that are named here. */
import { describe, expect, test } from "bun:test";
import type { ErrorObject } from "ajv-draft-04";
import fc from "fast-check";
import { readdirSync, readFileSync } from "node:fs";
import { validateConfig } from "../../src/spec/validate.ts";
import { compileSchema, readSchema } from "../conformance/schema.ts";
import { randomPointer, replaceAt } from "./spec-mutation.ts";

const FIXTURES = new URL("../fixtures/config/", import.meta.url).pathname;
const CONFIGS = readdirSync(FIXTURES).filter((n) => n.endsWith(".json")).map((n) => readFileSync(FIXTURES + n, "utf8"));

// The schema takes rounded numbers; parseConfig has them exactly, JSON.parse alone has not.
const LARGE = /\b\d{17,}\b/g;

const main = readSchema("config-schema.json") as { properties: Record<string, unknown> };
for (const other of ["solaris", "windows", "vm", "zos", "freebsd"]) delete main.properties[other];
const oracle = compileSchema(main);

/** Where we are wider than the schema on purpose, with the reason. */
function tolerated(error: ErrorObject): boolean {
  if (error.data === null || error.data === "") return true; // Go writes null and "" for absent
  // The same, one level up.
  if (error.keyword === "anyOf" && Object.values(error.data as object).some((member) => member === null || member === "")) return true;
  if (error.instancePath.endsWith("/fileMode")) return true; // engines leave the file type in; checked apart
  if (error.keyword === "required" && error.instancePath === "/linux/resources/pids") return true; // config-linux.md makes limit optional
  if (error.instancePath === "/linux/rootfsPropagation") return true; // rprivate and the like, as runc and docker write them
  return /^\/(?:solaris|windows|vm|zos|freebsd)\b/.test(error.instancePath);
}

const refused = (config: unknown): boolean => validateConfig(config).some((v) => v.level === "MUST");

describe("the JSON schema of config.json", () => {
  test("accepts the configs of real engines, as we do", () => {
    for (const text of CONFIGS) {
      const config: unknown = JSON.parse(text.replaceAll(LARGE, "9007199254740991"));
      oracle(config);
      expect((oracle.errors ?? []).filter((e) => !tolerated(e))).toEqual([]);
      expect(refused(config)).toBe(false);
    }
  });

  test("refuses nothing that we accept", () => {
    const value = fc.oneof(fc.constantFrom<unknown>(undefined, -1, 0.5, 2 ** 32, "x", true, [], {}, [1], ["x"], { a: 1 }, [{}]), fc.jsonValue({ maxDepth: 2 }));
    let both = 0;
    fc.assert(fc.property(fc.constantFrom(...CONFIGS), fc.infiniteStream(fc.nat()), value, (text, random, next) => {
      const config: unknown = JSON.parse(text.replaceAll(LARGE, "9007199254740991"));
      replaceAt(config, randomPointer(config, random), next);
      if (oracle(config)) return;
      const errors = (oracle.errors ?? []).filter((e) => !tolerated(e));
      if (errors.length === 0) return;
      both += 1;
      expect(refused(config) ? [] : errors.map((e) => `${e.instancePath} ${e.message}`)).toEqual([]);
    }), { numRuns: 3000 });
    expect(both).toBeGreaterThan(100);
  });
});
