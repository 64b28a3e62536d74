/** The flags that `do` and `run` share, spelled as docker's. */
import type { OptionSpec } from "./verb.ts";

export const CONTAINER_OPTIONS: readonly OptionSpec[] = [
  { name: "interactive", short: "i", help: "Keep standard input open" },
  { name: "tty", short: "t", value: "WHEN", valueOptional: true, choices: ["auto", "true", "false", "force"], help: "Give the program a terminal of its own; without one on the host it is left out, unless force" },
  { name: "rm", help: "Remove the container's state when it ends" },
  { name: "name", value: "NAME", help: "Name of the container" },
  { name: "env", short: "e", value: "NAME=VALUE", repeat: true, help: "Set a variable; NAME alone takes the caller's value" },
  { name: "env-file", value: "FILE", repeat: true, help: "Read variables from a file" },
  { name: "workdir", short: "w", value: "DIR", help: "Working directory in the container" },
  { name: "user", short: "u", value: "USER[:GROUP]", help: "User inside, by name or number" },
  { name: "group-add", value: "GROUP", repeat: true, help: "Additional group inside" },
  { name: "hostname", short: "h", value: "NAME", help: "Host name inside" },
  { name: "volume", short: "v", value: "SRC:DST[:OPTIONS]", repeat: true, help: "Bind a host path into the container" },
  { name: "mount", value: "TYPE=...", repeat: true, help: "Attach a bind or tmpfs mount" },
  { name: "tmpfs", value: "DST[:OPTIONS]", repeat: true, help: "Mount an empty directory in memory" },
  { name: "device", value: "HOST[:CONTAINER][:rwm]", repeat: true, help: "Add a device of the host (needs --unsafe=device)" },
  { name: "memory", short: "m", value: "SIZE", help: "Memory limit" },
  { name: "memory-swap", value: "SIZE", help: "Limit of memory and swap together; -1 is unlimited, and without it nothing is swapped" },
  { name: "cpus", value: "NUMBER", help: "CPUs that may be used at once, such as 1.5" },
  { name: "cpuset-cpus", value: "LIST", help: "CPUs to run on, such as 0-1" },
  { name: "cpu-shares", value: "NUMBER", help: "Weight against others; 1024 is normal" },
  { name: "pids-limit", value: "NUMBER", help: "Processes and threads at most; -1 is unlimited" },
  { name: "ulimit", value: "NAME=SOFT[:HARD]", repeat: true, help: "Resource limit of a process" },
  { name: "cap-add", value: "CAPABILITY", repeat: true, help: "Grant a capability inside the user namespace" },
  { name: "cap-drop", value: "CAPABILITY", repeat: true, help: "Take a capability away" },
  { name: "security-opt", value: "OPTION", repeat: true, help: "no-new-privileges[=false], seccomp=FILE|unconfined, apparmor=PROFILE|unconfined, label=..., landlock=unconfined, proc-opts=..., systempaths=unconfined" },
  { name: "read-only", help: "Nothing can be written in the root filesystem" },
  { name: "init", help: "Run pidbox's init as PID 1, the program below it (default: on)" },
  { name: "stop-signal", value: "SIGNAL", help: "What SIGTERM to pidbox is passed on as (default: SIGTERM)" },
  { name: "stop-timeout", value: "SECONDS", help: "Kill the program if it has not ended so long after SIGTERM to pidbox (default: never)" },
  { name: "sysctl", value: "NAME=VALUE", repeat: true, help: "Set a kernel parameter of the container's own namespaces" },
  { name: "userns", value: "MODE", choices: ["private", "auto", "host"], help: "User namespace; host needs --unsafe=userns-host" },
  { name: "pid", value: "MODE", help: "PID namespace: private, container:ID, or host (needs --unsafe=pid-host)" },
  { name: "ipc", value: "MODE", choices: ["private", "none", "host"], help: "IPC namespace; host needs --unsafe=ipc-host" },
  { name: "uts", value: "MODE", choices: ["private", "host"], help: "UTS namespace; host needs --unsafe=uts-host" },
  { name: "cgroupns", value: "MODE", choices: ["private", "host"], help: "Cgroup namespace; host needs --unsafe=cgroupns-host" },
  { name: "shm-size", value: "SIZE", help: "Size of /dev/shm" },
  { name: "oom-score-adj", value: "NUMBER", help: "From 0 to 1000: how early the kernel kills it when memory runs out" },
  { name: "cidfile", value: "FILE", help: "Write the container's id to a new file" },
  { name: "label", short: "l", value: "NAME=VALUE", repeat: true, help: "Note something about the container" },
  { name: "cgroup-parent", value: "PATH", help: "Make its cgroups below this path of the hierarchies" },
  { name: "rw", value: "PATH", repeat: true, help: "Let it write to this path of the host" },
  { name: "privileged", help: "Almost no wall at all (needs --unsafe=privileged)" },
  { name: "unsafe", value: "NAME", repeat: true, help: "Allow what weakens the wall, by the name that the refusal gave" },
  { name: "allow-degraded", value: "FEATURE", repeat: true, help: "Start without a layer that this host cannot build: apparmor, cgroups, idmap, layer, proc, overlay" },
  { name: "verify", help: "Once it runs, read the whole wall back from the kernel; a layer that is not there stops it" },
  { name: "explain", help: "Print the plan and start nothing" },
  { name: "format", value: "FORM", choices: ["table", "json"], help: "Form of --explain" },
  { name: "fault", value: "OP", help: "Let this op of the plan fail, to see that nothing stays behind (for tests)" },
];

/** Those of containers that can go on without their caller: `run` and `create`. */
export const KEEP_OPTIONS: readonly OptionSpec[] = [
  { name: "restart", value: "POLICY", help: "When it is started again after its end: no, on-failure[:N], always, unless-stopped" },
  { name: "log-driver", value: "DRIVER", choices: ["json-file", "k8s-file", "none"], help: "Form of the log: docker's (the default), CRI's, or none" },
  { name: "log-opt", value: "NAME=VALUE", repeat: true, help: "max-size=SIZE (20m; -1 is unlimited) and max-file=N (5): when a log is full, and how many there are" },
  { name: "pidfile", value: "FILE", help: "Write the PID of its first process to this file" },
];

/** Exit codes of `do` and `run`, as docker and podman have them. */
export const CONTAINER_EXIT_CODES = [
  { code: 125, text: "pidbox itself failed, or refused; nothing was left behind" },
  { code: 126, text: "the program was found but cannot be executed" },
  { code: 127, text: "the program was not found" },
  { code: "128+N", text: "signal N ended the program" },
  { code: "other", text: "the program's own exit code" },
] as const;
