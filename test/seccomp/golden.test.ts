/** The strict filter as text: a change of the profile or of the compiler is reviewed as a diff. Rewrite with PIDBOX_UPDATE=1. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { builtinFilter } from "../../src/plan/seccomp-compiled.ts";
import { disassemble } from "../../src/plan/seccomp-text.ts";

const GOLDEN = join(import.meta.dir, "strict.golden.txt");

test("disassemble() of the strict filter", async () => {
  const text = disassemble(builtinFilter("strict"));
  if (process.env["PIDBOX_UPDATE"] === "1") await Bun.write(GOLDEN, text);
  expect(text).toBe(await Bun.file(GOLDEN).text());
});

test("the generated filters and tables are fresh", () => {
  for (const tool of ["gen-seccomp.ts", "gen-abi.ts"]) {
    const run = Bun.spawnSync([process.execPath, join(import.meta.dir, "../../tools", tool), "--check"]);
    expect(run.stderr.toString()).toBe("");
    expect(run.exitCode).toBe(0);
  }
});
