/** The mounts of config.json, looked at from inside the container; where runc does the same, both must agree. */
import { afterAll, describe, expect } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { RUNTIMES } from "./runtime.ts";
import { configOf, OciScene, ownUsers } from "./scene.ts";
import type { Change } from "./scene.ts";

const scene = new OciScene();
afterAll(() => scene[Symbol.dispose]());

const USERS = 100_000;

/** A directory of the host with a file `name` that holds its own name. */
function directory(name: string, owner = 0): string {
  const path = join(scene.directory, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, name), name);
  chownSync(path, owner, owner);
  chownSync(join(path, name), owner, owner);
  return path;
}

/** Options of the mount on `destination` as /proc/self/mountinfo has them, with its propagation, where `-` is private. */
const OPTIONS = (destination: string): string => `awk '$5 == "${destination}" { print $6, $7 }' /proc/self/mountinfo`;

/** The same script in the same container under both runtimes. */
function both(script: string, change: Change = {}): string[] {
  const [pidbox = [], runc = []] = RUNTIMES.map((runtime) => scene.lines(script, change, { runtime }));
  expect(pidbox).toEqual(runc);
  return pidbox;
}

describe("binds", () => {
  needs("root", "busybox", "runc")("bind files, directories and sources that are links; destinations may be relative", () => {
    const source = directory("data");
    symlinkSync("data", join(scene.directory, "link"));
    const mounts = [
      { destination: "/a/b", type: "bind", source, options: ["rbind", "rprivate"] },
      { destination: "/etc/one", type: "none", source: join(source, "data"), options: ["bind"] },
      { destination: "c/d", source: join(scene.directory, "link"), options: ["bind", "ro"] },
    ];
    expect(both("cat /a/b/data; echo; cat /etc/one; echo; cat /c/d/data; echo; touch /a/b/new && echo yes; touch /c/d/new 2>/dev/null || echo no; rm /a/b/new", { mounts })).toEqual([
      "data", "data", "data", "yes", "no",
    ]);
  });

  needs("root", "busybox", "runc")("follow links of the root filesystem inside it", () => {
    const source = directory("data");
    const root = scene.makeRootfs("linked");
    symlinkSync("/run", join(root, "var/run"));
    symlinkSync("../../../../../../../../tmp", join(root, "mnt/up"));
    const mounts = [
      { destination: "/var/run/socket", source: join(source, "data"), options: ["bind"] },
      { destination: "/mnt/up/here", source, options: ["bind"] },
    ];
    expect(both("cat /run/socket; echo; cat /tmp/here/data; echo", { mounts, root: { path: "linked" } })).toEqual(["data", "data"]);
    expect(existsSync("/tmp/here")).toBe(false);
  });

  needs("root", "busybox", "runc")("make what a dangling link of the image points to, and take relative sources from the bundle", () => {
    directory("data");
    const root = scene.makeRootfs("dangling");
    symlinkSync("../run/systemd/resolve/stub.conf", join(root, "etc/resolv.conf"));
    symlinkSync("../none/here", join(root, "var/lib"));
    const mounts = [{ destination: "/etc/resolv.conf", source: "data/data", options: ["bind"] }, { destination: "/var/lib/data", source: "data", options: ["rbind"] }];
    // runc 1.1 takes a relative source from the bundle too.
    const lines = both("cat /etc/resolv.conf; echo; cat /var/lib/data/data; echo; ls /none/here", { mounts, root: { path: "dangling" } });
    expect(lines).toEqual(["data", "data", "data"]);
    const hidden = [{ destination: "/run", type: "tmpfs", source: "tmpfs" }, ...mounts];
    expect(scene.lines("cat /run/systemd/resolve/stub.conf", { mounts: hidden, root: { path: "dangling" } })).toEqual(["data"]);
  });

  needs("root", "busybox", "runc")("have the flags of their options, of which those without r are for the top alone", () => {
    const source = directory("tree");
    mkdirSync(join(source, "below"), { recursive: true });
    const inside = directory("other");
    const mounts = [
      { destination: "/mnt", source, options: ["rbind", "ro", "nosuid", "noexec"] },
      { destination: "/mnt/below", source: inside, options: ["bind", "nodev", "noatime"] },
    ];
    expect(both(`${OPTIONS("/mnt")}; ${OPTIONS("/mnt/below")}`, { mounts })).toEqual(["ro,nosuid,noexec,relatime -", "rw,nodev,noatime -"]);
  });

  needs("root", "busybox", "runc")("lie on the container's own /dev, in a user namespace too", () => {
    const mounts = [
      { destination: "/dev/fuse", source: "/dev/zero", options: ["bind"] },
      { destination: "/dev/sub/dir", source: directory("data"), options: ["bind"] },
    ];
    const script = "head -c 2 /dev/fuse | wc -c; cat /dev/sub/dir/data; echo";
    expect(both(script, { mounts })).toEqual(["2", "data"]);
    expect(scene.lines(script, { mounts, linux: ownUsers(0) })).toEqual(["2", "data"]);
  });

  needs("root", "busybox")("are the same where hooks look at them before the pivot", () => {
    const seen = join(scene.directory, "seen");
    const mounts = [
      { destination: "/data", source: directory("data"), options: ["rbind", "ro"] },
      { destination: "/var/made", type: "tmpfs", source: "tmpfs", options: ["mode=700"] },
      { destination: "/etc/one", source: join(directory("data"), "data"), options: ["bind"] },
    ];
    const look = { path: "/bin/sh", args: ["sh", "-c", `cat ${scene.rootfs}/etc/one >${seen}; cat ${scene.rootfs}/data/data >>${seen}`] };
    const script = "cat /data/data /etc/one; echo; awk '$5 ~ /^\\/(data|var|etc|sys|proc|dev)/ { print $5, $6 }' /proc/self/mountinfo | sort; ls /";
    const plain = scene.lines(script, { mounts });
    expect(scene.lines(script, { mounts, config: { hooks: { createContainer: [look] } } })).toEqual(plain);
    expect(readFileSync(seen, "utf8")).toBe("datadata");
    expect(plain.slice(0, 2)).toEqual(["datadata", "/data ro,relatime"]);
  });

  needs("root", "busybox")("of a directory on a file, and of a file on a directory, fail and say so", () => {
    const source = directory("data");
    for (const mount of [{ destination: "/etc/passwd", source, options: ["bind"] }, { destination: "/etc", source: join(source, "data"), options: ["bind"] }]) {
      const { code, err } = scene.run(configOf("true", { mounts: [mount] }));
      expect(code).not.toBe(0);
      expect(err.toLowerCase()).toContain("not a directory");
    }
  });
});

