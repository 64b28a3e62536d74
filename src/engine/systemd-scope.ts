/**
 * A container's transient scope, through busctl(1): root asks the system's manager, others that of their user.
 *
 * systemd moves a process into a scope that it makes, and takes the scope away when nobody is in it any more. It cannot be the container's, which is not
 * there yet, nor this one: its memory would count, and a small limit would kill it. So it is a holder, which does nothing but wait, and which the plan ends
 * once the container is in its place. The container's cgroup is the scope's own, as with runc; `Delegate` leaves what is below to it.
 *
 * Trusts: the bus, which authenticates both sides. An attacker controls: names and values from the config, which are arguments of their own and checked.
 */
import { PidboxError } from "../base/error.ts";
import { printable, quote } from "../base/text.ts";
import { SIGNAL } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { readText, stat } from "../kernel/file.ts";
import { pause } from "../kernel/wait.ts";
import { propertyWords, resourceProperties, scopeProperties } from "../plan/systemd-unit.ts";
import type { ScopeRequest, UnitProperty } from "../plan/systemd-unit.ts";
import type { LinuxResources } from "../spec/runtime-config.ts";

/** Which manager, and the variables of the environment by which busctl finds the bus of a user. */
export interface SystemdManager {
  readonly user: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** As long as runc waits for systemd. Milliseconds. */
const DEADLINE = 30_000;
const SERVICE = "org.freedesktop.systemd1";
const OBJECT = "/org/freedesktop/systemd1";
const MANAGER = "org.freedesktop.systemd1.Manager";
const PASSED = ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"];

interface Answer {
  readonly ok: boolean;
  readonly out: string;
  /** What went wrong, without busctl's own words. */
  readonly why: string;
}

function busctl({ user, environment }: SystemdManager, ...words: readonly string[]): Answer {
  const passed = Object.fromEntries(PASSED.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])));
  const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", ...(user ? passed : {}) };
  try {
    const child = Bun.spawnSync(["busctl", user ? "--user" : "--system", "--timeout=30", ...words], { stdin: "ignore", env });
    const why = child.stderr.toString().trim().replace(/^Call failed: /, "");
    return { ok: child.exitCode === 0, out: child.stdout.toString().trim(), why: printable(why === "" ? `busctl ended with ${child.exitCode}` : why) };
  } catch {
    throw new PidboxError("HOST_UNSUPPORTED", "systemd cgroup flag passed, but busctl is not installed: it is how pidbox speaks with systemd", {
      hint: "Install systemd's busctl, or use the cgroupfs driver of the engine", context: { feature: "systemd" },
    });
  }
}

function call(manager: SystemdManager, method: string, signature: string, ...words: readonly string[]): Answer {
  // No option can follow the object: what looks like one in `words` is a word.
  return busctl(manager, "call", "--", SERVICE, OBJECT, MANAGER, method, signature, ...words);
}

/** Throws HOST_UNSUPPORTED where systemd does not run as the host's first process (sd_booted(3)). */
function requireSystemd(): void {
  const booted = stat("/run/systemd/system", { noFollow: true });
  if (typeof booted !== "number" && (booted.mode & 0o170000) === 0o040000) return;
  throw new PidboxError("HOST_UNSUPPORTED", "systemd cgroup flag passed, but systemd support for managing cgroups is not available", {
    hint: "This host was not booted with systemd: leave --systemd-cgroup away, and give the engine the cgroupfs driver", context: { feature: "systemd" },
  });
}

/** The cgroup of the manager itself: "" for root's, below which slices lie. Throws IO. */
export function managerCgroup(manager: SystemdManager): string {
  requireSystemd();
  if (!manager.user) return "";
  const { ok, out, why } = busctl(manager, "get-property", "--", SERVICE, OBJECT, MANAGER, "ControlGroup");
  const path = /^s "(\/[^"\\]*)"$/.exec(out)?.[1];
  if (ok && path !== undefined) return path === "/" ? "" : path;
  throw new PidboxError("IO", `Cannot ask the user's systemd for its cgroup: ${why}`, {
    hint: "Log in through systemd-logind or enable lingering (loginctl enable-linger), and have XDG_RUNTIME_DIR set", context: { feature: "systemd" },
  });
}

