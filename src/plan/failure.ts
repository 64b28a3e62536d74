/** A failed op as an error that a person can act on: what failed, on what, why, which flag or field asked for it, and what to do. Pure. */
import { PidboxError } from "../base/error.ts";
import type { ErrorCode } from "../base/error.ts";
import { printable, quote } from "../base/text.ts";
import { ERRNO } from "../kernel/abi/constants.ts";
import { errnoCause } from "../kernel/abi/errno-cause.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS_X64 } from "../kernel/abi/syscalls-x64.ts";
import { cellAt, textAt } from "./decode.ts";
import type { DecodedOp, DecodedPlan } from "./decode.ts";
import { opText } from "./explain.ts";
import { HOOK_NOT_STARTED } from "./hooks.ts";
import { REPORT } from "./op.ts";

/** What the launcher reported: struct plan_report. */
export interface Report {
  readonly op: number;
  /** Positive errno, or one of REPORT. */
  readonly error: number;
  /** What an EXPECT found; for other ops in a loop, how often it had gone round. */
  readonly value: number;
}

const { EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EBADF, EBUSY, EEXIST, EINVAL, ELOOP, ENODEV, ENOENT, ENOSPC, ENOSYS, ENOTDIR, EPERM, EROFS } = ERRNO;

interface Advice {
  readonly calls: readonly string[];
  readonly errors: readonly number[];
  /** Beginning of `from`; absent: any. */
  readonly from?: string;
  readonly code?: ErrorCode;
  readonly hint: string;
}

