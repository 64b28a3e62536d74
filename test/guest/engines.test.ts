/**
 * The scenarios of test/engines on a modern host: systemd makes the cgroups, of version 2 alone, AppArmor is on, and a user has a manager of its own. They run
 * in one guest; the first test waits for them all.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { USER } from "../engines/podman.ts";
import { SETS } from "../engines/sets.ts";
import { needs } from "../parts.ts";
import { runInGuest } from "./guest.ts";
import type { Ended } from "./guest.ts";

const TESTS = join(import.meta.dir, "..");
/** The image may have to be built first. */
const LIMIT = 2_400_000;
const folder = mkdtempSync(join(tmpdir(), "pidbox-guest-engines-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Seen {
  readonly passed: boolean;
  /** What was said before the test's end. */
  readonly words: string;
}

/** Tests by name, of what `bun test` writes: words, then a line `(pass) NAME [needs PARTS] [TIME]`. */
export function parseTests(text: string): Map<string, Seen> {
  const found = new Map<string, Seen>();
  let words: string[] = [];
  for (const line of text.split("\n")) {
    const [, result, name] = /^\((pass|fail|skip)\) (.*?)(?: \[needs [^\]]*\])?(?: \[[\d.]+m?s\])?$/.exec(line) ?? [];
    if (name === undefined) words.push(line);
    else {
      found.set(name, { passed: result === "pass", words: words.join("\n").trim() });
      words = [];
    }
  }
  return found;
}

/** The project, as far as the scenarios need it. */
function pack(): Record<string, string> {
  const project = join(folder, "project");
  mkdirSync(join(project, "test"), { recursive: true });
  mkdirSync(join(project, "dist"));
  cpSync(join(TESTS, "engines"), join(project, "test/engines"), { recursive: true });
  cpSync(join(TESTS, "../src"), join(project, "src"), { recursive: true });
  for (const name of ["busybox.ts", "parts.ts", "leftovers.ts", "until.ts"]) copyFileSync(join(TESTS, name), join(project, "test", name));
  copyFileSync(join(TESTS, "../dist/pidbox-oci"), join(project, "dist/pidbox-oci"));
  const world = join(folder, "world");
  const built = Bun.spawnSync(["cc", "-O1", "-static", "-o", world, join(TESTS, "engines/world.c")], { stderr: "inherit" });
  if (!built.success) throw new Error("cc failed for world.c");
  mkdirSync(join(folder, "rootfs"));
  return { project, "bin/bun": process.execPath, "bin/world": world, rootfs: join(folder, "rootfs") };
}

function start(): Promise<ReadonlyMap<string, Ended>> {
  const user = `useradd -M -d / -u ${USER.id} ${USER.name} && systemctl start user@${USER.id}.service`;
  const environment = "PIDBOX_ENGINES_DRIVER=systemd PIDBOX_SLOW=20 PIDBOX_ENGINES_WORLD=/srv/bin/world";
  const commands = Object.keys(SETS).map((file) => [file, `cd /srv/project && ${environment} bun test ./test/engines/${file}.test.ts`]);
  return runInGuest({ user, ...Object.fromEntries(commands) as Record<string, string> }, pack());
}

let started: Promise<ReadonlyMap<string, Ended>> | undefined;

async function endOf(file: string): Promise<Ended> {
  started ??= start();
  const ended = (await started).get(file);
  if (ended === undefined) throw new Error(`${file} was not run`);
  return ended;
}

for (const [file, sets] of Object.entries(SETS)) {
  describe(file, () => {
    for (const [title, name] of sets.flatMap((set) => set.names("systemd").map((one) => [set.title, one] as const))) {
      needs("root", "guest")(`${title}: ${name}`, async () => {
        const { err } = await endOf(file);
        const { passed, words } = parseTests(err).get(`${title} > ${name}`) ?? { passed: false, words: err.slice(-2000) };
        expect({ passed, words: passed ? "" : words }).toEqual({ passed: true, words: "" });
      }, LIMIT);
    }
    needs("root", "guest")("all is well at the end, and nothing is left", async () => {
      const { code, err } = await endOf(file);
      expect({ code, err: code === 0 ? "" : err.slice(-2000) }).toEqual({ code: 0, err: "" });
    }, LIMIT);
  });
}

test("parseTests() finds names and words", () => {
  const text = "bun test v1\nerror: one\n(fail) a > b c [needs root cni] [1.50ms]\n(pass) a > d [12.00s]\n(skip) a > e [needs x]\n 1 pass\n";
  expect([...parseTests(text)]).toEqual([
    ["a > b c", { passed: false, words: "bun test v1\nerror: one" }], ["a > d", { passed: true, words: "" }], ["a > e", { passed: false, words: "" }],
  ]);
});
