import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CATALOG, loadVerbs, VERB_NAMES } from "./catalog.ts";
import { allOptions } from "./global-options.ts";
import type { Verb } from "./verb.ts";

const SOURCE = join(import.meta.dir, "..");
const verbs = await loadVerbs();

test("each entry of the catalog is the verb of that name", async () => {
  for (const name of VERB_NAMES) expect((await CATALOG[name]()).name).toBe(name);
});

test("every file that declares a verb is in the catalog", () => {
  const files = readdirSync(import.meta.dir).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  const declared = files.filter((file) => /^export const \w+: Verb = \{/m.test(readFileSync(join(import.meta.dir, file), "utf8")));
  const catalog = readFileSync(join(import.meta.dir, "catalog.ts"), "utf8");
  expect(declared.length).toBeGreaterThan(2);
  for (const file of declared) expect(catalog).toContain(`import("./${file}")`);
});

test.each(verbs.map((verb): [string, Verb] => [verb.name, verb]))("the table of %s is consistent", (_, verb) => {
  const options = allOptions(verb);
  const names = options.map((option) => option.name);
  const letters = options.flatMap((option) => option.short ?? []);
  expect(names).toEqual([...new Set(names)]);
  expect(letters).toEqual([...new Set(letters)]);
  for (const option of options) {
    expect(option.name).toMatch(/^[a-z][a-z0-9-]*$/);
    expect(option.short ?? "x").toMatch(/^[A-Za-z0-9]$/);
    expect(option.help).toMatch(/^[^.].*[^.]$/);
    // A switch has no choices, and only a value can be optional.
    if (option.value === undefined) expect([option.choices, option.valueOptional]).toEqual([undefined, undefined]);
  }
  expect(verb.summary).toMatch(/^[A-Z].*[^.]$/);
  expect(verb.description).not.toBe("");
  expect(verb.examples.length).toBeGreaterThan(0);
  for (const example of verb.examples) expect(example.command).toContain("pidbox");
  const required = verb.operands.map((operand) => operand.required === true);
  expect(required).toEqual([...required].sort((a, b) => Number(b) - Number(a)));
  expect(verb.operands.slice(0, -1).some((operand) => operand.repeat === true)).toBe(false);
});

test("no verb asks for an option that no table has", () => {
  const known = new Set(verbs.flatMap((verb) => allOptions(verb).map((option) => option.name)));
  const all = readdirSync(SOURCE, { recursive: true, encoding: "utf8" });
  const files = all.filter((file) => /^(verbs|engine)\/(?!oci\/).*\.ts$/.test(file) && !file.endsWith(".test.ts"));
  const asked = files.flatMap((file) =>
    [...readFileSync(join(SOURCE, file), "utf8").matchAll(/\bargs\.(?:flag|values?)\("([^"]+)"/g)].map((match) => `${file}: ${match[1]}`),
  );
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter((line) => !known.has(line.split(": ")[1] ?? ""))).toEqual([]);
});
