/** The config.json that `spec` writes: runc's example (libcontainer/specconv/example.go), to start an edit from. Pure. */
import type { Config, LinuxNamespace, Mount } from "./runtime-config.ts";

const CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

const MASKED = [
  "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware",
  "/proc/scsi", "/sys/devices/virtual/tpm",
];

const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

const SYS: Mount = { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] };

const MOUNTS: readonly Mount[] = [
  { destination: "/proc", type: "proc", source: "proc" },
  { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
  { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
  { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  SYS,
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "relatime", "ro"] },
];

/** The example. `unified` is whether the host has cgroup v2 alone: then the container gets a cgroup namespace too. */
export function exampleConfig(ociVersion: string, unified: boolean): Config {
  const types = ["pid", "network", "ipc", "uts", "mount"] as const;
  const namespaces: LinuxNamespace[] = types.map((type) => ({ type }));
  if (unified) namespaces.push({ type: "cgroup" });
  return {
    ociVersion,
    process: {
      terminal: true, user: { uid: 0, gid: 0 }, args: ["sh"], env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"], cwd: "/",
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }], noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true }, hostname: "pidbox", mounts: MOUNTS,
    linux: { resources: { devices: [{ allow: false, access: "rwm" }] }, namespaces, maskedPaths: MASKED, readonlyPaths: READ_ONLY },
  };
}

/** The example for a user without privileges: in a user namespace that maps the user alone, with the host's network and /sys. */
export function rootlessConfig(example: Config, uid: number, gid: number): Config {
  const { resources: _, ...linux } = example.linux ?? {};
  const kept = (linux.namespaces ?? []).filter(({ type }) => type !== "network" && type !== "user");
  const one = (hostID: number): readonly [{ containerID: number; hostID: number; size: number }] => [{ containerID: 0, hostID, size: 1 }];
  const mounts = (example.mounts ?? []).map((mount): Mount => {
    if (mount === SYS) return { destination: "/sys", type: "none", source: "/sys", options: ["rbind", "nosuid", "noexec", "nodev", "ro"] };
    return mount.options === undefined ? mount : { ...mount, options: mount.options.filter((option) => !/^[ug]id=/.test(option)) };
  });
  return { ...example, mounts, linux: { uidMappings: one(uid), gidMappings: one(gid), ...linux, namespaces: [...kept, { type: "user" }] } };
}
