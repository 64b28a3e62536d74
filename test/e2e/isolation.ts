/**
 * Mount and PID namespaces of their own for tests that look at everything a host has, or kill at random: an empty /run/pidbox, no process of others in
 * /proc, and on v1 hosts cgroups of their own below the caller's. sh is PID 1 there and reaps.
 */
import { mkdirSync } from "node:fs";
import { readHost } from "../../src/engine/host.ts";
import { removeCgroup } from "../../src/engine/removal.ts";

export interface Isolation {
  /** Part of the names of the cgroups. */
  readonly name: string;
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Commands of sh(1) before the program, with nothing of the host but /run/pidbox changed yet. */
  readonly prepare?: string;
  /** The user; root by default. */
  readonly uid?: number;
}

/** Runs a command there to its end, with stderr as it comes. Needs root. */
export function isolated(command: readonly string[], how: Isolation): { readonly code: number | null; readonly out: string } {
  const legacy = readHost().facts.cgroups.filter((one) => one.version === 1 && !one.controllers.includes("cpuset"));
  const cgroups = legacy.map(({ directory }) => `${directory}/pidbox-test-${how.name}-${process.pid}`);
  for (const path of cgroups) mkdirSync(path, { recursive: true });
  const enter = cgroups.map((path) => `echo $$ > '${path}/cgroup.procs' && `).join("");
  const script = `${enter}mkdir -p -m 700 /run/pidbox && mount -t tmpfs -o mode=700 tmpfs /run/pidbox && ${how.prepare ?? "true"} && "$@"; exit $?`;
  const user = how.uid === undefined ? [] : ["setpriv", `--reuid=${how.uid}`, `--regid=${how.uid}`, "--clear-groups"];
  const child = Bun.spawnSync(["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script, "sh", ...user, ...command], {
    cwd: how.cwd, stdin: "ignore", stdout: "pipe", stderr: "inherit", env: { PATH: process.env["PATH"] ?? "", ...how.env },
  });
  const stuck = cgroups.filter((path) => !removeCgroup(path));
  if (stuck.length > 0) throw new Error(`could not remove ${stuck.join(" ")}`);
  return { code: child.exitCode, out: child.stdout.toString() };
}
