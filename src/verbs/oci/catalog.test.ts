import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadOciVerbs, OCI_CATALOG } from "./catalog.ts";
import { OCI_GLOBAL_OPTIONS } from "./global-options.ts";
import type { OciOption, OciVerb } from "./verb.ts";

const verbs = await loadOciVerbs();
const files = readdirSync(import.meta.dir).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
const sources = new Map(files.map((file) => [file, readFileSync(join(import.meta.dir, file), "utf8")]));

test("each entry of the catalog is the verb of that name", async () => {
  for (const [name, load] of Object.entries(OCI_CATALOG)) expect((await load()).name).toBe(name);
});

test("every file that declares a verb is in the catalog", () => {
  const declared = [...sources].filter(([, text]) => /^export const \w+: OciVerb = /m.test(text)).map(([file]) => file);
  expect(declared.length).toBeGreaterThan(3);
  for (const file of declared) expect(sources.get("catalog.ts")).toContain(`import("./${file}")`);
});

function checkTable(options: readonly OciOption[]): void {
  const words = options.flatMap(({ name, short }) => [name, ...(short === undefined ? [] : [short])]);
  expect(words).toEqual([...new Set(words)]);
  for (const option of options) {
    expect(option.name).toMatch(/^[a-z][a-z0-9-]*$/);
    expect(option.help).not.toBe("");
    if (option.kind === undefined) expect([option.initial, option.repeat]).toEqual([undefined, undefined]);
  }
}

test.each(verbs.map((verb): [string, OciVerb] => [verb.name, verb]))("the table of %s is consistent", (_, verb) => {
  checkTable(verb.options);
  const required = verb.operands.map((operand) => operand.required === true);
  expect(required).toEqual([...required].sort((a, b) => Number(b) - Number(a)));
});

test("the global options are consistent", () => checkTable(OCI_GLOBAL_OPTIONS));

test("no verb asks for an option that no table has", () => {
  const known = new Set(verbs.flatMap((verb) => verb.options.map((option) => option.name)));
  const asked = [...sources].flatMap(([file, text]) => [...text.matchAll(/\bargs\.(?:flag|values?)\("([^"]+)"/g)].map((match) => `${file}: ${match[1]}`));
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter((line) => !known.has(line.split(": ")[1] ?? ""))).toEqual([]);
});
