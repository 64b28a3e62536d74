/**
 * The cases of the runtime specification that are about the host, on one with systemd, cgroup v2 alone, AppArmor and Debian's kernel: control groups,
 * privileges, callers without any. They run in one guest of their own; the first test waits for them all.
 */
import { afterAll, describe, expect } from "bun:test";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPrograms, BUILT } from "../conformance/bench.ts";
import type { Case, Observation } from "../conformance/case.ts";
import { CGROUP_CASES } from "../conformance/cgroups.ts";
import { wanted } from "../conformance/differences.ts";
import type { Observed } from "../conformance/observe.ts";
import { PROCESS_LINUX } from "../conformance/process-linux.ts";
import { ROOTLESS_CASES } from "../conformance/rootless.ts";
import { needs } from "../parts.ts";
import { runInGuest } from "./guest.ts";

/** The image may have to be built first. */
const LIMIT = 1_500_000;
/** A guest that says nothing for long is taken for one that hangs. */
const AT_ONCE = 10;
const CHAPTERS: Readonly<Record<string, readonly Case[]>> = { "control groups": CGROUP_CASES, "process on Linux": PROCESS_LINUX, "without privileges": ROOTLESS_CASES };
const folder = mkdtempSync(join(tmpdir(), "pidbox-guest-conformance-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Everything that goes along, as /srv has it. */
async function pack(): Promise<Record<string, string>> {
  for (const path of ["programs", "conformance/run", "conformance/fixtures", "dist", "rootfs"]) mkdirSync(join(folder, path), { recursive: true });
  buildPrograms(join(folder, "programs"));
  const { success } = await Bun.build({ entrypoints: [join(import.meta.dir, "../conformance/inside.ts")], target: "bun", outdir: join(folder, "conformance/run") });
  if (!success) throw new Error("inside.ts could not be bundled");
  cpSync(join(import.meta.dir, "../fixtures/schema"), join(folder, "conformance/fixtures/schema"), { recursive: true });
  copyFileSync(BUILT, join(folder, "dist/pidbox-oci"));
  const own = Object.fromEntries(["programs", "conformance", "dist", "rootfs"].map((name) => [name, join(folder, name)]));
  return { ...own, "bin/bun": process.execPath };
}

async function start(): Promise<Map<string, Observed>> {
  const ids = Object.values(CHAPTERS).flat().map(({ id }) => id);
  const parts = Array.from({ length: Math.ceil(ids.length / AT_ONCE) }, (_, i) => ids.slice(i * AT_ONCE, (i + 1) * AT_ONCE));
  const commands = Object.fromEntries(parts.map((part) => [part[0] ?? "", `bun /srv/conformance/run/inside.js /srv/programs ${part.join(" ")}`]));
  const found = new Map<string, Observed>();
  for (const { code, out, err } of (await runInGuest(commands, await pack())).values()) {
    if (code !== 0) console.error(err);
    for (const line of out.split("\n").filter((text) => text.startsWith("{"))) {
      const { id, ...observed } = JSON.parse(line) as Observed & { readonly id: string };
      found.set(id, observed);
    }
  }
  return found;
}

let started: Promise<Map<string, Observed>> | undefined;

/** As JSON has it: nothing that was seen is undefined there. */
const plain = (value: Observation): Observation => JSON.parse(JSON.stringify(value ?? null));

for (const [title, cases] of Object.entries(CHAPTERS)) {
  describe(title, () => {
    for (const one of cases) {
      needs("root", "guest")(`${one.id}: ${one.clause} ${one.level}: ${one.sentence}`, async () => {
        started ??= start();
        const observed = (await started).get(one.id);
        expect(observed?.left).toEqual([]);
        expect(plain(observed?.seen)).toEqual(plain(wanted(one, "pidbox", observed?.seen)));
      }, LIMIT);
    }
  });
}
