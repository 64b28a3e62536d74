/** The options of the verbs that start processes, as runc has them. */
import type { OciOption } from "./verb.ts";

const BUNDLE: OciOption = { name: "bundle", short: "b", kind: "text", initial: "", help: "path to the root of the bundle directory, defaults to the current directory" };
const CONFIG: OciOption = { name: "config", kind: "text", help: "path to the container specification file, defaults to \"config.json\" in the bundle directory" };
const CONSOLE_SOCKET: OciOption = {
  name: "console-socket", kind: "text", help: "path to an AF_UNIX socket which will receive a file descriptor referencing the master end of the console's pseudoterminal",
};
const PIDFD_SOCKET: OciOption = { name: "pidfd-socket", kind: "text", help: "path to an AF_UNIX socket which will receive a file descriptor referencing the first process" };
const PID_FILE: OciOption = { name: "pid-file", kind: "text", help: "specify the file to write the process id to" };
const NO_PIVOT: OciOption = {
  name: "no-pivot", help: "do not use pivot root to jail process inside rootfs.  This should be used whenever the rootfs is on top of a ramdisk",
};
const NO_NEW_KEYRING: OciOption = {
  name: "no-new-keyring", help: "do not create a new session keyring for the container.  This will cause the container to inherit the calling processes session key",
};
const PRESERVE_FDS: OciOption = {
  name: "preserve-fds", kind: "integer", initial: "0", help: "Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)",
};
const DETACH: OciOption = { name: "detach", short: "d", help: "detach from the container's process" };

/** For those who look into pidbox itself. */
const PLAN: readonly OciOption[] = [
  { name: "explain", help: "print the plan as JSON and start nothing", hidden: true },
  { name: "fault", kind: "integer", help: "let this op of the plan fail", hidden: true },
];

export const CREATE_OPTIONS: readonly OciOption[] = [BUNDLE, CONFIG, CONSOLE_SOCKET, PIDFD_SOCKET, PID_FILE, NO_PIVOT, NO_NEW_KEYRING, PRESERVE_FDS, ...PLAN];

export const RUN_OPTIONS: readonly OciOption[] = [
  BUNDLE, CONFIG, CONSOLE_SOCKET, PIDFD_SOCKET, DETACH,
  { name: "keep", help: "do not delete the container after it exits" },
  PID_FILE,
  { name: "no-subreaper", help: "disable the use of the subreaper used to reap reparented processes" },
  NO_PIVOT, NO_NEW_KEYRING, PRESERVE_FDS, ...PLAN,
];

export const EXEC_OPTIONS: readonly OciOption[] = [
  CONSOLE_SOCKET, PIDFD_SOCKET,
  { name: "cwd", kind: "text", help: "current working directory in the container" },
  { name: "env", short: "e", kind: "text", repeat: true, help: "set environment variables" },
  { name: "tty", short: "t", help: "allocate a pseudo-TTY" },
  { name: "user", short: "u", kind: "text", help: "UID (format: <uid>[:<gid>])" },
  { name: "additional-gids", short: "g", kind: "integer", repeat: true, help: "additional gids" },
  { name: "process", short: "p", kind: "text", help: "path to the process.json" },
  DETACH, PID_FILE,
  { name: "process-label", kind: "text", help: "set the asm process label for the process commonly used with selinux" },
  { name: "apparmor", kind: "text", help: "set the apparmor profile for the process" },
  { name: "no-new-privs", help: "set the no new privileges value for the process" },
  { name: "cap", short: "c", kind: "text", repeat: true, help: "add a capability to the bounding set for the process" },
  PRESERVE_FDS,
  { name: "cgroup", kind: "text", repeat: true, help: "run the process in an (existing) sub-cgroup(s). Format is [<controller>:]<cgroup>." },
  { name: "ignore-paused", help: "allow exec in a paused container" },
  ...PLAN,
];
