/** -v, --mount, --tmpfs, --device: what of the host is inside, and how. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";

const scene = openScene();
const shared = scene.makeDirectory("shared");
writeFileSync(`${shared}/file`, "content\n", { mode: 0o666 });
Bun.spawnSync(["chmod", "666", `${shared}/file`]);
symlinkSync(shared, `${scene.directory}/link`);

/** Mount options of a path inside, as /proc/mounts has them. */
const OPTIONS = (path: string): string[] => ["awk", `$2 == "${path}" { print $4 }`, "/proc/mounts"];

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("-v binds a directory, writable, without set-user-id programs and devices", async () => {
    expect(await scene.output(["run", "-v", `${shared}:/data`, "@", "sh", "-c", "cat /data/file; echo made > /data/by-container"], { caller })).toBe("content");
    expect(readFileSync(`${shared}/by-container`, "utf8")).toBe("made\n");
    expect(statSync(`${shared}/by-container`).uid).toBe(statSync(caller === "root" ? "/" : scene.runtime).uid);
    expect(await scene.output(["run", "-v", `${shared}:/data`, "@", ...OPTIONS("/data")], { caller })).toMatch(/^rw,nosuid,nodev,/);
    Bun.spawnSync(["rm", `${shared}/by-container`]);
  });

  test("-v ...:ro is read-only, to its root too", async () => {
    const script = "cat /data/file; echo x 2>/dev/null > /data/file || echo refused; mount -o remount,rw /data 2>/dev/null || echo kept";
    expect(await scene.output(["run", "-v", `${shared}:/data:ro`, "@", "sh", "-c", script], { caller })).toBe("content\nrefused\nkept");
  });

  test("-v of a file is a file inside, over one that is there or a new one", async () => {
    const script = "cat /etc/passwd /new/place/file; echo more >> /new/place/file";
    expect(await scene.output(["run", "-v", `${shared}/file:/etc/passwd:ro`, "-v", `${shared}/file:/new/place/file`, "@", "sh", "-c", script], { caller })).toBe("content\ncontent");
    expect(readFileSync(`${shared}/file`, "utf8")).toBe("content\nmore\n");
    writeFileSync(`${shared}/file`, "content\n");
  });

  test("-v of a link binds what it leads to; a relative path is taken from the working directory", async () => {
    expect(await scene.output(["run", "-v", `${scene.directory}/link:/data:ro`, "@", "cat", "/data/file"], { caller })).toBe("content");
    expect(await scene.output(["run", "-v", "./shared:/data:ro", "@", "cat", "/data/file"], { caller, cwd: scene.directory })).toBe("content");
  });

  test("-v of what does not exist is an error, and nothing is made", async () => {
    const { code, err } = await scene.run(["run", "-v", `${scene.directory}/nothing:/data`, "@", "true"], { caller });
    expect(err).toContain("[NOT_FOUND]");
    expect(err).toContain("pidbox makes no directories on the host");
    expect(code).toBe(125);
    expect(existsSync(`${scene.directory}/nothing`)).toBe(false);
  });

  test("a volume by name is an error that says what to do", async () => {
    expect((await scene.run(["run", "-v", "data:/data", "@", "true"], { caller })).err).toContain("there are no volumes, only host paths");
  });

  test("--mount type=bind and type=tmpfs", async () => {
    const flags = ["--mount", `type=bind,source=${shared},target=/data,readonly`, "--mount", "type=tmpfs,target=/scratch,tmpfs-size=1m,tmpfs-mode=700"];
    const script = "cat /data/file; touch /data/x 2>/dev/null || echo refused; stat -c %a /scratch; df -k /scratch | awk 'NR == 2 { print $2 }'";
    expect(await scene.output(["run", ...flags, "@", "sh", "-c", script], { caller })).toBe("content\nrefused\n700\n1024");
  });

  test("--tmpfs with options", async () => {
    expect(await scene.output(["run", "--tmpfs", "/scratch:size=2m,mode=1777,noexec", "@", "sh", "-c", "touch /scratch/x; stat -c %a /scratch; awk '$2 == \"/scratch\" { print $4 }' /proc/mounts"], { caller }))
      .toMatch(/^1777\nrw,nosuid,nodev,noexec,relatime,size=2048k(,|$)/);
  });

  test("mounts below mounts, in the order given", async () => {
    const flags = ["-v", `${shared}:/a:ro`, "--tmpfs", "/b", "-v", `${shared}:/b/c:ro`];
    const { out, code } = await scene.run(["run", ...flags, "@", "ls", "/b/c"], { caller });
    // Volumes come before tmpfs mounts, as docker has it: the tmpfs lies over the volume.
    expect({ out, code }).toEqual({ out: "", code: 1 });
    expect(await scene.output(["run", "-v", `${shared}:/b:ro`, "-v", `${shared}/file:/b/file:ro`, "@", "cat", "/b/file"], { caller })).toBe("content");
  });

  test("a place that is not there cannot be made on a read-only bind: the host's directory stays as it is", async () => {
    const { err, code } = await scene.run(["run", "-v", `${shared}:/a:ro`, "-v", `${shared}:/a/new`, "@", "true"], { caller });
    expect(err).toContain("EROFS");
    expect(code).toBe(125);
    expect(existsSync(`${shared}/new`)).toBe(false);
  });

  test("do: -v and --tmpfs work as in run", async () => {
    const target = caller === "root" ? "/data" : "/tmp/data";
    expect(await scene.output(["do", "-v", `${shared}:${target}:ro`, "--tmpfs", "/tmp/t", "sh", "-c", `cat ${target}/file; touch /tmp/t/x && echo written`], { caller })).toBe("content\nwritten");
  });

  test.each([["-v", "/tmp"], ["-v", "a:b:c:d"], ["-v", "/tmp:relative"], ["--mount", "type=npipe,target=/x"], ["--mount", "target=/x,source=/tmp,wrong=1"], ["--tmpfs", "relative"]])(
    "%s %s is refused with a reason", async (flag, value) => {
      const { code, err } = await scene.run(["run", flag, value, "@", "true"], { caller });
      expect(err).toMatch(/\[(USAGE|PARSE|CONFIG_INVALID|NOT_FOUND)\]/);
      expect(code).toBe(125);
    },
  );

  test("/dev has the standard devices and no other", async () => {
    const names = await scene.output(["run", "@", "ls", "/dev"], { caller });
    expect(names.split("\n")).toEqual(["fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"]);
    expect(await scene.output(["run", "@", "sh", "-c", "echo x > /dev/null && head -c 2 /dev/zero | od -An -tx1 && echo x 2>/dev/null > /dev/full || echo full"], { caller })).toBe("00 00\nfull");
  });
});

