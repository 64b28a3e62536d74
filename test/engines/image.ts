/** The image that the engines run: busybox and a script that tells what a program can see, as an archive that docker, ctr and podman load. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeBusyboxRoot } from "../busybox.ts";

/** Name of the image, as docker, containerd and podman know it. */
export const IMAGE = "docker.io/library/box:1";
/** The image of a pod's first container in Kubernetes: the same filesystem, with a program that does nothing. */
export const PAUSE = "docker.io/library/pause:1";

/**
 * What a program can see of how it was set up, but for what is different in each run. Mounts are told as mount point, options, propagation, type, root
 * and options of the filesystem, without the directories of overlays.
 */
const LOOK = `#!/bin/sh
umask=$(umask)
echo "== identity"; id; echo "umask $umask"; pwd; hostname
grep -E '^(Groups|Cap...|NoNewPrivs|Seccomp|Seccomp_filters|SigBlk|CoreDumping|Cpus_allowed_list|Speculation_Store_Bypass):' /proc/self/status
for file in oom_score_adj loginuid setgroups uid_map gid_map personality coredump_filter timerslack_ns; do echo "$file $(cat /proc/self/$file 2>&1 | tr -s ' \\n' ' ')"; done
awk '{ print "priority", $18, "nice", $19, "real-time", $40, "policy", $41 }' /proc/self/stat; ionice -p $$
echo "== label"; cat /proc/self/attr/current 2>/dev/null
echo "== environment"; env | sort
echo "== limits"; cat /proc/self/limits
echo "== descriptors"; ls -1 /proc/$$/fd
echo "== mounts"
awk '{ tags = ""; for (i = 7; $i != "-"; i++) { t = $i; sub(/:.*/, "", t); tags = tags " " t }
  s = $(i + 3); gsub(/(lowerdir|upperdir|workdir)=[^,]*/, "<dir>", s); print $5, $6 tags, "-", $(i + 1), $4, s }' /proc/self/mountinfo | sort
echo "== devices"; find /dev -path /dev/pts/\\* -prune -o -print | sort | xargs ls -land | awk '{ k = ($1 ~ /^[bc]/) ? 10 : 9; printf "%s %s %s", $1, $3, $4
  if ($1 ~ /^[bc]/) printf " %s%s", $5, $6; for (i = k - 0; i <= NF; i++) printf " %s", $i; print "" }'
echo "== namespaces"; ls -1 /proc/self/ns
echo "== cgroups"; cat /proc/self/cgroup; ls -1 /sys/fs/cgroup
echo "== root"; ls -lan / | awk '{ print $1, $3, $4, $9, $10, $11 }'
echo "== sysctl"; for name in kernel/hostname kernel/domainname kernel/shmmax kernel/msgmax net/ipv4/ip_forward \\
  net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range; do echo "$name $(cat /proc/sys/$name 2>&1)"; done
echo "== end"
`;

const PASSWD = "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/home/worker:/bin/sh\n";
const GROUP = "root:x:0:\ntty:x:5:\nworker:x:1000:\naudio:x:29:worker\nvideo:x:44:\n";

/** A root filesystem at `root`. */
export function makeRootfs(root: string): void {
  makeBusyboxRoot(root, ["home/worker", "data"]);
  chmodSync(join(root, "tmp"), 0o1777);
  writeFileSync(join(root, "bin/look"), LOOK, { mode: 0o755 });
  writeFileSync(join(root, "etc/passwd"), PASSWD);
  writeFileSync(join(root, "etc/group"), GROUP);
  writeFileSync(join(root, "data/file"), "of the image\n");
}

function tar(archive: string, folder: string, ...options: string[]): void {
  const made = Bun.spawnSync(["tar", "--owner=0", "--group=0", "--numeric-owner", ...options, "-cf", archive, "-C", folder, "."], { stderr: "inherit" });
  if (!made.success) throw new Error(`tar failed for ${folder}`);
}

/** Writes an archive in the format of `docker save` at `directory`/box.tar, with the root filesystem beside it, and returns the archive's path. */
export function makeImage(directory: string): string {
  const [root, parts] = [join(directory, "rootfs"), join(directory, "image")];
  makeRootfs(root);
  mkdirSync(parts);
  tar(join(parts, "layer.tar"), root);
  const digest = new Bun.CryptoHasher("sha256").update(readFileSync(join(parts, "layer.tar"))).digest("hex");
  const config = (command: readonly string[]): object => ({
    architecture: process.arch === "arm64" ? "arm64" : "amd64", os: "linux", created: "2026-01-01T00:00:00Z",
    config: { Env: ["PATH=/usr/bin:/bin"], Cmd: command }, rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
    history: [{ created: "2026-01-01T00:00:00Z", created_by: "tar" }],
  });
  const images = [[IMAGE, "box", ["sh"]], [PAUSE, "pause", ["sleep", "1000000"]]] as const;
  for (const [, name, command] of images) writeFileSync(join(parts, `${name}.json`), JSON.stringify(config(command)));
  const manifest = images.map(([image, name]) => ({ Config: `${name}.json`, RepoTags: [image.replace("docker.io/library/", "")], Layers: ["layer.tar"] }));
  writeFileSync(join(parts, "manifest.json"), JSON.stringify(manifest));
  const archive = join(directory, "box.tar");
  tar(archive, parts);
  return archive;
}
