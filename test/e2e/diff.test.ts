/** diff: what a container has changed, as root and as an unprivileged user. */
import { describe, expect, test } from "bun:test";
import { CALLERS, openScene } from "../scene.ts";
import { keep } from "./kept.ts";

const scene = openScene();

const CHANGES = [
  "echo more >> /etc/passwd", "rm /etc/group", "mkdir -p /new/deep", "echo 1 > /new/deep/file", "ln -s /etc /new/link", "rm -r /etc/skel", "mkdir -p /etc/skel/deep", "echo 2 > /etc/skel/other",
  "mkfifo /new/fifo", "echo x > /tmp/in-tmp", "printf y > \"/new/$(printf 'a\\nb')\"",
].join(" && ");

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("diff names what was added, changed and deleted, and no place of a mount", async () => {
    const root = scene.rootOf(caller);
    await Bun.$`mkdir -p ${root}/etc/skel/deep ${root}/tmp && echo 1 > ${root}/etc/skel/first && echo 1 > ${root}/etc/skel/deep/old && chown -R --reference=${root}/etc/passwd ${root}/etc/skel ${root}/tmp`.quiet();
    await using box = await keep(scene, caller, ["create", "@", "sh", "-c", CHANGES]);
    expect(await box.output("diff")).toBe("");
    expect((await box.run("start", "-a")).code).toBe(0);
    expect((await box.output("diff")).split("\n")).toEqual([
      "C /etc", "D /etc/group", "C /etc/passwd", "C /etc/skel", "D /etc/skel/first", "C /etc/skel/deep", "D /etc/skel/deep/old", "A /etc/skel/other",
      "A /new", "A /new/a\\nb", "A /new/deep", "A /new/deep/file", "A /new/fifo", "A /new/link", "C /tmp", "A /tmp/in-tmp",
    ]);
    const { out } = await box.run("diff", "--format=json");
    expect(out.split("\n")[1]).toBe(JSON.stringify({ Kind: 2, Path: "/etc/group" }));
  });

  test("diff says why it cannot tell", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "--rm", "@", "sleep", "60"]);
    expect((await box.run("diff")).err).toContain("its changes are in memory");
  });
});
