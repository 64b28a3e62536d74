/** Where pidbox-oci does not do as runc does below an engine, each with its reason. docs/engines.md shows them as a table (tools/engine-docs.ts). */
import { readFileSync } from "node:fs";
import type { Part } from "../parts.ts";
import { DRIVER, type Driver } from "./world.ts";

export type Engine = "docker" | "containerd" | "podman" | "podman without root";

/** A difference in one scenario. */
export interface Difference {
  readonly what: string;
  readonly reason: string;
  readonly engine: Engine;
  /** Name of the scenario that shows it. */
  readonly scenario: string;
  /** The place in what the scenario saw: names divided by dots. */
  readonly path: string;
  /** A RegExp stands for the texts that it matches. */
  readonly runc: unknown;
  readonly pidbox: unknown;
  /** It shows only where the engine lacks a capability of the kernel, as on many test machines. */
  readonly lacking?: boolean;
  /** It shows with this one only. */
  readonly driver?: Driver;
}

/** A difference that shows in many scenarios: what stands for it with either runtime is replaced by `same` before the comparison. */
export interface Form {
  readonly what: string;
  readonly reason: string;
  readonly runc: RegExp;
  readonly pidbox: RegExp;
  readonly same: string;
  /** The sets of scenarios in which it shows, by their titles. */
  readonly sets: readonly string[];
  /** Without these parts of the host it does not show. */
  readonly parts?: readonly Part[];
}

/** Matches nothing. */
const NEVER = /(?!)/g;
const OWN_DEVICES = "A privileged caller can make them, and the host's stay out of reach: runc lets the container's root own the host's /dev/null there.";

/** Sets whose programs look at all that they can see. */
const LOOKS = ["docker", "docker, user namespaces", "containerd", "podman", "podman without root"];

