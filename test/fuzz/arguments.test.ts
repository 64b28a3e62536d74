import { expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "../../src/base/error.ts";
import { parseArguments, requestedFormat } from "../../src/cli/arguments.ts";
import { loadVerbs } from "../../src/verbs/catalog.ts";
import { allOptions } from "../../src/verbs/global-options.ts";
import type { OptionSpec, Verb } from "../../src/verbs/verb.ts";

const RUNS = process.env["PIDBOX_FUZZ"] === "smoke" ? 200 : 5000;
const verbs = await loadVerbs();
const spellings = verbs.flatMap((verb) => allOptions(verb).flatMap((o) => [`--${o.name}`, ...(o.short === undefined ? [] : [`-${o.short}`])]));

const glued = fc.tuple(fc.constantFrom(...spellings), fc.constantFrom("", "=", "=true", "=json"), fc.string({ unit: "binary", maxLength: 8 }));
const word = fc.oneof(
  fc.constantFrom("--", "-", "", "=", "--=", "-=", "---", "__proto__", "--__proto__", "--constructor=1", ...spellings),
  glued.map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const anyVerb = fc.constantFrom<Verb>(...verbs);

test("parseArguments() gives Arguments or a USAGE error for any argv", () => {
  fc.assert(
    fc.property(anyVerb, fc.array(word, { maxLength: 12 }), (verb, argv) => {
      requestedFormat(verb, argv);
      try {
        const args = parseArguments(verb, argv);
        for (const option of allOptions(verb)) {
          expect(args.values(option.name)).toBeArray();
          if (option.choices !== undefined) for (const value of args.values(option.name)) expect(["", ...option.choices]).toContain(value);
        }
        expect(args.operands.every((operand) => argv.includes(operand))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(PidboxError);
        expect((error as PidboxError).code).toBe("USAGE");
        expect((error as PidboxError).message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }
    }),
    { numRuns: RUNS },
  );
});

/** The ways to write one option with one value. */
function written(option: OptionSpec, value: string): string[][] {
  const long = [[`--${option.name}=${value}`]];
  const short = option.short === undefined ? [] : [[`-${option.short}=${value}`]];
  if (option.valueOptional === true) return [...long, ...short];
  const spaced = option.short === undefined ? [] : [[`-${option.short}`, value]];
  return [...long, [`--${option.name}`, value], ...short, ...spaced];
}

test("parseArguments() reads every spelling of every option back", () => {
  fc.assert(
    fc.property(anyVerb, fc.string({ unit: "binary", maxLength: 10 }), fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }), (verb, text, rest) => {
      const open = { name: verb.name, options: verb.options, operands: [{ name: "X", help: "", repeat: true }] };
      for (const option of allOptions(verb)) {
        if (option.value === undefined) continue;
        const value = option.choices?.[0] ?? text;
        for (const argv of written(option, value)) {
          const args = parseArguments(open, [...argv, "--", ...rest]);
          expect(args.value(option.name)).toBe(value);
          expect(args.operands).toEqual(rest);
        }
      }
    }),
    { numRuns: Math.ceil(RUNS / 20) },
  );
});
