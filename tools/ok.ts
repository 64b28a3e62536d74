/** The fast check before a commit: generated files, format, types, lint, layers, dead code, unit and golden tests, fuzz smoke. Run: bun tools/ok.ts */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const BUN = process.execPath;

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** The generators that are there: each compares instead of writing with --check. */
function generators(): Step[] {
  return ["gen-abi", "gen-seccomp", "gen-plan", "gen-checks", "gen-docs"]
    .filter((name) => existsSync(join(ROOT, `tools/${name}.ts`)) && readFileSync(join(ROOT, `tools/${name}.ts`), "utf8").includes("--check"))
    .map((name) => ({ name, command: [BUN, `tools/${name}.ts`, "--check"] }));
}

const TESTS = ["src", "tools", "test/golden", "test/fuzz"].filter((folder) => existsSync(join(ROOT, folder)));
const STEPS: readonly Step[] = [
  { name: "launcher", command: [BUN, "tools/build.ts", "--launcher-only"] },
  ...generators(),
  { name: "format", command: [BUN, "tools/format.ts"] },
  { name: "types", command: ["node_modules/.bin/tsc", "-p", "."] },
  { name: "lint", command: ["node_modules/.bin/oxlint", "--type-aware", "--deny-warnings"] },
  { name: "layers", command: [BUN, "tools/layers.ts"] },
  { name: "dead code", command: ["node_modules/.bin/knip"] },
  { name: "tests", command: [BUN, "tools/test.ts", ...TESTS], environment: { PIDBOX_FUZZ: "smoke" } },
];

let failed = 0;
for (const { name, command, environment } of STEPS) {
  const start = performance.now();
  const result = Bun.spawnSync([...command], { cwd: ROOT, stdout: "pipe", stderr: "pipe", env: { ...process.env, ...environment } });
  const good = result.exitCode === 0;
  if (!good) {
    failed++;
    process.stdout.write(result.stdout);
    process.stderr.write(result.stderr);
  }
  console.log(`${good ? "ok    " : "FAILED"} ${name} (${Math.round(performance.now() - start)} ms)`);
}
console.log(failed === 0 ? "ok" : `${failed} of ${STEPS.length} checks failed`);
process.exit(failed === 0 ? 0 : 1);
