import { expect, test } from "bun:test";
import { dirname, join, relative } from "node:path";

const SOURCE = join(import.meta.dir, "../..");

/** What `file` loads before it runs: its imports, theirs, and so on, without those of types. */
async function loaded(file: string, seen = new Set<string>()): Promise<Set<string>> {
  if (seen.has(file) || !file.endsWith(".ts")) return seen;
  seen.add(file);
  const found = new Bun.Transpiler({ loader: "ts" }).scanImports(await Bun.file(file).text());
  for (const { path, kind } of found) if (kind === "import-statement" && path.startsWith(".")) await loaded(join(dirname(file), path), seen);
  return seen;
}

test("exec loads no validator: engines run it every few seconds for health checks, with flags alone", async () => {
  const files = [...(await loaded(join(import.meta.dir, "exec.ts")))].map((file) => relative(SOURCE, file));
  expect(files).toContain("plan/joining.ts");
  expect(files.filter((file) => file.startsWith("spec/validate"))).toEqual([]);
});
