/** Propagation of mounts and of the root, as the container's mount table and the host's show it. */
import { afterAll, describe, expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { RUNTIMES } from "./runtime.ts";
import { OciScene, ownUsers } from "./scene.ts";
import type { Change, RunOptions } from "./scene.ts";

const scene = new OciScene();
afterAll(() => scene[Symbol.dispose]());

const SHARED = join(scene.directory, "shared");
mkdirSync(SHARED);

/** A mount namespace of its own where SHARED is a shared tmpfs with a directory and a mount in it; `after` runs when the container has ended. */
const host = (after = "true"): readonly string[] => [
  "unshare", "-m", "--propagation", "private", "sh", "-ec",
  `mount -t tmpfs one ${SHARED}; mount --make-shared ${SHARED}; mkdir ${SHARED}/in ${SHARED}/new; mount -t tmpfs two ${SHARED}/in; "$@"; ${after}`, "sh",
];

/** How the container's /mnt and /mnt/in propagate: tags without numbers. */
const TAGS = "awk '$5 ~ /^\\/mnt/ { tags = \"\"; for (i = 7; $i != \"-\"; i++) { sub(/:.*/, \"\", $i); tags = tags \" \" $i }; print $5 tags }' /proc/self/mountinfo";

const ADMIN = ["CAP_SYS_ADMIN"];
const admin: Change = { process: { capabilities: { bounding: ADMIN, effective: ADMIN, permitted: ADMIN } } };

function tags(options: readonly string[], change: Change = {}, run: RunOptions = {}): string[] {
  return scene.lines(TAGS, { ...change, mounts: [{ destination: "/mnt", source: SHARED, options }] }, { before: host(), ...run });
}

describe("propagation of a bind", () => {
  const table: readonly (readonly [options: readonly string[], tags: readonly string[]])[] = [
    [["rbind", "rprivate"], ["/mnt", "/mnt/in"]],
    [["rbind", "rslave"], ["/mnt master", "/mnt/in master"]],
    [["rbind", "rshared"], ["/mnt shared", "/mnt/in shared"]],
    [["bind", "slave"], ["/mnt master"]],
    [["bind", "slave", "shared"], ["/mnt shared master"]],
    [["bind", "unbindable"], ["/mnt unbindable"]],
  ];
  for (const [options, wanted] of table) {
    needs("root", "busybox", "runc")(`${options.join(",")} is ${wanted.join(", ")}`, () => {
      for (const runtime of RUNTIMES) {
        // As docker writes it: runc makes the whole tree a slave or private before it copies from it, unless it is told otherwise.
        const shared = options.some((option) => option.endsWith("shared"));
        const rootfsPropagation = shared ? ("shared" as const) : options.some((option) => option.endsWith("slave")) ? ("rslave" as const) : undefined;
        const found = tags(options, { linux: { ...namespaces, ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }) } }, { runtime });
        expect([runtime, found]).toEqual([runtime, [...wanted]]);
      }
    });
  }

  needs("root", "busybox")("is private without a word, and no word makes a container with users of its own a peer of the host", () => {
    expect(tags(["rbind"])).toEqual(["/mnt", "/mnt/in"]);
    expect(tags(["rbind", "rshared"], { linux: ownUsers(0) })).toEqual(["/mnt shared master", "/mnt/in shared master"]);
  });

  needs("root", "busybox")("rshared shows the host what the container mounts; rslave and rprivate do not", () => {
    for (const [option, wanted] of [["rshared", 1], ["rslave", 0], ["rprivate", 0]] as const) {
      const mounts = [{ destination: "/mnt", source: SHARED, options: ["rbind", option] }];
      const seen = scene.lines("mount -t tmpfs three /mnt/new", { ...admin, mounts }, { before: host(`grep -c three /proc/self/mountinfo || true`) });
      expect([option, seen]).toEqual([option, [String(wanted)]]);
    }
  });
});

const namespaces = { namespaces: (["mount", "pid", "ipc", "uts", "network", "cgroup"] as const).map((type) => ({ type })) };

describe("rootfsPropagation", () => {
  const ROOT = "awk '$5 == \"/\" || $5 == \"/dev\" { tags = \"\"; for (i = 7; $i != \"-\"; i++) { sub(/:.*/, \"\", $i); tags = tags \" \" $i }; print $5 tags }' /proc/self/mountinfo";
  for (const [word, wanted] of [["shared", "/ shared"], ["rshared", "/ shared"], ["private", "/"], ["rslave", "/"], ["unbindable", "/ unbindable"]] as const) {
    needs("root", "busybox")(`${word} is that of the root`, () => {
      const lines = scene.lines(ROOT, { linux: { ...namespaces, rootfsPropagation: word } });
      expect(lines.sort()).toEqual([wanted, word === "rshared" ? "/dev shared" : "/dev"]);
    });
  }

  needs("root", "busybox")("shares nothing of the container's root with a host that shares its own", () => {
    const before = [
      "unshare", "-m", "--propagation", "private", "sh", "-ec",
      `mount --bind ${scene.rootfs} ${scene.rootfs}; mount --make-rshared /; "$@"; grep -c " ${scene.rootfs}/" /proc/self/mountinfo || true`, "sh",
    ];
    expect(scene.lines("mount -t tmpfs four /mnt", { ...admin, linux: { ...namespaces, rootfsPropagation: "rshared" } }, { before })).toEqual(["0"]);
  });
});

describe("--no-pivot", () => {
  for (const [name, change] of [["", {}], [" with users of its own", { linux: ownUsers(0) }]] as const) {
    needs("root", "busybox")(`puts the root over the host's, whose /proc and /sys are gone${name}`, () => {
      const script = "ls /; echo $$; awk '$5 == \"/\" { print $4 }' /proc/self/mountinfo | tail -n 1; set -- /proc/[0-9]*; echo $#; awk '$5 == \"/\"' /proc/self/mountinfo | wc -l";
      const lines = scene.lines(script, change, { flags: ["--no-pivot"] });
      expect(lines.slice(0, -4)).toEqual(["bin", "dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp", "var"]);
      expect(lines.slice(-4)).toEqual(["1", "/", "1", "1"].map((word, i) => (i === 1 ? (lines.at(-3) ?? "") : word)));
      expect(lines.at(-3)).toEndWith("/rootfs");
    });
  }
});
