/** The mechanical part of the house style: what a formatter would refuse without deciding where lines break. Run: bun tools/format.ts */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const FOLDERS = ["src", "test", "tools", "bench", "launcher", "docs", "man", ".ci"];
const TEXT = /\.(ts|tsx|c|h|ld|md|json|yml|sh|1)$/;
/** Captured inputs and generated tables are kept as they are. */
const EXEMPT = /(^|\/)(fixtures|golden|corpus|node_modules)\//;
const LONGEST = 160;
/** A string counts with at most this many columns, whatever its length: messages and tables of messages are not broken into pieces. */
const LONGEST_STRING = 12;

function columnsOf(line: string): number {
  return line.replace(/"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`/g, (text) => text.slice(0, LONGEST_STRING)).length;
}

/** What is wrong with the text of `file`, one line each. */
export function checkFormat(file: string, text: string): string[] {
  const problems: string[] = [];
  const script = /\.tsx?$/.test(file);
  const generated = /[Gg]enerated by|do not edit/.test(text.slice(0, 400));
  if (text !== "" && !text.endsWith("\n")) problems.push(`${file}: no newline at the end`);
  if (text.endsWith("\n\n")) problems.push(`${file}: empty lines at the end`);
  if (text.includes("\r")) problems.push(`${file}: carriage return`);
  text.split("\n").forEach((line, i) => {
    const at = `${file}:${i + 1}`;
    if (/[ \t]$/.test(line)) problems.push(`${at}: space at the end of the line`);
    if (script && line.includes("\t")) problems.push(`${at}: tab`);
    if (script && !generated && /^ *\S/.test(line) && (/^ */.exec(line)?.[0].length ?? 0) % 2 === 1 && !/^ +\*/.test(line)) {
      problems.push(`${at}: indented by an odd number of spaces`);
    }
    if (script && !generated && columnsOf(line) > LONGEST) {
      problems.push(`${at}: ${line.length} columns; the limit is ${LONGEST} without long strings`);
    }
  });
  return problems;
}

function listFiles(): string[] {
  const below = FOLDERS.flatMap((folder) => {
    try {
      return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  });
  const top = readdirSync(ROOT, { encoding: "utf8" }).filter((name) => name !== "package-lock.json");
  return [...top, ...below].filter((name) => TEXT.test(name) && !EXEMPT.test(name)).sort();
}

if (import.meta.main) {
  const files = listFiles();
  const problems = files.flatMap((file) => checkFormat(file, readFileSync(join(ROOT, file), "utf8")));
  for (const problem of problems) console.error(`format: ${problem}`);
  console.log(`format: ${files.length} files, ${problems.length} problems`);
  process.exit(problems.length === 0 && files.length > 0 ? 0 : 1);
}
