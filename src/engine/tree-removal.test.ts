/** tree-removal.ts on trees as hostile as a container can make them. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "./tree-removal.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pidbox-tree-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("removeTree()", () => {
  test("removes files, directories, links and names that are no text, and follows nothing", () => {
    const outside = `${folder}/outside`;
    mkdirSync(outside);
    writeFileSync(`${outside}/kept`, "");
    const tree = `${folder}/tree`;
    mkdirSync(`${tree}/a/b/c`, { recursive: true });
    mkdirSync(`${tree}/removed-0/x/removed-0/removed-1`, { recursive: true });
    writeFileSync(`${tree}/a/b/c/file`, "x");
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/a/`), Buffer.from([0xff, 0xfe, 0x0a])]), "x");
    mkdirSync(Buffer.concat([Buffer.from(`${tree}/a/b/`), Buffer.from([0xc3])]));
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/a/b/`), Buffer.from([0xc3]), Buffer.from("/y")]), "x");
    for (const at of [tree, `${tree}/a`, `${tree}/a/b/c`]) symlinkSync(outside, `${at}/link`);
    expect(removeTree(tree)).toBe(0);
    expect([existsSync(tree), readdirSync(outside)]).toEqual([false, ["kept"]]);
  });

  test("removes what is nested deeper than any path reaches", () => {
    const tree = `${folder}/deep`;
    mkdirSync(tree);
    const script = 'my $d = "d" x 250; for (1..40) { mkdir $d or die; chdir $d or die } open F, ">leaf" or die';
    expect(Bun.spawnSync(["perl", "-e", script], { cwd: tree, stderr: "inherit" }).exitCode).toBe(0);
    expect(removeTree(tree)).toBe(0);
    expect(existsSync(tree)).toBe(false);
  });

  test("removes many entries of one directory", () => {
    const tree = `${folder}/wide`;
    mkdirSync(`${tree}/d`, { recursive: true });
    for (let i = 0; i < 300; i++) mkdirSync(`${tree}/d/${i}/e`, { recursive: true });
    expect(removeTree(tree)).toBe(0);
    expect(existsSync(tree)).toBe(false);
  });

  test("opens directories that their owner closed to itself", () => {
    const tree = `${folder}/closed`;
    mkdirSync(`${tree}/a/b`, { recursive: true });
    writeFileSync(`${tree}/a/b/file`, "x");
    chmodSync(`${tree}/a/b`, 0);
    chmodSync(`${tree}/a`, 0);
    const user = process.getuid?.() === 0 ? { uid: 20001, gid: 20001 } : undefined;
    if (user !== undefined) Bun.spawnSync(["chown", "-R", `${user.uid}:${user.gid}`, folder]);
    const source = `const { removeTree } = await import(${JSON.stringify(join(import.meta.dir, "tree-removal.ts"))}); process.exit(-removeTree(${JSON.stringify(tree)}));`;
    const through = user === undefined ? [] : ["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
    const result = Bun.spawnSync([...through, process.execPath, "-e", source], { stderr: "pipe", cwd: "/" });
    expect([result.exitCode, result.stderr.toString(), existsSync(tree)]).toEqual([0, "", false]);
  });

  test("is content where there is nothing, and says what it cannot remove", () => {
    expect(removeTree(`${folder}/absent`)).toBe(0);
    writeFileSync(`${folder}/file`, "");
    expect(removeTree(`${folder}/file`)).toBe(-20);
  });
});
