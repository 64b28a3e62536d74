/**
 * do and run on a modern host: systemd, cgroup v2 alone, AppArmor, and Debian's kernel, which is older than that of most development machines.
 * The checks run in one guest; the first test waits for them all.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { CHECKS as OTHER_CHECKS } from "./checks.ts";
import { parseResults, runInGuest } from "./guest.ts";
import type { Ended } from "./guest.ts";
import { OCI_CGROUP_CHECKS } from "./oci-cgroup-checks.ts";

const CHECKS = { ...OTHER_CHECKS, ...OCI_CGROUP_CHECKS };
const PIDBOX = join(import.meta.dir, "../../dist/pidbox");
const PROGRAMS = ["cat", "chown", "dd", "echo", "ls", "mkdir", "mknod", "mount", "mv", "rm", "sh", "sleep", "stat", "touch", "tr", "true", "umount"];
/** The image may have to be built first. */
const LIMIT = 1_500_000;
const folder = mkdtempSync(join(tmpdir(), "pidbox-guest-"));
afterAll(() => rmSync(folder, { recursive: true }));

function makeRootfs(): string {
  const root = join(folder, "rootfs");
  for (const path of ["bin", "dev", "etc", "proc", "sys", "tmp", "usr/old"]) mkdirSync(join(root, path), { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "", join(root, "bin/busybox"));
  for (const name of PROGRAMS) symlinkSync("busybox", join(root, "bin", name));
  writeFileSync(join(root, "etc/name"), "name\n");
  writeFileSync(join(root, "usr/old/file"), "file\n");
  return root;
}

/** A filesystem without id-mapped mounts. */
function makeExt2(): string {
  const [tree, image] = [join(folder, "tree"), join(folder, "ext2")];
  mkdirSync(tree);
  writeFileSync(join(tree, "file"), "file\n");
  Bun.spawnSync(["mke2fs", "-q", "-t", "ext2", "-d", tree, image, "1M"]);
  return image;
}

function start(): Promise<ReadonlyMap<string, Ended>> {
  const scripts = Object.entries(CHECKS).flatMap(([group, checks]) => Object.entries(checks).map(([name, { script }]) => [`${group} ${name}`, script] as const));
  symlinkSync("pidbox", join(folder, "pidbox-oci"));
  return runInGuest(Object.fromEntries(scripts), { "bin/pidbox": PIDBOX, "bin/pidbox-oci": join(folder, "pidbox-oci"), rootfs: makeRootfs(), ext2: makeExt2() });
}

let started: Promise<ReadonlyMap<string, Ended>> | undefined;

for (const [group, checks] of Object.entries(CHECKS)) {
  describe(group, () => {
    for (const [name, { code, out, err }] of Object.entries(checks)) {
      needs("root", "guest")(name, async () => {
        started ??= start();
        const ended = (await started).get(`${group} ${name}`);
        expect({ code: ended?.code, err: err === undefined ? ended?.err : "" }).toEqual({ code: code ?? 0, err: "" });
        if (out !== undefined) expect(ended?.out).toEqual(typeof out === "string" ? out : expect.stringMatching(out));
        if (err !== undefined) expect(ended?.err).toEqual(typeof err === "string" ? err : expect.stringMatching(err));
      }, LIMIT);
    }
  });
}

test("parseResults() passes over what is no result", () => {
  const line = (text: string): string => Buffer.from(text).toString("base64");
  expect([...parseResults(`guest-result up\n[ 1.2] kernel: noise\nguest-result 007 3 ${line("a\n")}|${line("é")}\r\nguest-result end\n`)]).toEqual([["007", { code: 3, out: "a\n", err: "é" }]]);
});
