/** A create that is killed at any moment, as Bun or as the launcher that has taken its place: what is left is one `delete --force` away from nothing. */
import { describe, expect } from "bun:test";
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { emptied, until } from "../until.ts";
import { makeBundle, processesIn, start } from "./bundle.ts";
import type { Bundle } from "./bundle.ts";
import { messageOf, PIDBOX_OCI, run } from "./runtime.ts";

const COUNT = 60;
/** Milliseconds; a create takes about a third of it on a machine that is not busy. */
const LONGEST = 60;

/** Lets the event loop go round for so many milliseconds: a moment that nobody can wait for otherwise. */
async function moment(milliseconds: number): Promise<void> {
  for (const end = performance.now() + milliseconds; performance.now() < end; ) await new Promise(setImmediate);
}

function cgroupsOf(bundle: Bundle, id: string): string[] {
  const path = join(bundle.root, id, "state.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { cgroups: string[] }).cgroups : [];
}

/** Creates and kills; whether the kill came before the end. */
async function killCreate(bundle: Bundle, id: string, after: number): Promise<boolean> {
  const nothing = openSync("/dev/null", "r+");
  const child = Bun.spawn([PIDBOX_OCI, "--root", bundle.root, "create", "--bundle", bundle.path, id], { stdin: "ignore", stdout: nothing, stderr: nothing });
  closeSync(nothing);
  await moment(after);
  child.kill("SIGKILL");
  await child.exited;
  return child.signalCode === "SIGKILL";
}

describe("a create that is killed", () => {
  needs("root", "busybox")("leaves states that make sense, and nothing after delete --force", async () => {
    using bundle = makeBundle();
    const id = `killed-${process.pid}`;
    const call = (...words: readonly string[]): ReturnType<typeof run> => run(PIDBOX_OCI, ["--root", bundle.root, ...words]);
    let killed = 0;
    for (let i = 0; i < COUNT; i++) {
      if (await killCreate(bundle, id, (LONGEST * i) / COUNT)) killed++;
      const cgroups = cgroupsOf(bundle, id);
      // What was to become the container holds the lock of a create in progress for as long as it takes to die.
      const state = await until(() => [call("state", id)].find(({ out }) => !out.includes('"creating"')), "the end of the create");
      if (state.code === 0) expect(JSON.parse(state.out)).toMatchObject({ id, status: expect.stringMatching(/^(created|stopped)$/) });
      else expect(messageOf(state.err)).toContain("does not exist");
      const list = call("list", "--format", "json");
      expect([list.code, list.err]).toEqual([0, ""]);
      JSON.parse(list.out);
      expect(call("delete", "--force", id)).toEqual({ code: 0, out: "", err: "" });
      expect([existsSync(bundle.root) ? readdirSync(bundle.root) : [], cgroups.filter((path) => existsSync(path))]).toEqual([[], []]);
      expect(await emptied(() => processesIn(bundle))).toEqual([]);
    }
    expect(killed).toBeGreaterThan(COUNT / 10);
    // The id can be used again.
    using container = start(bundle, id);
    expect(container.call("state", "ID").out).toContain('"running"');
  });
});