/** The cgroup path of a process as the manager sees it: v2, or systemd's own hierarchy on v1. */
function pathOf(pid: number): string | undefined {
  const text = readText(`/proc/${pid}/cgroup`, 1 << 16);
  if (typeof text === "number") return undefined;
  const paths = new Map(text.split("\n").map((line) => [line.split(":").slice(0, 2).join(":"), line.split(":").slice(2).join(":")]));
  const named = [...paths].find(([key]) => key.endsWith(":name=systemd"));
  return named?.[1] ?? paths.get("0:");
}

function refused(unit: string, why: string): PidboxError {
  return new PidboxError("IO", `unable to start unit ${quote(unit)}: ${why}`, { context: { feature: "systemd" } });
}

/**
 * Starts a scope around process `request.pid`, and waits until the process is in it. Throws HOST_UNSUPPORTED without systemd, CONFLICT if there is such a unit,
 * IO for what systemd refuses.
 */
export function startScope(manager: SystemdManager, request: ScopeRequest): void {
  requireSystemd();
  const { unit, pid } = request;
  const words = [unit, "fail", ...propertyWords(scopeProperties(request)), "0"];
  let answer = call(manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", ...words);
  if (!answer.ok && /already (loaded|exists)/.test(answer.why)) {
    // A scope that failed stays until it is told to go.
    call(manager, "ResetFailedUnit", "s", unit);
    answer = call(manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", ...words);
    if (!answer.ok && /already (loaded|exists)/.test(answer.why)) throw new PidboxError("CONFLICT", `unable to start unit ${quote(unit)}: ${answer.why}`, { context: { feature: "systemd" } });
  }
  if (!answer.ok) throw refused(unit, answer.why);
  // The answer names a job; what matters is that it was done.
  const deadline = performance.now() + DEADLINE;
  for (let tries = 0; ; tries++) {
    const path = pathOf(pid);
    if (path?.endsWith(`/${unit}`) === true) return;
    if (path === undefined) throw refused(unit, "the process that was to hold it is gone");
    if (performance.now() > deadline) throw refused(unit, `systemd did not do so within ${DEADLINE / 1000} s`);
    pause(tries < 20 ? 1 : 5);
  }
}

/**
 * Moves this process into the part of the tree that belongs to the user's manager, in a scope of its own, if it is elsewhere: from a login session's scope
 * the kernel lets nobody into it, for what both have above them is root's (cgroup-v2.rst, "Delegation Containment"). The scope goes with the process.
 * Throws as startScope does.
 */
export function enterManager(manager: SystemdManager, cgroup: string): void {
  const self = syscall(SYSCALLS.getpid);
  if (!manager.user || pathOf(self)?.startsWith(`${cgroup}/`) === true) return;
  startScope(manager, { slice: "user.slice", unit: `pidbox-oci-${self}.scope`, description: "pidbox-oci", pid: self, version: 2, resources: {} });
}

/** Stops a scope and waits until systemd has taken its cgroup away. One that is gone already is no error. */
export function stopScope(manager: SystemdManager, unit: string, cgroups: readonly string[]): void {
  const { ok } = call(manager, "StopUnit", "ss", unit, "replace");
  call(manager, "ResetFailedUnit", "s", unit);
  if (!ok) return;
  const deadline = performance.now() + DEADLINE;
  for (let tries = 0; cgroups.some((directory) => typeof stat(directory) !== "number") && performance.now() < deadline; tries++) {
    if (tries > 50 && !isLoaded(manager, unit)) return;
    pause(tries < 20 ? 1 : 5);
  }
}

function isLoaded(manager: SystemdManager, unit: string): boolean {
  return call(manager, "GetUnit", "s", unit).ok;
}

/** Gives a scope other limits, which outlive a reload of systemd. Throws IO. */
export function updateScope(manager: SystemdManager, unit: string, resources: LinuxResources, version: 1 | 2): void {
  const properties: readonly UnitProperty[] = resourceProperties(resources, version);
  if (properties.length === 0) return;
  const { ok, why } = call(manager, "SetUnitProperties", "sba(sv)", unit, "true", ...propertyWords(properties));
  if (!ok) throw new PidboxError("IO", `unable to set unit properties of ${quote(unit)}: ${why}`, { context: { feature: "systemd" } });
}

/** Ends a holder whose container did not come to be; with it goes the scope. */
export function endHolder(pid: number): void {
  syscall(SYSCALLS.kill, pid, SIGNAL.KILL);
}
