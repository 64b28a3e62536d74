/** Filesystems, id maps and views of the kernel that a config asks for, looked at from inside the container. */
import { afterAll, describe, expect } from "bun:test";
import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { RUNTIMES } from "./runtime.ts";
import { configOf, NAMESPACES, OciScene, ownUsers } from "./scene.ts";
import type { Change } from "./scene.ts";

const scene = new OciScene();
afterAll(() => scene[Symbol.dispose]());

const USERS = 100_000;
const MAPPED = scene.makeRootfs("mapped");
Bun.spawnSync(["chown", "-R", `${USERS}:${USERS}`, MAPPED]);
const mapped: Change = { root: { path: "mapped" }, linux: ownUsers(USERS) };

const ADMIN = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"];
const admin: Change = { process: { capabilities: { bounding: ADMIN, effective: ADMIN, permitted: ADMIN } } };
const without = (...types: readonly string[]): { readonly namespaces: { readonly type: (typeof NAMESPACES)[number] }[] } => ({
  namespaces: NAMESPACES.filter((type) => !types.includes(type)).map((type) => ({ type })),
});

/** A mount namespace of its own, where `prepare` runs before the runtime. */
const host = (prepare: string): readonly string[] => ["unshare", "-m", "--propagation", "private", "sh", "-ec", `${prepare}; exec "$@"`, "sh"];

function directory(name: string): string {
  const path = join(scene.directory, name);
  mkdirSync(path, { recursive: true });
  return path;
}

const FLAGS = (at: string): string => `awk '$5 ~ "^${at}" { print $5, $6 }' /proc/self/mountinfo`;

describe("recursive options", () => {
  needs("root", "busybox")("hold for what lies below, and the others do not", () => {
    const source = directory("tree");
    const before = host(`mount -t tmpfs top ${source}; mkdir ${source}/in; mount -t tmpfs -o noexec in ${source}/in`);
    const flags = (...options: readonly string[]): string[] => scene.lines(FLAGS("/mnt"), { mounts: [{ destination: "/mnt", source, options }] }, { before });
    expect(flags("rbind", "ro", "nosuid")).toEqual(["/mnt ro,nosuid,relatime", "/mnt/in rw,noexec,relatime"]);
    expect(flags("rbind", "rro", "rnosuid", "rnoatime")).toEqual(["/mnt ro,nosuid,noatime", "/mnt/in ro,nosuid,noexec,noatime"]);
    expect(flags("rbind", "rro", "rexec")).toEqual(["/mnt ro,relatime", "/mnt/in ro,relatime"]);
    expect(flags("bind", "rro", "nodev", "nosymfollow")).toEqual(["/mnt ro,nodev,relatime,nosymfollow"]);
    expect(flags("rbind", "rro", "rnodev", "rw")).toEqual(["/mnt ro,nodev,relatime", "/mnt/in ro,nodev,noexec,relatime"]);
  });

  needs("root", "busybox")("rw, exec and the like undo what the source has", () => {
    const source = directory("strict");
    const before = host(`mount -t tmpfs -o ro,noexec,nosuid,noatime top ${source}`);
    const flags = (...options: readonly string[]): string[] => scene.lines(FLAGS("/mnt"), { mounts: [{ destination: "/mnt", source, options }] }, { before });
    expect(flags("bind", "rw", "exec", "relatime")).toEqual(["/mnt rw,nosuid,relatime"]);
    expect(flags("bind")).toEqual(["/mnt ro,nosuid,noexec,noatime"]);
  });
});