export const FORMS: readonly Form[] = [
  {
    what: "Errors have no `runc create failed:` in them", sets: ["docker", "containerd", "podman", "podman without root"], runc: /runc create failed: /g, pidbox: NEVER, same: "",
    reason: "They are runc's words for itself. What engines look for comes after them, and is the same.",
  },
  {
    what: "Masked directories are mounted `ro,nosuid,nodev,noexec`, not `ro`", sets: LOOKS,
    runc: /^(\/proc\/\S+|\/sys\/\S+) ro,relatime - tmpfs \/ ro(,.*)?$/gm,
    pidbox: /^(\/proc\/\S+|\/sys\/\S+) ro,nosuid,nodev,noexec,relatime - tmpfs \/directory rw,size=0k,nr_inodes=4,mode=755(,.*)?$/gm, same: "$1 masked",
    reason: "One empty directory stands for all of them, and holds nothing.",
  },
  {
    what: "Masked files are an empty read-only file, not the container's /dev/null", sets: LOOKS,
    runc: /^(\/proc\/\S+|\/sys\/\S+) rw,\S+ (?:master )?- (?:dev)?tmpfs \/null rw.*$/gm,
    pidbox: /^(\/proc\/\S+|\/sys\/\S+) ro,nosuid,nodev,noexec,relatime - tmpfs \/file rw,size=0k,nr_inodes=4,mode=755(,.*)?$/gm, same: "$1 masked",
    reason: "What /dev/null is in a container is up to whoever can write to its /dev in time (CVE-2025-31133).",
  },
  {
    // Where both share the host's network they share that filesystem, and what it is depends on who was first.
    what: "A read-only /sys is so as a mount, not as a filesystem", sets: LOOKS, runc: /^\/sys ro,nosuid,nodev,noexec,relatime - sysfs \/ r[wo]$/gm,
    pidbox: /^\/sys ro,nosuid,nodev,noexec,relatime - sysfs \/ r[wo]$/gm, same: "/sys ro",
    reason: "Attributes are set on a mount before it is attached. The filesystem is the network namespace's, which may be the host's: whoever mounts it first decides for all.",
  },
  {
    what: "With cgroups of version 1, the directory that they are mounted in is small, and read-only where they are",
    sets: ["docker", "docker, user namespaces", "podman", "podman without root"], parts: ["cgroup1"],
    runc: /^\/sys\/fs\/cgroup rw,nosuid,nodev,noexec,relatime - tmpfs \/ rw,mode=755(,.*)?$/gm,
    pidbox: /^\/sys\/fs\/cgroup r[ow],nosuid,nodev,noexec,relatime - tmpfs \/ rw,size=64k,mode=755(,.*)?$/gm, same: "/sys/fs/cgroup directory",
    reason: "It is a part of the mount that is asked for with `ro`.",
  },
  {
    what: "Mounts are private where the config asks for no propagation; runc makes them slaves of the host's",
    sets: ["docker", "docker, user namespaces", "podman without root", "containerd"], runc: / master - /g, pidbox: NEVER, same: " - ",
    reason: "What the host mounts later is not to appear in a container that nobody gave it to.",
  },
  {
    what: "In a user namespace /dev has devices of its own, which belong to the container's root; runc binds the host's", sets: ["docker, user namespaces"],
    runc: /^\/dev\/(full|null|random|tty|urandom|zero) rw,(nosuid,)?relatime - (dev)?tmpfs \/.*$/gm, pidbox: NEVER, same: "", reason: OWN_DEVICES,
  },
  {
    what: "In a user namespace the container's root owns these devices; with runc nobody does", sets: ["docker, user namespaces"],
    runc: /^(crw-rw-rw-) 65534 65534 (1,[35789]|5,0) (\/dev\/\w+)$/gm,
    pidbox: /^(crw-rw-rw-) 0 0 (1,[35789]|5,0) (\/dev\/\w+)$/gm, same: "$1 $2 $3", reason: OWN_DEVICES,
  },
  {
    what: "In a user namespace nobody owns /dev/mqueue, not the container's root", sets: ["docker, user namespaces", "podman without root"],
    runc: /^(drwxrwxrwt) \d+ \d+ (\/dev\/mqueue)$/gm, pidbox: /^(drwxrwxrwt) \d+ \d+ (\/dev\/mqueue)$/gm, same: "$1 $2",
    reason: "The kernel makes it with the IPC namespace, which is made before ids are mapped. Everybody may write to it all the same.",
  },
  {
    what: "In a user namespace the owner of a tmpfs at /dev is set on it, not by its options", sets: ["docker, user namespaces"],
    runc: /^(\/dev rw,\S+ - tmpfs \/ rw,size=\w+,mode=755),uid=\d+,gid=\d+$/gm, pidbox: NEVER, same: "$1",
    reason: "The result is the same.",
  },
];

const INIT = "unable to start container process: error during container init";

/** What a scenario of docker says when a container cannot be made. */
function words(scenario: string, path: string, runc: string, pidbox: RegExp, lacking = false): Difference {
  const prefix = "docker: Error response from daemon: failed to create shim task: OCI runtime create failed: ";
  return {
    what: "Errors of the config name its field, the value, and the system call that failed", reason: "So that it can be mended without reading the source.",
    engine: "docker", scenario, path: `${path}.err`, lacking,
    runc: `${prefix}runc create failed: ${runc}: unknown.\n`, pidbox: new RegExp(`^${prefix}${pidbox.source}: unknown.\n$`),
  };
}

function ungranted(scenario: string): Difference[] {
  return ["started", "all"].map((path): Difference => ({
    what: "A container that asks for a capability which the engine itself lacks gets all others; runc does not start it",
    reason: "The runtime specification wants a warning, and it is in the log.", engine: "docker", scenario, path, runc: false, pidbox: true, lacking: true,
  }));
}

