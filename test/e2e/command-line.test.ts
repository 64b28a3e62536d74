import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LAUNCHER_LIMIT } from "../../tools/build.ts";
import { needs } from "../parts.ts";

const ROOT = join(import.meta.dir, "../..");
const PIDBOX = join(ROOT, "dist/pidbox");

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function pidbox(argv: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}): Ended {
  const result = Bun.spawnSync([PIDBOX, ...argv], { stdin: "ignore", cwd: options.cwd ?? "/", env: { PATH: process.env["PATH"] ?? "", ...options.env } });
  return { code: result.exitCode, out: result.stdout.toString(), err: result.stderr.toString() };
}

/** Runs `script` with `$0` as pidbox; stdout and stderr together would hide where a message went, so they stay apart. */
function shell(script: string): Ended {
  const result = Bun.spawnSync(["bash", "-c", script, PIDBOX], { stdin: "ignore" });
  return { code: result.exitCode, out: result.stdout.toString(), err: result.stderr.toString() };
}

describe("pidbox", () => {
  test("without a verb prints help", () => {
    expect(pidbox([])).toEqual(pidbox(["help"]));
    expect(pidbox(["--help"]).out).toStartWith("Usage: pidbox VERB");
  });
  test("--version and version agree, and the commit is built in", () => {
    expect(pidbox(["--version"])).toEqual(pidbox(["version"]));
    const report = JSON.parse(pidbox(["version", "--format", "json"]).out) as { commit: unknown; version: unknown };
    expect(report.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(report).toHaveProperty("commit");
  });
  test("explains a verb by --help, -h and help", () => {
    const { out } = pidbox(["help", "ps"]);
    expect(out).toStartWith("Usage: pidbox ps");
    expect([pidbox(["ps", "--help"]).out, pidbox(["--help", "ps"]).out]).toEqual([out, out]);
  });
  test("suggests the verb that was meant, also by docker's names", () => {
    expect(pidbox(["verison"])).toEqual({ code: 1, out: "", err: 'pidbox: unknown verb "verison" [USAGE]\n  hint: did you mean version? see pidbox help\n' });
    expect(pidbox(["list"]).err).toContain("did you mean ps?");
    expect(pidbox(["constructor"]).err).toContain('unknown verb "constructor"');
  });
  test("prints errors as JSON where JSON was asked for", () => {
    const { code, out, err } = pidbox(["version", "--format=json", "--nonsense"]);
    expect([code, out]).toEqual([1, ""]);
    expect(JSON.parse(err)).toMatchObject({ error: { code: "USAGE", message: 'version: unknown option "--nonsense"' } });
  });
  test("colours errors only when told to", () => {
    expect(pidbox(["nope"]).err).not.toContain("\u001b");
    expect(pidbox(["--color", "always", "nope"]).err).toContain("\u001b[31m");
    expect(pidbox(["nope"], { env: { FORCE_COLOR: "1" } }).err).toContain("\u001b[31m");
    expect(pidbox(["--color=never", "nope"], { env: { FORCE_COLOR: "1" } }).err).not.toContain("\u001b");
  });
  test("shows no control character of the command line", () => {
    expect(pidbox(["\u001b]0;x\u0007\u202e"]).err).toStartWith('pidbox: unknown verb "\\x1b]0;x\\x07\\u202e"');
  });
});

describe("output", () => {
  test("is complete on a pipe that is slow to be read", () => {
    const direct = pidbox(["completion", "bash"]).out;
    expect(shell('"$0" completion bash | { read -rt 0.1 <> <(:); cat; }').out).toBe(direct);
  });
  test("to a closed pipe ends quietly with 1", () => {
    // A FIFO whose only reader is closed again before pidbox writes.
    const script = 'd=$(mktemp -d); mkfifo "$d/p"; exec 4<>"$d/p" 5>"$d/p" 4<&-; "$0" version >&5; code=$?; rm -r "$d"; exit $code';
    expect(shell(script)).toEqual({ code: 1, out: "", err: "" });
  });
  test("to a full device is an error that says so", () => {
    expect(shell('"$0" version >/dev/full')).toEqual({ code: 1, out: "", err: "pidbox: writing the result to standard output failed: ENOSPC [IO]\n" });
  });
  test("to a stdout that was closed before the start goes nowhere, and not into a file that was opened later", () => {
    // Bun opens /dev/null on closed descriptors 0 to 2.
    expect(shell('"$0" version >&-')).toEqual({ code: 0, out: "", err: "" });
  });
});

describe("the binary", () => {
  test("runs nothing that the current directory names", () => {
    const folder = mkdtempSync(join(tmpdir(), "pidbox-e2e-"));
    try {
      writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
      writeFileSync(join(folder, ".env"), "FORCE_COLOR=1\n");
      writeFileSync(join(folder, "evil.ts"), 'console.log("evil"); process.exit(66);');
      writeFileSync(join(folder, "tsconfig.json"), "{ not json");
      writeFileSync(join(folder, "package.json"), "{ not json");
      expect(pidbox(["nope"], { cwd: folder })).toEqual(pidbox(["nope"]));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  test("works without an environment", () => {
    expect(shell('exec env -i "$0" version').out).toBe(pidbox(["version"]).out);
  });
  // By launcher/front.c; Bun itself ends with 1 and its own words.
  needs("x64")("works where the current directory was removed, unless paths are taken from there", () => {
    const gone = 'cd "$(mktemp -d)" && rmdir "$PWD" && exec "$0"';
    expect(shell(`${gone} version`)).toEqual(pidbox(["version"]));
    for (const words of ["do true", "run dir:. true", "--color never do true"]) {
      const { code, out, err } = shell(`${gone} ${words}`);
      expect([words, code, out, err]).toEqual([words, 125, "", expect.stringContaining("The working directory was removed [NOT_FOUND]\n")]);
    }
  });
  test("holds a launcher within its limit", () => {
    expect(statSync(join(ROOT, "build/launcher")).size).toBeLessThanOrEqual(LAUNCHER_LIMIT);
  });
});