describe("id-mapped mounts", () => {
  const source = directory("owned");
  for (const [name, uid] of [["root", 0], ["seven", 7], ["mapped", USERS + 7]] as const) {
    writeFileSync(join(source, name), "");
    chownSync(join(source, name), uid, uid);
  }
  const owners = (change: Change, ...options: readonly string[]): string[] => scene.lines(
    "cd /mnt; stat -c '%n %u:%g' root seven mapped", { ...change, mounts: [{ destination: "/mnt", source, options, ...extra(change) }] },
  );
  const extra = (change: Change): object => (change as { mapping?: object }).mapping ?? {};

  needs("root", "busybox")("nothing is mapped without a word, and idmap takes the container's map", () => {
    expect(owners(mapped, "bind")).toEqual(["root 65534:65534", "seven 65534:65534", "mapped 7:7"]);
    expect(owners(mapped, "bind", "idmap")).toEqual(["root 0:0", "seven 7:7", "mapped 65534:65534"]);
  });

  needs("root", "busybox")("a mount's own mappings need no user namespace, and go before the container's", () => {
    const mapping = {
      uidMappings: [{ containerID: 7, hostID: 1000, size: 1 }, { containerID: 0, hostID: 0, size: 1 }],
      gidMappings: [{ containerID: 7, hostID: 2000, size: 1 }],
    };
    expect(owners({ mapping } as Change, "bind", "idmap")).toEqual(["root 0:65534", "seven 1000:2000", "mapped 65534:65534"]);
    const inside = { uidMappings: [{ containerID: 0, hostID: USERS + 1000, size: 10 }], gidMappings: [{ containerID: 0, hostID: USERS + 2000, size: 10 }] };
    expect(owners({ ...mapped, mapping: inside } as Change, "bind", "ridmap")).toEqual(["root 1000:2000", "seven 1007:2007", "mapped 65534:65534"]);
  });

  needs("root", "busybox")("idmap is for the top, ridmap for the whole tree", () => {
    const tree = directory("maptree");
    const before = host(`mount -t tmpfs top ${tree}; mkdir ${tree}/in; mount -t tmpfs in ${tree}/in; touch ${tree}/a ${tree}/in/a`);
    const seen = (word: string): string[] => {
      const mounts = [{ destination: "/mnt", source: tree, options: ["rbind", word] }];
      return scene.lines("stat -c %u /mnt/a /mnt/in/a", { ...mapped, mounts }, { before });
    };
    expect(seen("idmap")).toEqual(["0", "65534"]);
    expect(seen("ridmap")).toEqual(["0", "0"]);
  });
});

describe("tmpfs with tmpcopyup", () => {
  const root = scene.makeRootfs("full");
  const filled = join(root, "var/filled");
  mkdirSync(join(filled, "sub/deep"), { recursive: true });
  writeFileSync(join(filled, "file"), "x".repeat(100_000));
  chmodSync(join(filled, "file"), 0o4751);
  writeFileSync(join(filled, "sub/deep/one"), "one");
  chownSync(join(filled, "sub/deep/one"), 5, 6);
  chownSync(join(filled, "file"), 5, 6);
  chmodSync(join(filled, "file"), 0o4751);
  symlinkSync("/etc/passwd", join(filled, "sub/link"));
  Bun.spawnSync(["mkfifo", "-m", "622", join(filled, "pipe")]);
  utimesSync(join(filled, "sub/deep/one"), 1000, 2000);
  const script = "cd /var/filled; stat -c '%n %F %s %a %u:%g %Y' file sub/deep/one pipe; readlink sub/link; cat sub/deep/one; echo; stat -f -c %T .; ls -A | wc -l; rm file";

  needs("root", "busybox")("begins with what it hides: contents, owners, modes and times, and no link is followed", () => {
    const mounts = [{ destination: "/var/filled", type: "tmpfs", source: "tmpfs", options: ["nosuid", "tmpcopyup", "mode=0711"] }];
    const lines = scene.lines(script, { root: { path: "full" }, mounts });
    expect(lines[0]).toMatch(/^file regular file 100000 4751 5:6 \d+$/);
    expect(lines.slice(1)).toEqual(["sub/deep/one regular file 3 644 5:6 2000", lines[2] ?? "", "/etc/passwd", "one", "tmpfs", "3"]);
    expect(lines[2]).toMatch(/^pipe fifo 0 622 0:0/);
    expect(readdirSync(filled).sort()).toEqual(["file", "pipe", "sub"]);
  });

  needs("root", "busybox", "runc")("as runc does it", () => {
    // A fifo is more than runc can copy.
    const mounts = [{ destination: "/var/filled/sub", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] }];
    const content = "cd /var/filled/sub; cat deep/one; ls -l . | cut -c 1-10; stat -c '%n %a %u:%g %s' deep deep/one; readlink link";
    const [ours, theirs] = RUNTIMES.map((runtime) => scene.lines(content, { root: { path: "full" }, mounts }, { runtime }));
    expect(ours).toEqual(theirs);
  });

  needs("root", "busybox")("that has no room for it is a failed start", () => {
    const mounts = [{ destination: "/var/filled", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "size=4k"] }];
    const { code, err } = scene.run(configOf("true", { root: { path: "full" }, mounts }));
    expect([code, err]).toEqual([1, expect.stringContaining("no space left on device")]);
  });
});

