/**
 * Runs cases against pidbox-oci on the host that this is started on, with programs that were compiled elsewhere: a line of JSON for each, `{ id, seen, left }`.
 * Run: bun inside.js PROGRAMS ID... (test/guest/conformance.test.ts bundles it).
 */
import { cpSync, readdirSync, rmSync } from "node:fs";
import { openPrograms } from "./bench.ts";
import { CASES } from "./catalog.ts";
import { observe } from "./observe.ts";

const [from = "", ...ids] = process.argv.slice(2);
const programs = openPrograms((directory) => {
  for (const name of readdirSync(from)) cpSync(`${from}/${name}`, `${directory}/${name}`);
});
for (const one of CASES) if (ids.includes(one.id)) console.log(JSON.stringify({ id: one.id, ...(await observe(one, "pidbox", programs)) }));
rmSync(programs, { recursive: true });