function hiddenCgroups(scenario: string): Difference {
  return {
    what: "A container without cgroups of its own, as without root on a host with version 1, is not shown the host's; with runc it sees all of them",
    reason: "Names of all other containers and services are in them.", engine: "podman without root", scenario, path: "hierarchies", runc: "shown", pidbox: "hidden",
    driver: "cgroupfs",
  };
}

function weight(scenario: string, path: string, text: (weight: number) => string): Difference {
  return {
    what: "On cgroup v2, 512 shares of CPU time are the weight 59, not 20", engine: "docker", scenario, path, runc: text(20), pidbox: text(59), driver: "systemd",
    reason: "1024 shares, the default, are the default weight 100, as with runc from 1.3.2 on (opencontainers/cgroups#20).",
  };
}

export const DIFFERENCES: readonly Difference[] = [
  weight("update", "cpu", (value) => `50000 100000\n${value}`),
  weight("processors", "out", (value) => `Cpus_allowed_list:\t1\ncpu.max 50000 100000\ncpu.weight ${value}\ncpuset.cpus 1\n`),
  words(
    "sysctls", "absent", `${INIT}: open /proc/sys/net/ipv4/nosuch: no such file or directory`,
    /Cannot build "\/linux\/sysctl\/net.ipv4.nosuch": openat on "sys\/net\/ipv4\/nosuch": no such file or directory .*/,
  ),
  words(
    "sysctls", "invalid", `${INIT}: write /proc/sys/net/ipv4/ip_forward: invalid argument`,
    /Cannot build "\/linux\/sysctl\/net.ipv4.ip_forward": write on "none": invalid argument .*/,
  ),
  words(
    "filters of one's own", "bad", "string SCMP_ACT_NONSENSE is not a valid action for seccomp",
    /The config is not valid:.*\/linux\/seccomp\/syscalls\/0\/action: The value "SCMP_ACT_NONSENSE" is not one of SCMP_ACT_KILL, .*/,
  ),
  words(
    "resource limits", "raised", `${INIT}: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted`,
    /Cannot build "\/process\/rlimits\/0": prlimit64: operation not permitted .*/, true,
  ),
  {
    ...words(
      "a profile of AppArmor that is not there", "", `${INIT}: unable to apply apparmor profile: apparmor failed to apply profile: write /proc/self/attr/apparmor/exec: no such file or directory`,
      /Cannot build "\/process\/apparmorProfile": write on "exec nosuchprofile": no such file or directory .*/,
    ),
    path: "err", driver: "systemd",
  },
  ...ungranted("all capabilities"),
  ...ungranted("every privilege"),
  {
    what: "Masked files are an empty read-only file, not the container's /dev/null", reason: "As above.", engine: "docker", scenario: "masked and read-only paths", path: "kinds",
    runc: ["/proc/keys character special file", "/proc/timer_list character special file"],
    pidbox: ["/proc/keys regular empty file", "/proc/timer_list regular empty file"],
  },
  {
    what: "While an exec runs there is one more process: a small init, parent of the program, that reaps what the program leaves behind",
    reason: "Without it that goes to the container's first process, which may not reap (moby#25348).", engine: "docker", scenario: "processes of an exec", path: "processes",
    runc: ["sh", "sleep", "sleep"], pidbox: ["pidbox-init", "sh", "sleep", "sleep"],
  },
  ...["all that is seen by default", "all that is seen with options", "all that is seen with the same id"].map(hiddenCgroups),
];

/** Whether the caller lacks capabilities of the kernel. */
export function lacksCapabilities(): boolean {
  const mask = /^CapEff:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
  const last = Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8"));
  return Number.parseInt(mask, 16) !== 2 ** (last + 1) - 1;
}

/** The differences that a scenario must show on this host. */
export function differencesOf(engine: Engine, scenario: string): readonly Difference[] {
  const here = ({ lacking, driver }: Difference): boolean => (lacking !== true || lacksCapabilities()) && (driver ?? DRIVER) === DRIVER;
  return DIFFERENCES.filter((one) => one.engine === engine && one.scenario === scenario && here(one));
}