describe("tmpfs", () => {
  needs("root", "busybox")("has the options that are given, and the mode of what it hides if none is", () => {
    chmodSync(join(scene.rootfs, "run"), 0o711);
    const mounts = [
      { destination: "/run", type: "tmpfs", source: "tmpfs", options: ["nosuid", "size=1m"] },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=0700", "uid=5", "gid=6"] },
    ];
    // runc 1.1 gives the mode of what is hidden even where another is asked for.
    expect(scene.lines("stat -c '%a %u %g' /run /tmp; df -k /run | awk 'END { print $2 }'", { mounts })).toEqual(["711 0 0", "700 5 6", "1024"]);
  });

  needs("root", "busybox", "runc")("that is read-only is so only when all mounts are on it", () => {
    const source = directory("data");
    const run = { destination: "/run", type: "tmpfs", source: "tmpfs", options: ["ro", "mode=755"] };
    const mounts = [run, { destination: "/run/in", source, options: ["bind"] }];
    expect(both("cat /run/in/data; echo; touch /run/x 2>/dev/null || echo no", { mounts })).toEqual(["data", "no"]);
  });
});

describe("devices", () => {
  needs("root", "busybox", "runc")("are those of the specification, the config's own with owner and mode, and the links", () => {
    const devices = [
      { type: "c" as const, path: "/dev/net/tun", major: 10, minor: 200, fileMode: 0o660, uid: 5, gid: 6 },
      { type: "c" as const, path: "/mnt/zero", major: 1, minor: 5, fileMode: 0o444 }, { type: "p" as const, path: "/dev/pipe", fileMode: 0o622 },
      { type: "c" as const, path: "/dev/null", major: 1, minor: 3, fileMode: 0o600 },
    ];
    const script = "stat -c '%n %F %t:%T %a %u:%g' /dev/zero /dev/null /dev/net/tun /mnt/zero /dev/pipe; readlink /dev/fd; readlink /dev/ptmx; head -c 3 /mnt/zero | wc -c";
    expect(both(script, { linux: { devices } })).toEqual([
      "/dev/zero character special file 1:5 666 0:0", "/dev/null character special file 1:3 600 0:0", "/dev/net/tun character special file a:c8 660 5:6",
      "/mnt/zero character special file 1:5 444 0:0", "/dev/pipe fifo 0:0 622 0:0", "/proc/self/fd", "pts/ptmx", "3",
    ]);
  });

  needs("root", "busybox")("work in a user namespace, and nobody in it can make more", () => {
    const devices = [{ type: "c" as const, path: "/dev/net/tun", major: 10, minor: 200, fileMode: 0o660, uid: 5, gid: 6 }];
    const root = scene.makeRootfs("mapped");
    Bun.spawnSync(["chown", "-R", `${USERS}:${USERS}`, root]);
    const lines = scene.lines("head -c 3 /dev/zero | wc -c; stat -c '%t:%T %a %u:%g' /dev/net/tun /dev/full; mknod /tmp/x c 1 3 2>/dev/null || echo no", {
      root: { path: "mapped" }, linux: { ...ownUsers(USERS), devices },
    });
    expect(lines).toEqual(["3", "a:c8 660 5:6", "1:7 666 0:0", "no"]);
  });
});
