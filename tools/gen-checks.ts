/** Writes src/audit/catalog.ts from the files in src/audit/checks. Run: bun tools/gen-checks.ts [--check] */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const CATALOG = join(ROOT, "src/audit/catalog.ts");

const camel = (name: string): string => name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** The catalog's text for files named `names`, whose checks have the ids in `ids`. */
export function catalogText(checks: readonly { readonly name: string; readonly id: string }[]): string {
  const sorted = checks.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const imports = checks.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ name }) => `import { check as ${camel(name)} } from "./checks/${name}.ts";`);
  const lines: string[] = [];
  let line = " ";
  for (const { name } of sorted) {
    const word = ` ${camel(name)},`;
    if (line.length + word.length > 160) {
      lines.push(line);
      line = " ";
    }
    line += word;
  }
  lines.push(line);
  return [
    "/** Every check, in the order of ids. Generated from the files in checks/ by tools/gen-checks.ts: do not edit. */",
    'import type { Check } from "./check.ts";', ...imports, "", "export const CHECKS: readonly Check[] = [", ...lines, "];", "",
  ].join("\n");
}

async function main(check: boolean): Promise<number> {
  const names = readdirSync(join(ROOT, "src/audit/checks")).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts")).map((file) => file.slice(0, -3));
  const checks = await Promise.all(names.map(async (name) => {
    const module = (await import(join(ROOT, `src/audit/checks/${name}.ts`))) as { check: { id: string; name: string } };
    if (module.check.name !== name) throw new Error(`src/audit/checks/${name}.ts: its check is named ${module.check.name}`);
    return { name, id: module.check.id };
  }));
  const twice = checks.find(({ id }, i) => checks.findIndex((other) => other.id === id) !== i);
  if (twice !== undefined) throw new Error(`two checks have the id ${twice.id}`);
  const text = catalogText(checks);
  if (!check) {
    writeFileSync(CATALOG, text);
    return 0;
  }
  if (readFileSync(CATALOG, "utf8") === text) return 0;
  console.error("src/audit/catalog.ts is not what src/audit/checks gives: run bun tools/gen-checks.ts");
  return 1;
}

if (import.meta.main) process.exit(await main(process.argv.includes("--check")));
