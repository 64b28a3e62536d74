/** The secure default container: one documented constant per choice. Pure. */
import type { LinuxNamespaceType, Mount } from "../spec/runtime-config.ts";

/** Every namespace that Linux has, all new. */
export const NAMESPACES: readonly LinuxNamespaceType[] = ["user", "pid", "mount", "network", "ipc", "uts", "cgroup", "time"];

/** `run`: what a package manager and a server need inside their own user namespace. `do` has none. */
export const RUN_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
];

/**
 * Kernel interfaces that leak across the PID namespace or name the machine: moby's list, with the later additions
 * (interrupts, powercap, thermal_throttle is per CPU and below /sys/devices).
 */
export const MASKED_PATHS: readonly string[] = [
  "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/scsi", "/proc/sched_debug",
  "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
];

/** Below /proc, what a process with capabilities could change for the whole host. */
export const READONLY_PATHS: readonly string[] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** Tasks at most. */
export const PIDS_LIMIT = { do: 512, run: 2048 } as const;
/** cpu.shares of `do`: a quarter of the default weight, so that untrusted code yields to the host. */
export const LOW_CPU_SHARES = 256;
/** Open files: the kernel's own soft default. Bun raises its soft limit at start and that of its caller is lost. */
export const SOFT_OPEN_FILES = 1024;
export const SHM_SIZE = 64 * 1024 * 1024;
export const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const KERNEL = ["nosuid", "noexec", "nodev"];

/** The filesystems of the kernel that every container has. `processesOnly`: /proc has processes and nothing else (subset=pid). */
export function kernelMounts(options: {
  processesOnly: boolean;
  shmSize: number;
  cgroups: boolean;
  hasTtyGroup: boolean;
  procOptions?: readonly string[];
}): Mount[] {
  const procOptions = options.procOptions ?? (options.processesOnly ? ["subset=pid"] : []);
  return [
    { destination: "/proc", type: "proc", options: [...KERNEL, ...procOptions] },
    { destination: "/dev", type: "tmpfs", options: ["nosuid", "noexec", "mode=755", "size=64k", "nr_inodes=512"] },
    {
      destination: "/dev/pts",
      type: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", ...(options.hasTtyGroup ? ["gid=5"] : [])],
    },
    { destination: "/dev/shm", type: "tmpfs", options: [...KERNEL, "mode=1777", `size=${options.shmSize}`] },
    { destination: "/dev/mqueue", type: "mqueue", options: KERNEL },
    { destination: "/sys", type: "sysfs", options: [...KERNEL, "ro"] },
    ...(options.cgroups ? [{ destination: "/sys/fs/cgroup", type: "cgroup", options: [...KERNEL, "ro"] }] : []),
  ];
}

/** An empty, writable directory in memory. */
export function scratch(destination: string, mode: string): Mount {
  return { destination, type: "tmpfs", options: ["nosuid", "nodev", `mode=${mode}`] };
}