/** The first that fits is given. */
const ADVICE: readonly Advice[] = [
  { calls: ["clone3", "unshare"], errors: [EPERM, EACCES], hint: "This host does not let the caller make user namespaces: pidbox doctor names the setting" },
  { calls: ["clone3", "unshare"], errors: [ENOSPC], hint: "A limit in /proc/sys/user/max_*_namespaces is reached, or namespaces are nested too deep" },
  { calls: ["clone3"], errors: [EAGAIN], hint: "The limit of processes of this user or cgroup is reached" },
  { calls: ["mount_setattr"], errors: [EINVAL, EPERM], hint: "The filesystem cannot be id-mapped on this kernel. Copy the files to ext4, xfs, btrfs or tmpfs, or accept files of unmapped owners: --allow-degraded=idmap" },
  { calls: ["move_mount"], errors: [EPERM], from: "/root", hint: "Landlock forbids mounts here: start the outer container with --security-opt landlock=unconfined --unsafe=landlock" },
  // Docker takes "not a directory" for the sign of this (moby, daemon/errors.go).
  { calls: ["move_mount"], errors: [EINVAL], from: "/mounts", hint: "Not a directory: source and destination of a mount must both be directories, or both not" },
  { calls: ["pivot_root", "move_mount", "umount2"], errors: [EACCES], hint: "AppArmor forbids mounts here: start the outer container with --security-opt apparmor=unconfined --unsafe=apparmor" },
  { calls: ["fsconfig"], errors: [EINVAL], from: "/root", hint: "A directory with mounts below it cannot be a layer in a user namespace: give one without, or write to it directly with --rw /" },
  { calls: ["fsmount", "fsconfig"], errors: [EPERM], from: "/mounts", hint: "The kernel refuses a fresh mount of this type next to a masked one: are we inside a container? See pidbox doctor" },
  { calls: ["fsopen"], errors: [ENODEV], hint: "The kernel has no such filesystem, or its module is not loaded" },
  { calls: ["openat2"], errors: [ELOOP], code: "POSSIBLE_ATTACK", hint: "A symbolic link stands where pidbox needs a real directory of the root filesystem" },
  { calls: ["mkdirat", "openat", "mknodat"], errors: [EROFS], from: "/mounts", hint: "The place of the mount does not exist and the filesystem below it is read-only: make it there first" },
  { calls: ["mkdirat"], errors: [EROFS, EACCES, EPERM], from: "cgroup", hint: "The cgroup tree is not writable here. Start without limits: --allow-degraded=cgroups" },
  { calls: ["write"], errors: [EBUSY, EINVAL, EPERM, EACCES, ENOENT], from: "/linux/resources", hint: "The kernel does not take this value here; check the flag against the host's own limit" },
  { calls: ["write"], errors: [EBUSY], from: "cgroup.subtree_control", hint: "Other processes are in the delegated cgroup: start pidbox alone in it, with systemd-run --user --scope -p Delegate=yes" },
  { calls: ["openat"], errors: [ENOENT], from: "/linux/resources", hint: "This host's cgroups have no such limit. Leave the flag out, or start without limits: --allow-degraded=cgroups" },
  {
    calls: ["write"], errors: [ENOENT], from: "/process/apparmorProfile", code: "HOST_UNSUPPORTED",
    hint: "No AppArmor profile of this name is loaded, and only root can load one: pidbox-default by `sudo pidbox do true`, others by `sudo apparmor_parser -r FILE`. To start without: --allow-degraded=apparmor",
  },
  { calls: ["write"], errors: [EACCES, EPERM], from: "/process/apparmorProfile", hint: "AppArmor confines pidbox itself and does not let it change to this profile. Leave the profile out: the container keeps pidbox's own" },
  { calls: ["openat"], errors: [ENOENT], from: "/linux/sysctl", hint: "The kernel has no such parameter in this namespace" },
  { calls: ["prlimit64"], errors: [EPERM], hint: "A limit cannot be raised above the caller's own hard limit: see ulimit -H" },
  { calls: ["chdir"], errors: [ENOENT, ENOTDIR], hint: "The working directory is not a directory in the container" },
  { calls: ["chdir"], errors: [EACCES], hint: "The user inside may not enter the working directory: it belongs to another user" },
  { calls: ["fcntl", "openat"], errors: [EAGAIN, EEXIST], from: "state directory", hint: "Another container uses this state" },
  { calls: ["openat", "mkdirat", "write"], errors: [ENOSPC], hint: "The filesystem is full" },
  { calls: ["bind", "listen"], errors: [EADDRINUSE], from: "--publish", code: "CONFLICT", hint: "Another program listens there: ss -ltnp names it. Give another port of the host, or none: then the kernel chooses" },
  { calls: ["dup3"], errors: [EBADF], from: "--publish", hint: "The limit of open files is too low for so many ports: raise it with ulimit -n, or publish fewer" },
  { calls: ["bind"], errors: [EADDRNOTAVAIL], from: "--publish", hint: "The address is none of this host's: ip address lists them" },
  { calls: ["bind"], errors: [EACCES], from: "--publish", hint: "Ports below 1024 are root's: give one above, or set the sysctl net.ipv4.ip_unprivileged_port_start" },
  { calls: ["landlock_create_ruleset", "seccomp"], errors: [ENOSYS, EINVAL], hint: "The kernel lacks this layer: see pidbox doctor" },
];

const SYSCALL_NAMES = Object.fromEntries(Object.entries(SYSCALLS_X64).map(([name, nr]) => [nr, name])) as Readonly<Record<number, string>>;

/** The text of a loop that the register held when the loop was at `index`. */
function loopText(plan: DecodedPlan, op: DecodedOp, register: number, index: number): string | undefined {
  const loop = plan.ops.findLast(
    (candidate) =>
      candidate.code === "EACH" && candidate.result === register && candidate.index < op.index && op.index < (candidate.args[2]?.value ?? 0),
  );
  const table = loop?.args[0]?.value;
  return table === undefined || index < 0 || index >= (loop?.args[1]?.value ?? 0) ? undefined : textAt(plan, cellAt(plan, table + 8 * index), 400);
}

