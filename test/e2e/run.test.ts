/** `run`: a root filesystem of its own, as root and as an unprivileged user. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";

const scene = openScene();

/** Path, mode, owner, size and modification time of everything below a directory. */
function listing(root: string): string[] {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
  return [".", ...names].map((name) => {
    const s = statSync(`${root}/${name}`, { throwIfNoEntry: false });
    return s === undefined ? `${name} dangling` : `${name} ${s.mode.toString(8)} ${s.uid}:${s.gid} ${s.size} ${s.mtimeMs}`;
  });
}

describe.each(CALLERS.map((caller) => [caller] as const))("run as %s", (caller) => {
  test("PID 1 is pidbox's init, the program is PID 2 and sees nothing else", async () => {
    const out = await scene.output(["run", "@", "sh", "-c", "echo $$; ls /proc | grep -c '^[0-9]'; cat /proc/1/comm"], { caller });
    expect(out.split("\n")).toEqual(["2", "4", "pidbox-init"]);
  });

  test("without a command it is /bin/sh", async () => {
    expect(await scene.output(["run", "-i", "@"], { caller, input: "echo here; echo $0\n" })).toBe("here\n/bin/sh");
  });

  test("changes go to memory: the directory is never written, not even for a mount point", async () => {
    const before = listing(scene.rootOf(caller));
    const script = "echo x > /etc/passwd && mkdir -p /a/b && rm /bin/vi && touch /new && rm -r /mnt; ls -d /a/b /new /absent/mount /work && test ! -e /bin/vi";
    expect(await scene.output(["run", "--tmpfs", "/absent/mount", "-w", "/work", "@", "sh", "-c", script], { caller })).toBe("/a/b\n/absent/mount\n/new\n/work");
    expect(listing(scene.rootOf(caller))).toEqual(before);
  });

  test("--read-only: nothing can be written in the root, mounts of its own can", async () => {
    const script = "touch /x 2>&1; touch /etc/passwd 2>&1; touch /tmp/x && touch /dev/shm/x && echo written";
    const { out, code } = await scene.run(["run", "--read-only", "--tmpfs", "/tmp", "@", "sh", "-c", script], { caller });
    expect(out).toBe("touch: /x: Read-only file system\ntouch: /etc/passwd: Read-only file system\nwritten\n");
    expect(code).toBe(0);
  });

  test("--rw / writes to the directory itself", async () => {
    const root = scene.makeRootfs(`writable-${caller}`);
    Bun.spawnSync(["chmod", "777", `${root}/var`]);
    expect(await scene.output(["run", "--rw", "/", `dir:${root}`, "sh", "-c", "echo kept > /var/file; id -u"], { caller })).toBe("0");
    expect(readFileSync(`${root}/var/file`, "utf8")).toBe("kept\n");
    // Files of root inside belong to the caller on the host, never to an id that only the container has.
    expect(statSync(`${root}/var/file`).uid).toBe(statSync(caller === "root" ? "/" : scene.runtime).uid);
  });

  test("--rw / --read-only is a read-only bind of the directory", async () => {
    const { out } = await scene.run(["run", "--rw", "/", "--read-only", "@", "sh", "-c", "touch /var/x 2>&1"], { caller });
    expect(out).toBe("touch: /var/x: Read-only file system\n");
    expect(existsSync(`${scene.rootfs}/var/x`)).toBe(false);
  });

  test("a relative directory is taken from the caller's", async () => {
    expect(await scene.output(["run", "dir:rootfs/.", "echo", "found"], { caller, cwd: scene.directory })).toBe("found");
  });

  test("the environment is the image's: nothing of the caller's", async () => {
    const out = await scene.output(["run", "-h", "box", "@", "env"], { caller, env: { SECRET: "s", LD_PRELOAD_: "x" } });
    expect(out.split("\n").sort()).toEqual(["HOME=/root", "HOSTNAME=box", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]);
  });

  test.each([
    ["dir:/nonexistent-directory", "NOT_FOUND"], ["dir:/etc/hostname", "USAGE"], ["alpine", "USAGE"], ["docker://alpine", "USAGE"], ["dir:", "USAGE"],
  ])("image %s is refused with a reason", async (image, code) => {
    const { err, code: exit } = await scene.run(["run", image, "true"], { caller });
    expect(err).toContain(`[${code}]`);
    expect(exit).toBe(125);
  });
});

needs("root")("run as root: files of the host's root are root's inside, by an id map of the mount", async () => {
  expect(await scene.output(["run", "@", "stat", "-c", "%u:%g", "/bin/busybox"])).toBe("0:0");
});

needs("root")("without --rm the record stays, with how it ended, until it is removed", async () => {
  const name = `kept-${process.pid}`;
  const child = Bun.spawnSync([scene.binary, "run", "--name", name, `dir:${scene.rootfs}`, "sh", "-c", "exit 7"], { stdin: "ignore" });
  expect(child.exitCode).toBe(7);
  const all = Bun.spawnSync([scene.binary, "ps", "-a", "--format", "json"]).stdout.toString();
  const found = all.trim().split("\n").map((line) => JSON.parse(line) as { id: string; name: string }).find((one) => one.name === name);
  expect(found?.id).toMatch(/^[0-9a-f]{64}$/);
  const directory = `/run/pidbox/containers/${found?.id}`;
  expect(readdirSync(directory).sort()).toEqual(["state.json", "status"]);
  expect(Bun.spawnSync([scene.binary, "rm", name]).stdout.toString()).toBe(`${name}\n`);
  expect([directory, `/var/lib/pidbox/layers/${found?.id}`].filter((path) => existsSync(path))).toEqual([]);
});
