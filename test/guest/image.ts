/**
 * The image of a modern host: Debian as apt on this machine knows it, with systemd, AppArmor and nothing but cgroup v2. Built once by debootstrap (two to three
 * minutes, 400 MB), and kept in the user's cache under a hash of how it is built. Needs root, for debootstrap makes devices and enters its tree.
 */
import { chmodSync, cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

const PACKAGES = [
  "linux-image-cloud-amd64", "initramfs-tools", "systemd", "systemd-sysv", "libpam-systemd", "udev", "dbus", "dbus-user-session", "kmod", "util-linux", "mount",
  "apparmor", "uidmap", "busybox-static", "procps", "iproute2", "iptables", "runc", "docker.io", "containerd", "podman", "containernetworking-plugins",
];
/** Services that a test has no use for, or starts itself; each costs boot time under emulation. */
const MASKED = [
  "getty@tty1.service", "serial-getty@ttyS0.service", "systemd-timesyncd.service", "systemd-networkd-wait-online.service", "systemd-pstore.service",
  "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
  "docker.service", "docker.socket", "containerd.service", "podman.service", "podman.socket", "podman-restart.service", "podman-auto-update.timer",
];
const JOB = `[Unit]
Description=checks
Wants=user@1000.service
After=systemd-user-sessions.service systemd-logind.service apparmor.service user@1000.service
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate
[Service]
Type=oneshot
ExecStartPre=/bin/mount -o ro /dev/vdb /srv
ExecStart=/bin/sh /srv/job
StandardOutput=null
StandardError=tty
TTYPath=/dev/ttyS0
Delegate=yes
TimeoutStartSec=infinity
`;

export interface GuestImage {
  readonly kernel: string;
  readonly initrd: string;
  readonly disk: string;
}

interface Archive {
  readonly mirror: string;
  readonly suite: string;
}

function run(command: readonly string[], log: string): void {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { stdin: "ignore", env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" } });
  writeFileSync(log, `+ ${command.join(" ")}\n${stdout.toString()}${stderr.toString()}`, { flag: "a" });
  if (exitCode !== 0) throw new Error(`${command[0]} ended with ${exitCode}: ${(stdout.toString() + stderr.toString()).trim().split("\n").slice(-5).join("; ")}`);
}

/** The archive that apt uses here for the release itself, beside which -updates and -security are only additions. */
function archive(): Archive {
  const format = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"];
  const lines = Bun.spawnSync(format).stdout.toString().split("\n").map((line) => line.split(" "));
  const found = lines.find(([uri = "", suite = "", component]) => component === "main" && /\/debian\/?$/.test(uri) && !suite.includes("-"));
  if (found === undefined) throw new Error("apt knows no Debian archive here: run apt-get update");
  return { mirror: found[0] ?? "", suite: found[1] ?? "" };
}

function put(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** What makes a Debian tree this guest: its units, one user with ids of its own, and no firmware or drivers that no virtual machine has. */
function furnish(root: string): void {
  put(root, "etc/hostname", "guest\n");
  put(root, "etc/fstab", "");
  put(root, "etc/machine-id", `${"1".repeat(32)}\n`);
  put(root, "etc/systemd/journald.conf.d/guest.conf", "[Journal]\nStorage=volatile\n");
  put(root, "etc/systemd/system/guest-job.service", JOB);
  put(root, "var/lib/systemd/linger/alice", "");
  put(root, "etc/subuid", "alice:100000:65536\n");
  put(root, "etc/subgid", "alice:100000:65536\n");
  const wants = join(root, "etc/systemd/system/multi-user.target.wants");
  mkdirSync(wants, { recursive: true });
  symlinkSync("/etc/systemd/system/guest-job.service", join(wants, "guest-job.service"));
  for (const unit of MASKED) {
    rmSync(join(root, "etc/systemd/system", unit), { force: true });
    symlinkSync("/dev/null", join(root, "etc/systemd/system", unit));
  }
  for (const path of ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"]) rmSync(join(root, path), { recursive: true, force: true });
}

function build({ mirror, suite }: Archive, folder: string): void {
  const log = join(folder, "build.log");
  const root = mkdtempSync(join(tmpdir(), "pidbox-guest-"));
  try {
    chmodSync(root, 0o755);
    run(["debootstrap", "--variant=minbase", `--include=${PACKAGES.join(",")}`, suite, root, mirror], log);
    run(["chroot", root, "useradd", "--create-home", "--uid", "1000", "--shell", "/bin/sh", "alice"], log);
    furnish(root);
    for (const [name, pattern] of [["vmlinuz", "boot/vmlinuz-*"], ["initrd", "boot/initrd.img-*"]] as const) {
      const [found] = globSync(pattern, { cwd: root });
      if (found === undefined) throw new Error(`the tree has no ${pattern}`);
      cpSync(join(root, found), join(folder, name));
    }
    rmSync(join(root, "boot"), { recursive: true });
    run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=0,nodiscard", "-L", "guest", "-d", root, join(folder, "disk"), "2G"], log);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** The image, built if it is not in the cache. Throws if it cannot be built. */
export function guestImage(): GuestImage {
  const from = archive();
  const key = new Bun.CryptoHasher("sha256").update(readFileSync(import.meta.path)).update(`${from.mirror} ${from.suite}`).digest("hex").slice(0, 16);
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "pidbox/guest");
  const folder = join(cache, key);
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    const fresh = mkdtempSync(join(cache, "new-"));
    try {
      console.log(`guest: building ${folder} from ${from.suite}`);
      build(from, fresh);
      if (!existsSync(folder)) renameSync(fresh, folder);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  }
  return { kernel: join(folder, "vmlinuz"), initrd: join(folder, "initrd"), disk: join(folder, "disk") };
}
