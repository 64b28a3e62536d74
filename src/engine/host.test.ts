import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { effectiveCapabilities, isPrivileged, readHost } from "./host.ts";

describe("readHost()", () => {
  const { facts } = readHost();
  const status = readFileSync("/proc/self/status", "utf8");

  test("knows who asks, with which capabilities", () => {
    expect([facts.uid, facts.gid]).toEqual([process.geteuid?.() ?? -1, process.getegid?.() ?? -1]);
    expect(BigInt(effectiveCapabilities())).toBe(BigInt(`0x${/^CapEff:\t([0-9a-f]+)$/m.exec(status)?.[1] ?? ""}`));
    expect(facts.lastCapability).toBe(Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8")));
  });

  test("takes nobody but root of the initial user namespace for privileged", () => {
    expect(isPrivileged(1000)).toBe(false);
    expect(facts.privileged).toBe(isPrivileged(facts.uid));
    const inside = Bun.spawnSync(["unshare", "--user", "--map-root-user", process.execPath, "-e", `console.log((await import(${JSON.stringify(import.meta.resolve("./host.ts"))})).isPrivileged(0))`]);
    if (inside.exitCode === 0) expect(inside.stdout.toString()).toBe("false\n");
    expect(inside.exitCode === 0 || inside.stderr.toString().includes("unshare")).toBe(true);
  });

  test("finds cgroups that are there and that have what it says", () => {
    for (const hierarchy of facts.cgroups) {
      expect([hierarchy.directory, existsSync(`${hierarchy.directory}/cgroup.procs`)]).toEqual([hierarchy.directory, true]);
      expect(hierarchy.controllers.length).toBeGreaterThan(0);
      if (hierarchy.version === 1 && hierarchy.controllers.includes("pids")) expect(existsSync(`${hierarchy.directory}/tasks`)).toBe(true);
    }
    expect(new Set(facts.cgroups.map((hierarchy) => hierarchy.version)).size).toBeLessThanOrEqual(1);
    expect(new Set(facts.cgroups.map((hierarchy) => hierarchy.directory)).size).toBe(facts.cgroups.length);
  });

  test("gives the same facts twice", () => expect(readHost().facts).toEqual(facts));
});
