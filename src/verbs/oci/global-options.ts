/** The options before the verb, as runc has them. */
import type { OciOption } from "./verb.ts";

export const OCI_GLOBAL_OPTIONS: readonly OciOption[] = [
  { name: "debug", help: "enable debug logging" },
  { name: "log", kind: "text", initial: "", help: "set the log file to write logs to (stderr if there is none)" },
  { name: "log-format", kind: "text", initial: "text", help: "set the log format ('text' or 'json')" },
  { name: "root", kind: "text", help: "root directory for storage of container state (this should be located in tmpfs)" },
  { name: "criu", kind: "text", help: "accepted and ignored: checkpoint and restore are not supported", hidden: true },
  {
    name: "systemd-cgroup",
    help: "enable systemd cgroup support, expects cgroupsPath to be of form \"slice:prefix:name\" for e.g. \"system.slice:pidbox:434234\"",
  },
  { name: "rootless", kind: "text", initial: "auto", help: "ignore cgroup permission errors ('true', 'false', or 'auto')" },
  { name: "version", short: "v", help: "print the version" },
];
