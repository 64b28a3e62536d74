/** What pidbox-oci says of a program that cannot be executed is what runc says, on stderr and in the log that engines read. */
import { describe, expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../src/spec/runtime-config.ts";
import { needs } from "../parts.ts";
import { makeBundle, running, start } from "./bundle.ts";
import type { Bundle } from "./bundle.ts";
import { PIDBOX_OCI, RUNC, run } from "./runtime.ts";
import type { Result } from "./runtime.ts";

const PROGRAMS = ["nope", "/bin/nope", "/bin/plain", "plain"];

function bundleOf(program: string): Bundle {
  const bundle = makeBundle(running(program));
  writeFileSync(join(bundle.path, "rootfs/bin/plain"), "text", { mode: 0o644 });
  return bundle;
}

interface Logged extends Result {
  /** The message of the last error in the log, as containerd reads it. */
  readonly logged: string | undefined;
}

/** Runs a command with a log in JSON. Messages are without the words that runc puts before those of some verbs. */
function logged(bundle: Bundle, program: string, ...words: readonly string[]): Logged {
  const log = join(bundle.path, "log.json");
  const result = run(program, ["--root", bundle.root, "--log", log, "--log-format", "json", ...words]);
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n").filter((line) => line !== "") : [];
  const entries = lines.map((line) => JSON.parse(line) as { level: string; msg: string; time: string });
  for (const { time } of entries) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/);
  const bare = (text: string): string => text.replace(/^runc (create|run) failed: /, "");
  const message = entries.findLast(({ level }) => level === "error")?.msg;
  return { ...result, err: bare(result.err), logged: message === undefined ? undefined : bare(message) };
}

describe("a program that cannot be executed", () => {
  for (const program of PROGRAMS) {
    needs("root", "runc", "busybox")(`${program} is refused by create and run as by runc, and nothing is left`, () => {
      for (const words of [["create"], ["run"], ["run", "--detach"]]) {
        const [theirs, ours] = [RUNC, PIDBOX_OCI].map((runtime) => {
          using bundle = bundleOf(program);
          const result = logged(bundle, runtime, ...words, "--bundle", bundle.path, "c1");
          expect(existsSync(join(bundle.root, "c1"))).toBe(false);
          return result;
        });
        expect(ours).toEqual(theirs as Logged);
        expect(ours?.err).toBe(`${ours?.logged}\n`);
      }
    });
  }

  needs("root", "runc", "busybox")("is refused by exec as by runc", () => {
    const [theirs, ours] = [RUNC, PIDBOX_OCI].map((runtime) => {
      using bundle = bundleOf("cat");
      const path = join(bundle.path, "config.json");
      writeFileSync(path, JSON.stringify(running("sleep", "1000")(JSON.parse(readFileSync(path, "utf8")) as Config)));
      using container = start(bundle, "c1", runtime);
      return PROGRAMS.map((program) => logged(bundle, runtime, "exec", container.id, program));
    });
    expect(ours).toEqual(theirs as Logged[]);
    for (const { code } of ours ?? []) expect(code).toBe(255);
  });
});
