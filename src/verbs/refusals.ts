/** What weakens the wall: refused with why, what to use instead, and the name that overrides. Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";

/** Every name that --unsafe takes, with why it is refused and what to do instead. */
export const UNSAFE = {
  "privileged": ["it switches off capabilities, seccomp, Landlock, masked and read-only paths together", "Grant the one thing that is needed: --cap-add, --device, --security-opt"],
  "pid-host": ["the container would see, and with the same user could signal and trace, every process of the host", "Use --pid=container:ID to share with one container"],
  "ipc-host": ["System V memory, message queues and /dev/shm of the host would be open to it", "Share a directory with -v"],
  "uts-host": ["it would see the host's name and, with CAP_SYS_ADMIN, change it", "Set a name with --hostname"],
  "userns-host": ["root inside would be root of the host, held back by the other layers alone", "Leave the user namespace on: files are id-mapped, so ownership works"],
  "cgroupns-host": ["it would see the host's cgroup paths", "Leave the cgroup namespace on"],
  "mount": ["this part of the host gives control over it, or over an engine that has control", "Bind the one directory that is needed"],
  "capabilities": ["this capability opens large parts of the kernel even inside a user namespace", "Run the one step that needs it elsewhere, or name the narrower capability"],
  "seccomp": ["without a filter the whole system call surface of the kernel is open", "Write a profile that allows the missing call: --security-opt seccomp=FILE"],
  "apparmor": ["without a profile the security module no longer backs up the other layers", "Name a profile: --security-opt apparmor=PROFILE"],
  "landlock": ["device nodes, links between directories and signals across the wall would be held back by the other layers alone", "Leave Landlock on: only a program that mounts, such as a nested container, is hindered by it"],
  "new-privileges": ["setuid programs could gain privileges again", "Give the program what it needs directly, with --user or --cap-add"],
  "device": ["a device of the host is open to the container, with its driver", "Use a file or a socket where the program takes one"],
  "systempaths": ["masked and read-only paths of /proc and /sys would be open", "Name the one file that is needed in an issue: it may be safe to show"],
} as const satisfies Readonly<Record<string, readonly [why: string, instead: string]>>;

export type UnsafeName = keyof typeof UNSAFE;

/** Capabilities that no container gets without --unsafe=capabilities. */
export const DANGEROUS_CAPABILITIES: readonly string[] = [
  "CAP_AUDIT_CONTROL", "CAP_BPF", "CAP_CHECKPOINT_RESTORE", "CAP_DAC_READ_SEARCH", "CAP_IPC_OWNER", "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN", "CAP_MAC_OVERRIDE",
  "CAP_NET_ADMIN", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_MODULE", "CAP_SYS_NICE", "CAP_SYS_PACCT", "CAP_SYS_PTRACE", "CAP_SYS_RAWIO",
  "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
];

// Host paths that are control: whole trees, and single sockets. Homes and keys are the user's own to give away.
const SENSITIVE_TREES = ["/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/usr", "/var", "/bin", "/sbin", "/lib", "/lib64", "/root/.ssh"];
const SENSITIVE_BELOW = [
  "/dev", "/proc", "/sys", "/run", "/var/run", "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/kubelet",
  "/etc/cron.d", "/etc/systemd", "/etc/pam.d",
];
const READABLE_BELOW = ["/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/var", "/boot"];
const SOCKET_NAME = /(^|\/)(docker|podman|containerd|crio|cri-dockerd|buildkitd|dockershim|lxd|incus)[^/]*\.sock$/;

/**
 * Whether binding this canonical host path is control over the host.
 * Read-only binds of system directories are harmless enough; of control trees they are not.
 */
export function isSensitiveSource(path: string, readonly: boolean): boolean {
  if (path === "/" || (path.endsWith(".sock") && SOCKET_NAME.test(path))) return true;
  const below = (tree: string): boolean => path === tree || path.startsWith(`${tree}/`);
  if (SENSITIVE_BELOW.some(below)) return true;
  if (readonly) return ["/etc", "/var", "/boot"].includes(path);
  return SENSITIVE_TREES.includes(path) || READABLE_BELOW.some(below) && !path.startsWith("/var/") && !path.startsWith("/usr/local/");
}

/** The overrides of one command line, and which of them were needed. */
export class Overrides {
  readonly #allowed: ReadonlySet<string>;
  readonly #used = new Set<UnsafeName>();

  /** Throws USAGE for a name that does not exist. */
  constructor(names: readonly string[]) {
    for (const name of names) {
      if (!Object.hasOwn(UNSAFE, name)) throw new PidboxError("USAGE", `There is no --unsafe=${quote(name, 40)}`, { hint: `One of ${Object.keys(UNSAFE).join(", ")}` });
    }
    this.#allowed = new Set(names);
  }

  /** Notes that `what` (a flag as it was given) weakens the wall. Throws REFUSED_UNSAFE unless it was overridden by name. */
  need(name: UnsafeName, what: string): void {
    if (!this.#allowed.has(name)) {
      const [why, instead] = UNSAFE[name];
      throw new PidboxError("REFUSED_UNSAFE", `Refused ${what}: ${why}`, { hint: `${instead}. To do it all the same: --unsafe=${name}`, context: { from: what } });
    }
    this.#used.add(name);
  }

  /** Names that were given and did weaken something, sorted. */
  get used(): UnsafeName[] {
    return [...this.#used].sort();
  }
}

/** Features that --allow-degraded takes. */
export const DEGRADABLE = ["apparmor", "cgroups", "idmap", "layer", "proc", "overlay"] as const;
export type DegradedName = (typeof DEGRADABLE)[number];

/** Checks the names of --allow-degraded. Throws USAGE. */
export function parseDegraded(names: readonly string[]): DegradedName[] {
  return [...new Set(names)].map((name) => {
    const known = DEGRADABLE.find((feature) => feature === name);
    if (known === undefined) throw new PidboxError("USAGE", `There is no --allow-degraded=${quote(name, 40)}`, { hint: `One of ${DEGRADABLE.join(", ")}` });
    return known;
  });
}
