/**
 * The AppArmor profile of pidbox's containers: a second opinion beside namespaces, read-only mounts and seccomp (apparmor.d(5)).
 *
 * Trusts: root's /sys/kernel/security and apparmor_parser(8), which compiles and loads. An attacker controls: nothing here.
 */
import { PidboxError } from "../base/error.ts";
import { printable } from "../base/text.ts";
import { readText, stat } from "../kernel/file.ts";
import { DEFAULT_PROFILE } from "../plan/security-modules.ts";

/** Fixed: it is executed as root. */
const PARSERS = ["/usr/sbin/apparmor_parser", "/sbin/apparmor_parser", "/usr/bin/apparmor_parser"];

/**
 * The profile's text. What capabilities and namespaces grant is granted, except for mounts, for writing to the kernel's own files in /proc and /sys, and
 * for signals and ptrace to whatever has not the same profile. Pure.
 */
export function profileText(name: string): string {
  return `profile ${name} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,

  deny mount,
  deny remount,
  deny umount,
  deny pivot_root,

  # /proc has processes under their numbers; everything else there is the kernel's.
  deny /proc/[^0-9]** wkl,
  deny /proc/{kcore,kmem,mem,sysrq-trigger} rwklx,
  deny /sys/** wkl,
  deny /sys/{firmware,kernel/debug,kernel/security,kernel/tracing,devices/virtual/powercap}/** rwklx,

  signal (receive),
  signal (send) peer=${name},
  ptrace (readby, tracedby),
  ptrace (read, trace) peer=${name},
}
`;
}

/** Whether the kernel has a profile of this name, or undefined where its list cannot be read: only root may, and securityfs has to be mounted. */
export function isProfileLoaded(name: string): boolean | undefined {
  const list = readText("/sys/kernel/security/apparmor/profiles", 16 << 20);
  return typeof list === "string" ? list.split("\n").some((line) => line.startsWith(`${name} (`)) : undefined;
}

/** The profile that confines this process, or undefined if none does. Pure. */
export function parseOwnProfile(label: string): string | undefined {
  const name = label.replace(/[\0\n]+$/, "");
  return name === "" || name === "unconfined" || name.endsWith(" (unconfined)") ? undefined : name;
}

/** A process that is confined cannot choose a profile for its container, which keeps the same one. */
export function readOwnProfile(): string | undefined {
  const label = readText("/proc/self/attr/apparmor/current", 4096);
  return typeof label === "string" ? parseOwnProfile(label) : undefined;
}

/** Loads the default profile if it is not there, which lasts until the next boot. For root. Throws HOST_UNSUPPORTED. */
export function loadDefaultProfile(): void {
  if (isProfileLoaded(DEFAULT_PROFILE) === true) return;
  const cannot = (why: string): PidboxError => new PidboxError("HOST_UNSUPPORTED", `Cannot load the AppArmor profile ${DEFAULT_PROFILE}: ${why}`, {
    hint: "Install apparmor_parser (Debian, Ubuntu and SUSE: package apparmor), or start without a profile: --allow-degraded=apparmor", context: { feature: "apparmor" },
  });
  const parser = PARSERS.find((path) => typeof stat(path) !== "number");
  if (parser === undefined) throw cannot("there is no apparmor_parser on this host");
  const { success, stderr } = Bun.spawnSync([parser, "--replace", "--skip-cache"], {
    stdin: new TextEncoder().encode(profileText(DEFAULT_PROFILE)), stdout: "ignore", stderr: "pipe", env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  if (!success) throw cannot(printable(stderr.toString().trim().split("\n")[0] ?? "").slice(0, 300) || "apparmor_parser failed");
}
