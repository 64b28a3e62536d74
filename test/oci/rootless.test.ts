/** Containers of pidbox-oci without the host's root: a user with one id, and root of a user namespace as rootless engines have it. */
import { afterAll, describe, expect } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../src/spec/runtime-config.ts";
import { needs } from "../parts.ts";
import { ROOTLESS_ID } from "../scene.ts";
import { run } from "./runtime.ts";
import type { Result } from "./runtime.ts";
import { configOf, NAMESPACES, OciScene } from "./scene.ts";
import type { Change } from "./scene.ts";

const scene = new OciScene();
afterAll(() => scene[Symbol.dispose]());

/** A checkout may be where the user cannot go. */
const binary = join(scene.directory, "pidbox-oci");
copyFileSync(join(import.meta.dir, "../../dist/pidbox-oci"), binary);
chmodSync(binary, 0o755);
mkdirSync(join(scene.directory, "data"));
writeFileSync(join(scene.directory, "data/file"), "data");
mkdirSync(join(scene.rootfs, "var/filled"));
writeFileSync(join(scene.rootfs, "var/filled/old"), "old");
Bun.spawnSync(["chown", "-R", `${ROOTLESS_ID}:${ROOTLESS_ID}`, scene.directory]);

const MAP = [{ containerID: 0, hostID: ROOTLESS_ID, size: 1 }];
const KINDS = {
  "a user with one id": { through: [], own: true },
  "root of a user namespace": { through: ["unshare", "-Ur"], own: false },
} as const;

/** A config that such a caller may have: no cgroups, and no group but its own. */
function configFor(script: string, own: boolean, change: Change): Config {
  const { linux, mounts = [], ...rest } = configOf(script, change);
  const { resources: _resources, namespaces = [], ...kept } = linux ?? {};
  return {
    ...rest,
    mounts: mounts.filter(({ type }) => type !== "cgroup").map((mount) => ({ ...mount, options: (mount.options ?? []).filter((one) => one !== "gid=5") })),
    linux: { ...kept, namespaces: [...namespaces, ...(own ? [{ type: "user" as const }] : [])], ...(own ? { uidMappings: MAP, gidMappings: MAP } : {}) },
  };
}

let count = 0;

function start(kind: keyof typeof KINDS, script: string, change: Change = {}): Result {
  const { through, own } = KINDS[kind];
  writeFileSync(join(scene.directory, "config.json"), JSON.stringify(configFor(script, own, change)));
  const user = [`--reuid=${ROOTLESS_ID}`, `--regid=${ROOTLESS_ID}`, "--clear-groups"];
  const words = ["--root", join(scene.directory, "state"), "run", "--bundle", scene.directory, `rootless-${process.pid}-${++count}`];
  return run("setpriv", [...user, ...through, binary, ...words], { env: { XDG_RUNTIME_DIR: scene.directory } });
}


for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
  const lines = (script: string, change: Change = {}): string[] => {
    const { code, out, err } = start(kind, script, change);
    if (code !== 0) throw new Error(err);
    return out.trimEnd().split("\n");
  };

  describe(kind, () => {
    needs("root", "busybox")("has devices that are the host's, and no way to others", () => {
      const script = "id -u; stat -c '%t:%T' /dev/null /dev/zero; echo x >/dev/null; head -c 2 /dev/zero | wc -c; readlink /dev/ptmx; mknod /tmp/d c 1 3 2>/dev/null || echo no";
      expect(lines(script)).toEqual(["0", "1:3", "1:5", "2", "pts/ptmx", "no"]);
    });

    needs("root", "busybox")("has binds of files and directories, and a tmpfs with what it hides", () => {
      const mounts = [
        { destination: "/mnt/new", source: join(scene.directory, "data"), options: ["bind", "ro"] },
        { destination: "/etc/one", source: join(scene.directory, "data/file"), options: ["bind"] },
        { destination: "/var/filled", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] },
      ];
      const script = "cat /mnt/new/file /etc/one /var/filled/old; echo; touch /mnt/new/x 2>/dev/null || echo no; stat -f -c %T /var/filled; echo new >/var/filled/old";
      expect(lines(script, { mounts })).toEqual(["datadataold", "no", "tmpfs"]);
    });

    needs("root", "busybox")("sees the network's /sys bound where the network is the caller's", () => {
      const linux = { namespaces: NAMESPACES.filter((type) => type !== "network").map((type) => ({ type })) };
      const script = "[ -e /sys/class/net/lo ] && echo lo; touch /sys/kernel/x 2>/dev/null || echo no; awk '$5 == \"/sys\" { print $6 }' /proc/self/mountinfo";
      expect(lines(script, { linux })).toEqual(["lo", "no", "ro,nosuid,nodev,noexec,relatime"]);
    });

    needs("root", "busybox")("sets its own clocks off", () => {
      const linux = { namespaces: [...NAMESPACES, "time" as const].map((type) => ({ type })), timeOffsets: { boottime: { secs: 604_800 } } };
      const script = "cat /proc/self/timens_offsets | tr -s ' '; awk '{ print ($1 > 604800) }' /proc/uptime";
      expect(lines(script, { linux })).toEqual(["monotonic 0 0", "boottime 604800 0", "1"]);
    });

    needs("root", "busybox")("may not map the ids of a mount, and is told so", () => {
      const mapping = { uidMappings: MAP, gidMappings: MAP };
      const mounts = [{ destination: "/mnt", source: join(scene.directory, "data"), options: ["bind", "idmap"], ...mapping }];
      expect(start(kind, "true", { mounts }).err).toContain("only the host's root may");
    });
  });
}