/** The first text among the arguments: the path or value that the op was about. `index` is that of the loop it is in. */
function subject(plan: DecodedPlan, op: DecodedOp, index: number): string | undefined {
  const name = SYSCALL_NAMES[op.nr];
  const texts: Readonly<Record<string, readonly number[]>> = {
    openat: [1], openat2: [1], mkdirat: [1], mknodat: [1], chdir: [0], open_tree: [1], fsopen: [0], execve: [0], write: [1], fsconfig: [2],
    sethostname: [0],
  };
  for (const i of texts[name ?? ""] ?? []) {
    const argument = op.args[i];
    if (argument?.kind === "data") return textAt(plan, argument.value, 400);
    if (argument?.kind === "register") return loopText(plan, op, argument.value, index);
  }
  return undefined;
}

/** A hook that did not end well: what ppoll(2) or wait4(2) gave. */
function hookError(from: string, value: number): PidboxError {
  const [, phase = "", index = ""] = /^\/hooks\/(\w+)\/(\d+)$/.exec(from) ?? [];
  const why = value === 0 ? "its time is over" : value % 256 !== 0 ? `signal ${value % 128}` : value / 256 === HOOK_NOT_STARTED ? "it could not be executed (exit status 127)" : `exit status ${value / 256}`;
  return new PidboxError("LAUNCH_FAILED", `error running ${phase} hook #${index}: ${why}`, { context: { from } });
}

function programError(plan: DecodedPlan, op: DecodedOp, error: number): PidboxError {
  const program = textAt(plan, cellAt(plan, op.args[1]?.value ?? 0), 400);
  if (error === ENOENT) {
    return new PidboxError("COMMAND_NOT_FOUND", `Cannot run ${quote(program)}: not found in the container`, {
      hint: program.includes("/") ? "The path is looked up inside the container; a script may name an interpreter that is not there" : "It is looked up in the PATH of the container", context: { path: program, errno: "ENOENT" },
    });
  }
  return new PidboxError("COMMAND_NOT_EXECUTABLE", `Cannot run ${quote(program)}: ${errnoName(error)}`, {
    hint: error === EACCES ? "It is not executable for the user inside, or it is a directory" : errnoCause(error) ?? "See execve(2)", context: { path: program, errno: errnoName(error) },
  });
}

/** A cgroup that was there before the container and cannot be its own. */
function cgroupError(from: string): PidboxError {
  const [, why = "", path = ""] = /^cgroup (in use|frozen): (.*)$/s.exec(from) ?? [];
  const what = why === "frozen" ? "unexpectedly frozen" : "not empty: processes were found";
  return new PidboxError("CONFLICT", `container's cgroup ${quote(path)} is ${what}`, { hint: "Remove what is in it, or give the container another cgroupsPath", context: { path, from: "/linux/cgroupsPath" } });
}

/** Killed by the kernel or by somebody before there was anything to report. */
function killedEarly(what: string): PidboxError {
  return new PidboxError("LAUNCH_FAILED", `${what} was killed before its program ran`, { hint: "Out of memory? The limit may be too small to start at all" });
}

const FIRST_PROCESS = "The container's first process";

/** newuidmap(1) or newgidmap(1) has ended with this code; what it had to say is on stderr. */
function mapError(from: string, code: number): PidboxError {
  return new PidboxError("HOST_UNSUPPORTED", `Cannot map the ids of the container: ${from.includes("uid") ? "newuidmap" : "newgidmap"} ended with ${code}`, {
    hint: "It takes ranges that /etc/subuid and /etc/subgid give to the caller, who must have a name in /etc/passwd, and must be installed set-user-ID root", context: { feature: "user namespaces", from },
  });
}

/** The relay of published ports was gone before it said that it is ready. */
function relayError(): PidboxError {
  return new PidboxError("LAUNCH_FAILED", "The relay of the published ports could not be started", {
    hint: "The container was not started. Is there a limit of processes, or a security module that lets nobody join a namespace?", context: { from: "--publish" },
  });
}