describe("other filesystems", () => {
  needs("root", "busybox", "runc")("overlay takes directories of the host, several in one option too", () => {
    for (const name of ["low1", "low2", "upper", "work"]) directory(name);
    writeFileSync(join(scene.directory, "low1/a"), "first");
    writeFileSync(join(scene.directory, "low2/a"), "second");
    writeFileSync(join(scene.directory, "low2/b"), "below");
    const [l1, l2, u, w] = ["low1", "low2", "upper", "work"].map((name) => join(scene.directory, name));
    for (const options of [[`lowerdir=${l1}:${l2},upperdir=${u},workdir=${w}`], [`lowerdir=${l1}:${l2}`, `upperdir=${u}`, `workdir=${w}`]]) {
      const mounts = [{ destination: "/mnt", type: "overlay", source: "overlay", options }];
      for (const runtime of RUNTIMES) expect(scene.lines("cat /mnt/a /mnt/b; echo new >/mnt/c", { mounts }, { runtime })).toEqual(["firstbelow"]);
    }
    expect(readdirSync(u ?? "")).toEqual(["c"]);
  });

  needs("root", "busybox", "runc")("a disk is mounted with its options, read-only as a whole", () => {
    const image = join(scene.directory, "disk");
    writeFileSync(image, "");
    truncateSync(image, 8 << 20);
    expect(Bun.spawnSync(["mke2fs", "-q", "-t", "ext4", image]).exitCode).toBe(0);
    const loop = Bun.spawnSync(["losetup", "-f", "--show", image]).stdout.toString().trim();
    try {
      const mounts = [{ destination: "/mnt", type: "ext4", source: loop, options: ["ro", "nosuid", "data=ordered"] }];
      for (const runtime of RUNTIMES) {
        expect(scene.lines("awk '$5 == \"/mnt\" { print $6, $8, $9, substr($10, 1, 2) }' /proc/self/mountinfo; ls /mnt", { mounts }, { runtime })).toEqual([
          `ro,nosuid,relatime ext4 ${loop} ro`, "lost+found",
        ]);
      }
    } finally {
      Bun.spawnSync(["losetup", "-d", loop]);
    }
  });

  needs("root", "busybox")("remount changes what is there; a mount without a type changes propagation alone", () => {
    const mounts = [
      { destination: "/run", type: "tmpfs", source: "tmpfs", options: ["size=1m", "mode=755"] },
      { destination: "/run", type: "tmpfs", source: "tmpfs", options: ["remount", "size=2m", "nosuid"] },
      { destination: "/run", options: ["shared"] },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["size=1m"] },
      { destination: "/tmp", source: "none", type: "none", options: ["bind", "remount", "ro"] },
    ];
    expect(scene.lines("awk '$5 == \"/run\" || $5 == \"/tmp\" { sub(/:.*/, \"\", $7); print $5, $6, $7 }' /proc/self/mountinfo; df -k /run | awk 'END { print $2 }'", { mounts })).toEqual([
      "/run rw,nosuid,relatime shared", "/tmp ro,relatime -", "2048",
    ]);
  });

  needs("root", "busybox")("a mount on the root itself is refused, and one of an unknown type says so", () => {
    expect(scene.run(configOf("true", { mounts: [{ destination: "/", type: "tmpfs", source: "tmpfs" }] })).err).toContain("that is the root filesystem");
    expect(scene.run(configOf("true", { mounts: [{ destination: "/mnt", type: "nosuchfs", source: "x" }] })).err).toContain("no such device");
  });
});

