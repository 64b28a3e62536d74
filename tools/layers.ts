/** The import rules of the house as data, and the check that src/ keeps them. Run: bun tools/layers.ts */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Folders of src/ and what each may import besides itself. A longer folder name goes before a shorter one. Type-only imports count. */
const PURE: Readonly<Record<string, readonly string[]>> = {
  base: [],
  "kernel/abi": ["base"],
  spec: ["base", "kernel/abi"],
  report: ["base", "kernel/abi"],
  plan: ["base", "kernel/abi", "spec"],
};
const PURE_FOLDERS = Object.keys(PURE);
const KERNEL = [...PURE_FOLDERS, "kernel"];
const ENGINE = [...KERNEL, "image", "engine"];
const FEATURES = ["audit", "probe", "scan", "watch", "harden"];
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  ...PURE,
  kernel: PURE_FOLDERS,
  image: KERNEL,
  engine: [...KERNEL, "image"],
  ...Object.fromEntries(FEATURES.map((feature) => [feature, ENGINE])),
  verbs: [...ENGINE, ...FEATURES],
  cli: [...ENGINE, ...FEATURES, "verbs"],
  web: [...ENGINE, ...FEATURES, "verbs"],
};

/** Files outside of src/ that src/ may import. */
const OUTSIDE: readonly string[] = ["package.json", "build/launcher-image.ts"];

interface Choke {
  readonly what: string;
  readonly pattern: RegExp;
  /** Files or folders below src/ that may. */
  readonly allowed: readonly string[];
  /** Only in these folders is it forbidden; everywhere if absent. */
  readonly within?: readonly string[];
}

/** What only a few files may do. */
const CHOKES: readonly Choke[] = [
  { what: "imports bun:ffi", pattern: /["']bun:ffi["']/, allowed: ["kernel/ffi.ts"] },
  { what: "imports bun:sqlite", pattern: /["']bun:sqlite["']/, allowed: ["engine/store.ts"] },
  { what: "imports node:fs, which costs 0.8 ms at start", pattern: /["'](node:)?fs(\/promises)?["']/, allowed: [] },
  { what: "reads argv or the environment", pattern: /(?<![.\w])process\.(env|argv)\b|\bBun\.(env|argv)\b|\bimport\.meta\.env\b/, allowed: ["cli"] },
  { what: "exits", pattern: /(?<![.\w])process\.(exit|exitCode|abort|reallyExit)\b/, allowed: ["cli"] },
  {
    what: "prints",
    pattern: /\bconsole\.(log|error|warn|info|debug|table|write|trace|dir)\b|(?<![.\w])process\.(stdout|stderr)\b|\bBun\.(stdout|stderr)\b/,
    allowed: ["cli"],
  },
  {
    what: "reads a clock or random numbers",
    pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.|\bMath\.random\b|\bcrypto\.|\bBun\.nanoseconds\b/,
    allowed: [],
    within: PURE_FOLDERS,
  },
  { what: "does I/O", pattern: /\bBun\.(file|write|spawn|spawnSync|serve|connect)\b|\bfetch\(/, allowed: [], within: PURE_FOLDERS },
];

/** Fewer files than this below src/ mean that the check looked in the wrong place. */
const FEWEST = 15;

interface Import {
  readonly specifier: string;
  /** `import("x")` runs later and cannot make a cycle at load time. */
  readonly dynamic: boolean;
}

/** `source` without comments; line numbers stay. Strings are kept, and nothing inside them is taken for a comment. */
function withoutComments(source: string): string {
  const token = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(token, (text) => (text.startsWith("/") ? text.replace(/[^\n]/g, " ") : text));
}

/** Every import and re-export of `source`, type-only ones too, which Bun.Transpiler.scanImports drops. */
export function importsOf(source: string): Import[] {
  const code = withoutComments(source);
  const found: Import[] = [];
  for (const match of code.matchAll(/^\s*(?:import|export)\s(?:[^;"']*?\sfrom\s)?\s*["']([^"'\n]+)["']/gm)) {
    if (match[1] !== undefined) found.push({ specifier: match[1], dynamic: false });
  }
  for (const match of code.matchAll(/\bimport\s*\(\s*["']([^"'\n]+)["']/g)) {
    if (match[1] !== undefined) found.push({ specifier: match[1], dynamic: true });
  }
  return found;
}

function folderOf(file: string): string | undefined {
  return Object.keys(LAYERS).sort((a, b) => b.length - a.length).find((folder) => file.startsWith(`${folder}/`));
}

function isAllowed(file: string, allowed: readonly string[]): boolean {
  return allowed.some((place) => file === place || file.startsWith(`${place}/`));
}

function checkImport(file: string, folder: string, specifier: string, files: ReadonlyMap<string, string>): string[] {
  if (!specifier.startsWith(".")) {
    const builtin = specifier.startsWith("node:") || specifier.startsWith("bun:") || specifier === "bun";
    return folder in PURE && builtin ? [`${file}: ${folder} is pure but imports ${specifier}`] : [];
  }
  const target = normalize(join("src", dirname(file), specifier));
  if (!target.startsWith("src/")) return OUTSIDE.includes(target) ? [] : [`${file}: imports ${target}, which is outside of src`];
  const inner = target.slice("src/".length);
  if (!files.has(inner)) return [`${file}: imports ${specifier}, which is not a file (write the extension)`];
  const layer = folderOf(inner);
  if (layer === undefined || layer === folder || LAYERS[folder]?.includes(layer) === true) return [];
  return [`${file}: ${folder} may not import ${layer} (${specifier})`];
}

/** A cycle through static imports below src/, as a path, or undefined. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): string[] | undefined => {
    const start = path.indexOf(file);
    if (start >= 0) return [...path.slice(start), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const cycle = walk(next, [...path, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = walk(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** What is wrong with `files` (path below src/ -> text), one line each. Tests may import what they like. */
export function checkLayers(files: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  if (files.size < FEWEST) problems.push(`only ${files.size} files below src: the check looked in the wrong place`);
  const graph = new Map<string, string[]>();
  for (const [file, text] of files) {
    if (/\.test\.tsx?$/.test(file)) continue;
    const folder = folderOf(file);
    if (folder === undefined) {
      problems.push(`${file}: its folder is in no layer`);
      continue;
    }
    const code = withoutComments(text);
    for (const { what, pattern, allowed, within } of CHOKES) {
      if ((within === undefined || within.includes(folder)) && pattern.test(code) && !isAllowed(file, allowed)) problems.push(`${file}: ${what}`);
    }
    const imports = importsOf(text);
    for (const { specifier } of imports) problems.push(...checkImport(file, folder, specifier, files));
    const local = imports.filter(({ specifier, dynamic }) => specifier.startsWith(".") && !dynamic);
    graph.set(file, local.map(({ specifier }) => normalize(join(dirname(file), specifier))));
  }
  const cycle = findCycle(graph);
  if (cycle !== undefined) problems.push(`cycle: ${cycle.join(" -> ")}`);
  return problems;
}

/** The TypeScript files below `root`, as checkLayers wants them. */
export function sourceFiles(root: string): Map<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name)).sort();
  return new Map(names.map((name) => [name, readFileSync(join(root, name), "utf8")]));
}

if (import.meta.main) {
  const files = sourceFiles(join(import.meta.dir, "../src"));
  const problems = checkLayers(files);
  for (const problem of problems) console.error(`layers: ${problem}`);
  console.log(`layers: ${files.size} files, ${problems.length} problems`);
  process.exit(problems.length === 0 ? 0 : 1);
}
