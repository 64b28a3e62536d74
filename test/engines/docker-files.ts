/** Filesystems and devices of containers of docker. */
import { mkdirSync, writeFileSync } from "node:fs";
import { type DockerBox } from "./docker.ts";
import { type Scenario } from "./scenario.ts";

/** What mountinfo says of a mount point, without numbers. */
function mountOf(path: string): string {
  return `awk '$5 == "${path}" { s = ""; for (i = 7; $i != "-"; i++) { t = $i; sub(/:.*/, "", t); s = s " " t } print $5, $6 s, "-", $(i + 1), $(i + 3) }' /proc/self/mountinfo`;
}

export const FILES: readonly Scenario<DockerBox>[] = [
  {
    name: "a read-only root", expected: { code: 1, err: "touch: /x: Read-only file system\n", out: "written\n" },
    run: (box) => box.run(["--read-only"], "echo written >/dev/shm/x; cat /dev/shm/x; touch /x"),
  },
  {
    name: "memory filesystems", expected: { code: 0, out: "of the image\n" },
    async run(box) {
      const { code, out, err } = await box.run(
        ["--read-only", "--tmpfs", "/work:size=1m,mode=1770,uid=1000", "--tmpfs", "/run", "--mount", "type=tmpfs,dst=/m,tmpfs-size=65536,tmpfs-mode=0700"],
        `cat /data/file; echo x >/work/x; stat -c '%a %u' /work /run /m; ${mountOf("/work")}; ${mountOf("/run")}; ${mountOf("/m")}`,
      );
      return { code, out: out.split("\n")[0] + "\n", seen: out, err };
    },
  },
  {
    name: "a memory filesystem over content of the image", expected: { code: 0, out: "0\n755\n" },
    run: (box) => box.run(["--tmpfs", "/data"], "ls /data | wc -l; stat -c %a /data | sed s/1777/755/"),
  },
  {
    name: "named volumes", expected: { first: { code: 0, out: "of the image\n" }, second: { out: "new\nof the image\n" }, readonly: { code: 1 } },
    async run(box) {
      const volume = `${box.name}-volume`;
      await box.output("volume", "create", volume);
      try {
        const first = await box.run(["-v", `${volume}:/data`], "cat /data/file; echo new >/data/new");
        const second = await box.run(["-v", `${volume}:/x`], `cat /x/new /x/file; ${mountOf("/x")} | cut -d' ' -f1,2`).then((one) => ({
          ...one, out: one.out.split("/x ")[0], mount: one.out.split("/x ")[1],
        }));
        return { first, second, readonly: await box.run(["-v", `${volume}:/x:ro`], "touch /x/y") };
      } finally {
        await box.output("volume", "rm", volume);
      }
    },
  },
  { name: "an anonymous volume", expected: { code: 0, out: "of the image\n" }, run: (box) => box.run(["-v", "/data"], "cat /data/file") },
  {
    name: "binds", expected: { written: { code: 0, out: "host\n" }, back: "inside\n", readonly: { code: 1 }, file: { out: "host\n" } },
    async run(box) {
      writeFileSync(`${box.directory}/file`, "host\n");
      mkdirSync(`${box.directory}/sub`);
      const written = await box.run(["-v", `${box.directory}:/bound`], "cat /bound/file; echo inside >/bound/new");
      return {
        written, back: await Bun.file(`${box.directory}/new`).text(),
        readonly: await box.run(["-v", `${box.directory}:/bound:ro`], `${mountOf("/bound")}; touch /bound/x`),
        file: await box.run(["-v", `${box.directory}/file:/etc/one:ro`], "cat /etc/one"),
        over: await box.run(["-v", `${box.directory}/file:/data/file`], "cat /data/file"),
        link: await box.run(["-v", `${box.directory}/file:/link/file`], "cat /link/file", {}),
        missing: await box.run(["--mount", `type=bind,src=${box.directory}/absent,dst=/x`], ["true"]),
      };
    },
  },
  {
    name: "mount points below links of the image stay inside", expected: { code: 0, out: "host\nhost\n" },
    async run(box) {
      writeFileSync(`${box.directory}/file`, "host\n");
      await box.start([], "ln -s /data /to; ln -s ../../../../data/file /escape; exec sleep 1000");
      const image = `${box.name.toLowerCase()}:links`;
      await box.holds("[ -L /escape ]");
      await box.output("commit", box.name, image);
      try {
        const args = ["-v", `${box.directory}/file:/to/a`, "-v", `${box.directory}/file:/escape`];
        return await box.cli(["run", "--rm", "--runtime", box.runtime, ...args, image, "cat", "/data/a", "/data/file"]);
      } finally {
        await box.output("rmi", "-f", image);
      }
    },
  },
  {
    name: "propagation", expected: { private: { out: "no\n" }, rslave: { out: "yes\n" }, rshared: { out: "yes\nup\n" } },
    async run(box) {
      const { world } = box.docker;
      const mount = async (...words: readonly string[]): Promise<void> => {
        const { code, err } = await world.run(words);
        if (code !== 0) throw new Error(`${words.join(" ")}: ${err}`);
      };
      const seen: Record<string, unknown> = {};
      const base = `${box.directory}/base`;
      mkdirSync(base);
      await mount("mount", "-t", "tmpfs", "tmpfs", base);
      await mount("mount", "--make-shared", base);
      try {
        for (const kind of ["private", "rslave", "rshared"]) {
          const [name, inner] = [`${box.name}-${kind}`, `${base}/${kind}`];
          mkdirSync(world.path(inner));
          const script = `${mountOf("/bound")} >/props; echo up; exec sleep 1000`;
          await box.start(["-v", `${base}:/bound:${kind}`, "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"], script, `-${kind}`);
          await mount("mount", "-t", "tmpfs", "tmpfs", inner);
          const probe = `grep -q ' /bound/${kind} ' /proc/self/mountinfo && echo yes || echo no`;
          const out = await box.cli(["exec", name, "sh", "-c", probe]);
          const back = kind === "rshared" ? await box.cli(["exec", name, "sh", "-c", "mkdir -p /bound/up && mount -t tmpfs tmpfs /bound/up"]) : undefined;
          const up = kind === "rshared" && (await world.run(["grep", "-q", ` ${base}/up `, "/proc/self/mountinfo"])).code === 0 ? "up\n" : "";
          seen[kind] = { ...out, out: out.out + up, back, props: (await box.cli(["exec", name, "cat", "/props"])).out.replace("master", "slave") };
          await box.output("rm", "-f", name);
          if (up !== "") await mount("umount", `${base}/up`);
          await mount("umount", inner);
        }
      } finally {
        await mount("umount", "-R", base);
      }
      return seen;
    },
  },
  {
    name: "volumes of another container", expected: { code: 0, out: "shared\n" },
    async run(box) {
      await box.start(["-v", "/shared"], "echo shared >/shared/x; echo up; exec sleep 1000", "-first");
      await box.holds("[ -e /shared/x ]", "-first");
      return box.run(["--volumes-from", `${box.name}-first`], ["cat", "/shared/x"]);
    },
  },
  {
    name: "devices", driver: "both",
    expected: {
      full: { out: "character special file 1 7 666\nopen\nread\n" }, reading: { out: "block special file 7 0 666\nread\n" },
      refused: { out: "full\n" }, rule: { code: 0 }, ruled: { code: 1 },
    },
    async run(box) {
      const script = "stat -c '%F %t %T %a' /dev/x; (: <>/dev/x) && echo open; echo x >/dev/x && echo written; dd if=/dev/x of=/dev/null count=1 2>/dev/null && echo read";
      return {
        full: await box.run(["--device", "/dev/full:/dev/x"], script),
        // Not one of those that every container may use.
        reading: await box.run(["--device", "/dev/loop0:/dev/x:r"], script),
        refused: await box.run(["--cap-add", "MKNOD"], "mknod /dev/x c 1 1; cat /dev/x; mknod /dev/y c 1 7 && (: <>/dev/y) && echo full"),
        rule: await box.run(["--device-cgroup-rule", "b 7:* rm", "--cap-add", "MKNOD"], "mknod /tmp/y b 7 0; (: </tmp/y)"),
        ruled: await box.run(["--device-cgroup-rule", "b 7:* rm", "--cap-add", "MKNOD"], "mknod /tmp/y b 7 0; (: >/tmp/y)"),
      };
    },
  },
  {
    name: "shared memory", expected: { size: { out: "1024.0K\n" } },
    async run(box) {
      return { size: await box.run(["--shm-size", "1m"], "df -h /dev/shm | awk 'NR == 2 { print $2 }' | sed 's/1.0M/1024.0K/'"), mount: await box.run(["--shm-size", "1m"], mountOf("/dev/shm")) };
    },
  },
  {
    name: "export and import", expected: { code: 0, out: "of the image\n" },
    async run(box) {
      await box.start([], ["sleep", "1000"]);
      const [archive, image] = [`${box.directory}/export.tar`, `${box.name.toLowerCase()}:imported`];
      await box.output("export", "-o", archive, box.name);
      await box.output("import", archive, image);
      try {
        return await box.cli(["run", "--rm", "--runtime", box.runtime, image, "/bin/cat", "/data/file"]);
      } finally {
        await box.output("rmi", "-f", image);
      }
    },
  },
];
