/** pidbox install: what it leaves below a prefix works, and what could be changed by others is refused. */
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { ROOTLESS_ID } from "../scene.ts";
import { pidbox } from "./box.ts";

const directory = mkdtempSync("/tmp/pidbox-install-");
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function files(below: string): string[] {
  return readdirSync(below, { recursive: true, encoding: "utf8" }).filter((name) => statSync(join(below, name)).isFile()).sort();
}

describe("pidbox install", () => {
  test("puts the binary itself in place under both names, with man pages and completions, again and again", () => {
    const prefix = join(directory, "a/b");
    for (let round = 0; round < 2; round++) {
      const { code, out } = pidbox(["install", "--prefix", prefix]);
      expect(code).toBe(0);
      expect(out.trim().split("\n").sort()).toEqual(files(prefix).map((name) => `${prefix}/${name}`));
      const [binary, runtime] = [statSync(`${prefix}/bin/pidbox`), statSync(`${prefix}/bin/pidbox-oci`)];
      expect([binary.mode & 0o7777, binary.uid, binary.nlink, runtime.ino]).toEqual([0o755, process.getuid?.() ?? 0, 2, binary.ino]);
    }
    const built = join(import.meta.dir, "../../dist/pidbox");
    expect(readFileSync(`${prefix}/bin/pidbox`).equals(readFileSync(built))).toBe(true);
    const version = Bun.spawnSync([`${prefix}/bin/pidbox-oci`, "--version"]).stdout.toString();
    expect(version).toStartWith("pidbox-oci version ");
    expect(readFileSync(`${prefix}/share/man/man8/pidbox-oci.8`, "utf8")).toStartWith('.TH "PIDBOX');
    expect(readFileSync(`${prefix}/share/bash-completion/completions/pidbox-oci`, "utf8")).toContain("complete -F _pidbox_oci pidbox-oci");
    // An installed one installs itself elsewhere, also over what runs.
    expect(Bun.spawnSync([`${prefix}/bin/pidbox`, "install", "--prefix", prefix]).exitCode).toBe(0);
  });

  test("leaves nothing half done where it cannot write", () => {
    const { code, err } = pidbox(["install", "--prefix", "/proc/self/x"]);
    expect([code, err.includes("Cannot make the directory")]).toEqual([1, true]);
    expect(pidbox(["install", "--prefix", `${directory}/../x`]).code).toBe(1);
  });

  needs("root")("refuses, for root, a place that another user can change", () => {
    for (const [name, prepare] of [
      ["foreign", (path: string) => chownSync(path, ROOTLESS_ID, ROOTLESS_ID)], ["open", (path: string) => chmodSync(path, 0o777)],
    ] as const) {
      const prefix = join(directory, name, "deep");
      mkdirSync(prefix, { recursive: true });
      prepare(join(directory, name));
      const { code, err } = pidbox(["install", "--prefix", prefix]);
      expect([code, err.includes("[POSSIBLE_ATTACK]")]).toEqual([1, true]);
      expect(existsSync(`${prefix}/bin/pidbox`)).toBe(false);
    }
  });

  needs("root")("refuses, for root, a link: what it leads to may be below a place of another user", () => {
    const [place, link] = [join(directory, "theirs"), join(directory, "link")];
    mkdirSync(`${place}/ours`, { recursive: true });
    chownSync(place, ROOTLESS_ID, ROOTLESS_ID);
    symlinkSync(`${place}/ours`, link);
    const { code, err } = pidbox(["install", "--prefix", link]);
    expect([code, err]).toEqual([1, expect.stringContaining(`${link}" is a symbolic link`)]);
    expect(existsSync(`${place}/ours/bin/pidbox`)).toBe(false);
  });
});
