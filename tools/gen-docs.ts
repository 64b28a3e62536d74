/**
 * Writes docs/verbs, docs/errors, docs/oci.md and man from the tables in src/, docs/conformance.md and docs/engines.md from those in test/.
 * Run: bun tools/gen-docs.ts [--check], which compares and writes nothing.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { version } from "../package.json";
import { ERROR_CODES } from "../src/base/error.ts";
import { loadVerbs } from "../src/verbs/catalog.ts";
import { loadOciVerbs } from "../src/verbs/oci/catalog.ts";
import { ociManPage } from "../src/verbs/reference/oci-man-page.ts";
import { ociPage } from "../src/verbs/reference/oci-markdown-page.ts";
import { overviewManPage, verbManPage } from "../src/verbs/reference/man-page.ts";
import { verbIndex, verbPage } from "../src/verbs/reference/markdown-page.ts";
import { conformancePage } from "../test/conformance/page.ts";
import { enginesPage } from "./engine-docs.ts";

const ROOT = join(import.meta.dir, "..");
/** Folders in which every file is generated. */
const FOLDERS = ["docs/verbs", "docs/errors", "man"];

function errorPage(code: string, meaning: string): string {
  return `# ${code}\n\n${meaning}\n\nThe code stands in brackets at the end of the message, and as \`error.code\` with \`--format json\`. The hint below the message says what to do next.\n`;
}

function errorIndex(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, meaning]) => `| [${code}](${code}.md) | ${meaning} |`);
  return ["# Error codes", "", "| code | meaning |", "| --- | --- |", ...rows, ""].join("\n");
}

/** Every generated file: path below the project -> text. */
export async function generatedDocs(): Promise<Map<string, string>> {
  const verbs = await loadVerbs();
  const ociVerbs = await loadOciVerbs();
  return new Map<string, string>([
    ["docs/verbs/README.md", verbIndex(verbs)],
    ...verbs.map((verb): [string, string] => [`docs/verbs/${verb.name}.md`, verbPage(verb)]),
    ["docs/conformance.md", conformancePage()],
    ["docs/engines.md", enginesPage()],
    ["docs/errors/README.md", errorIndex()],
    ...Object.entries(ERROR_CODES).map(([code, meaning]): [string, string] => [`docs/errors/${code}.md`, errorPage(code, meaning)]),
    ["docs/oci.md", ociPage(ociVerbs)],
    ["man/pidbox-oci.8", ociManPage(ociVerbs, version)],
    ["man/pidbox.1", overviewManPage(verbs, version)],
    ...verbs.map((verb): [string, string] => [`man/pidbox-${verb.name}.1`, verbManPage(verb, version)]),
  ]);
}

/** The files that stand in a generated folder and are not generated any more. */
function orphans(docs: ReadonlyMap<string, string>): string[] {
  const present = FOLDERS.filter((folder) => existsSync(join(ROOT, folder)));
  return present.flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`)).filter((file) => !docs.has(file));
}

if (import.meta.main) {
  const docs = await generatedDocs();
  const stale = [...docs].filter(([file, text]) => !existsSync(join(ROOT, file)) || readFileSync(join(ROOT, file), "utf8") !== text);
  const extra = orphans(docs);
  if (process.argv.includes("--check")) {
    for (const [file] of stale) console.error(`gen-docs: ${file} is stale: run bun tools/gen-docs.ts`);
    for (const file of extra) console.error(`gen-docs: ${file} is not generated any more`);
    process.exit(stale.length + extra.length === 0 ? 0 : 1);
  }
  for (const [file, text] of stale) {
    mkdirSync(dirname(join(ROOT, file)), { recursive: true });
    writeFileSync(join(ROOT, file), text);
  }
  for (const file of extra) rmSync(join(ROOT, file));
  console.log(`gen-docs: ${docs.size} files, ${stale.length} written, ${extra.length} removed`);
}