/** The error behind a report. `report.op` beyond the plan means that the container was killed before its program ran. */
export function failureError(plan: DecodedPlan, report: Report): PidboxError {
  const op = plan.ops[report.op];
  if (op === undefined) return killedEarly("The container");
  if ((op.code === "SUPERVISE" || op.code === "KEEP") && report.error !== REPORT.fault) return killedEarly(FIRST_PROCESS);
  if (op.code === "EXECUTE" && report.error < REPORT.expectation) return programError(plan, op, report.error);
  const program = SYSCALL_NAMES[op.nr] === "faccessat" && op.from === "/process/args" ? plan.ops.findLast((one) => one.code === "EXECUTE") : undefined;
  if (program !== undefined && report.error < REPORT.expectation) return programError(plan, program, report.error);
  // The one path that can be executed is a directory (creation.ts, assertProgram).
  if (report.error === REPORT.expectation && op.from === "/process/args") return programError(
    plan, plan.ops.findLast((one) => one.code === "EXECUTE") ?? op, EACCES,
  );
  if (report.error === REPORT.expectation && /^cgroup (in use|frozen): /.test(op.from)) return cgroupError(printable(op.from));
  if (report.error === REPORT.expectation && op.from.startsWith("/hooks/")) return hookError(printable(op.from), report.value);
  if (report.error === REPORT.expectation && op.from === "container") return killedEarly(FIRST_PROCESS);
  const step = `op ${op.index}, ${opText(plan, op)}`;
  const from = printable(op.from);
  if (report.error === REPORT.fault) return new PidboxError("LAUNCH_FAILED", `Stopped on purpose at ${step}`, { context: { from } });
  if (report.error === REPORT.expectation && op.from === "--verify") {
    return new PidboxError("LAUNCH_FAILED", "The wall was not verified, so the program was not started", {
      hint: "The table above says which layer does not hold; without --verify the plan's own assertions are the only check", context: { from },
    });
  }
  const ended = report.error === REPORT.expectation && report.value > 0 && report.value % 256 === 0;
  if (ended && /^\/linux\/[ug]idMappings$/.test(op.from)) return mapError(from, report.value / 256);
  // The kernel answers a netlink message with another: its errno is what was found.
  if (report.error === REPORT.expectation && op.from.startsWith("/linux/netDevices") && report.value > 2 ** 31) {
    const errno = errnoName(2 ** 32 - report.value);
    return new PidboxError("LAUNCH_FAILED", `Cannot build ${quote(from)}: netlink: ${errno} (${step})`, {
      hint: errno === "EEXIST" ? "An interface of this name is there already" : errnoCause(2 ** 32 - report.value) ?? "See rtnetlink(7)", context: { from, errno },
    });
  }
  if (report.error === REPORT.expectation && from === "--publish") return relayError();
  if (report.error === REPORT.expectation) {
    return new PidboxError("LAUNCH_FAILED", `The kernel did not confirm ${quote(from)}: it answers ${report.value} where the plan requires otherwise (${step})`, {
      hint: "The container was not started. Either the host changed meanwhile or something interferes; pidbox --explain shows the plan", context: { from },
    });
  }
  const name = SYSCALL_NAMES[op.nr] ?? "";
  const advice = ADVICE.find(
    (a) =>
      a.calls.includes(op.code === "CLONE" ? "clone3" : name) &&
      a.errors.includes(report.error) &&
      (a.from === undefined || op.from.startsWith(a.from)),
  );
  const path = subject(plan, op, report.value);
  const what = path === undefined ? "" : ` on ${quote(path)}`;
  return new PidboxError(
    advice?.code ?? "LAUNCH_FAILED",
    `Cannot build ${quote(from)}: ${op.code === "CLONE" ? "clone3" : name}${what}: ${errnoName(report.error)} (${step})`,
    {
      hint: advice?.hint ?? errnoCause(report.error) ?? "pidbox --explain shows the whole plan",
      // The name of a mount goes on behind its pointer (mount-kind.ts, mountName).
      context: {
        from: from.replace(/^(\/mounts\/\d+) on .*$/s, "$1"), errno: errnoName(report.error), ...(path === undefined ? {} : { path: printable(path) }),
      },
    },
  );
}