needs("root")("--device, with the override: the node of the host, by its numbers", async () => {
  const flags = ["--unsafe=device", "--device", "/dev/kmsg:/dev/log-of-kernel"];
  expect(await scene.output(["run", ...flags, "@", "stat", "-c", "%F %t:%T", "/dev/log-of-kernel"])).toBe("character special file 1:b");
  expect((await scene.run(["run", "--device", "/dev/kmsg", "@", "true"])).err).toContain("--unsafe=device");
  expect((await scene.run(["run", "--unsafe=device", "--device", "/dev/nothing", "@", "true"])).err).toContain("[NOT_FOUND]");
  expect((await scene.run(["run", "--unsafe=device", "--device", "/etc/passwd", "@", "true"])).err).toContain("[NOT_FOUND]");
});

needs("root")("ids of a bind are those of the host: user 1000's file is user 1000's inside, and what user 1000 makes is 1000's outside", async () => {
  const own = scene.makeDirectory("of-1000");
  writeFileSync(`${own}/file`, "x");
  Bun.spawnSync(["chown", "-R", "1000:1000", own]);
  expect(await scene.output(["run", "-u", "1000:1000", "-v", `${own}:/data`, "@", "sh", "-c", "stat -c %u:%g /data/file; touch /data/new; id -u"])).toBe("1000:1000\n1000");
  expect(statSync(`${own}/new`).uid).toBe(1000);
});