describe("views of the kernel", () => {
  needs("root", "busybox")("/sys is the network's; where that is the host's and users are not, it is bound", () => {
    expect(scene.lines("ls /sys/class/net")).toEqual(["lo"]);
    const links = readdirSync("/sys/class/net").sort();
    const linux = { ...ownUsers(USERS), namespaces: ownUsers(USERS).namespaces?.filter(({ type }) => type !== "network") ?? [] };
    expect(scene.lines("ls /sys/class/net; touch /sys/kernel/x 2>/dev/null || echo no; awk '$5 == \"/sys\" { print $6 }' /proc/self/mountinfo", { ...mapped, linux })).toEqual([
      ...links, "no", "ro,nosuid,nodev,noexec,relatime",
    ]);
  });

  needs("root", "busybox")("/proc is that of the container's PID namespace, a joined or the caller's too", () => {
    expect(scene.lines("echo $$ /proc/[0-9]*")).toEqual(["1 /proc/1"]);
    expect(scene.lines("readlink /proc/self/ns/pid", { linux: without("pid") })).toEqual([Bun.spawnSync(["readlink", "/proc/self/ns/pid"]).stdout.toString().trim()]);
    const child = Bun.spawn(["unshare", "-pf", "--kill-child", "sh", "-c", "echo; exec cat"], { stdin: "pipe", stdout: "pipe" });
    try {
      const inner = Number(Bun.spawnSync(["sh", "-c", `until c=$(cat /proc/${child.pid}/task/${child.pid}/children) && [ -n "$c" ]; do :; done; echo $c`]).stdout.toString());
      const namespaces = [...without("pid").namespaces, { type: "pid" as const, path: `/proc/${inner}/ns/pid` }];
      expect(scene.lines("cat /proc/1/comm", { linux: { namespaces } })[0]).toMatch(/^(sh|cat)$/);
    } finally {
      child.kill("SIGKILL");
    }
  });

  needs("root", "busybox")("cgroups are the container's own, with a cgroup namespace or without", () => {
    const script = "cd /sys/fs/cgroup; cat pids/tasks 2>/dev/null || cat cgroup.procs; (echo 0 >pids/tasks) 2>/dev/null || echo no";
    for (const types of [[], ["cgroup"]]) {
      const lines = scene.lines(script, { linux: without(...types) });
      expect(lines[0]).toBe("1");
      expect(lines.at(-1)).toBe("no");
    }
    const linux = { ...ownUsers(USERS), namespaces: ownUsers(USERS).namespaces?.filter(({ type }) => type !== "cgroup") ?? [] };
    expect(scene.lines(script, { ...mapped, linux })[0]).toBe("1");
  });

  needs("root", "busybox")("a writable view of cgroups is writable for the container's root", () => {
    const mounts = [{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev"] }];
    expect(scene.lines("mkdir /sys/fs/cgroup/pids/mine && rmdir /sys/fs/cgroup/pids/mine && echo yes", { ...admin, mounts })).toEqual(["yes"]);
  });
});

describe("/dev", () => {
  needs("root", "busybox", "runc")("that is a bind of the host's is left as it is", () => {
    const mounts = [{ destination: "/dev", source: "/dev", options: ["rbind"] }];
    for (const runtime of RUNTIMES) {
      expect(scene.lines("ls -A /dev/null /dev/kmsg 2>&1; [ -e /dev/ptmx ] && ls -ld /dev/ptmx | cut -c 1", { mounts }, { runtime })).toEqual(["/dev/kmsg", "/dev/null", "c"]);
    }
  });

  needs("root", "busybox", "runc")("of the root filesystem itself gets nodes and links, and what stands in their place is an error", () => {
    const root = scene.makeRootfs("plain");
    const mounts = [{ destination: "/proc", type: "proc", source: "proc" }];
    const config = (): ReturnType<typeof configOf> => ({ ...configOf("stat -c '%n %t:%T %a' /dev/null /dev/tty; readlink /dev/ptmx; echo x >/dev/null", { root: { path: "plain" } }), mounts });
    for (const runtime of RUNTIMES) expect(scene.run(config(), { runtime }).out).toBe("/dev/null 1:3 666\n/dev/tty 5:0 666\npts/ptmx\n");
    Bun.spawnSync(["rm", join(root, "dev/null")]);
    writeFileSync(join(root, "dev/null"), "");
    expect(scene.run(config()).err).toContain("The kernel did not confirm");
  });

  needs("root", "busybox", "runc")("read-only is so for its directory, and not for its devices", () => {
    const mounts = [{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "ro", "mode=755"] }];
    for (const runtime of RUNTIMES) {
      expect(scene.lines("touch /dev/x 2>/dev/null || echo no; echo y >/dev/null && echo yes; touch /dev/shm/x && echo yes", { mounts }, { runtime })).toEqual(["no", "yes", "yes"]);
    }
  });
});
