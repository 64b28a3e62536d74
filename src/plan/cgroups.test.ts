import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import { doScene, HYBRID, ROOTLESS, runScene, UNIFIED, withConfig } from "../../test/fixtures/plan/scenes.ts";
import type { LinuxResources } from "../spec/runtime-config.ts";
import { cgroupPath, placeLimits, sharesToWeight } from "./cgroups.ts";
import { compile } from "./compile.ts";
import { decodePlan } from "./decode.ts";
import { stepText } from "./explain.ts";
import type { HostFacts } from "./host-facts.ts";

/** `directory name: FILE=VALUE` of each hierarchy that takes part. */
function placed(resources: LinuxResources, facts: HostFacts, degraded = false): string[] {
  return placeLimits(resources, facts, degraded).map(({ hierarchy, limits }) => `${hierarchy.name}: ${limits.map(({ file, value }) => `${file}=${value}`).join(" ")}`.trim());
}

function errorOf(run: () => unknown): PidboxError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof PidboxError) return error;
    throw error;
  }
}

const GIB = 2 ** 30;

describe("sharesToWeight()", () => {
  test("maps the ends, the default and the values that runc and crun document", () => {
    expect([0, 2, 1024, 262144, 2 ** 40].map(sharesToWeight)).toEqual([1, 1, 100, 10000, 10000]);
  });
  test("never goes down and stays in the kernel's range", () => {
    const weights = Array.from({ length: 5000 }, (_, i) => sharesToWeight(2 + 50 * i));
    expect(weights.every((weight, i) => weight >= (weights[i - 1] ?? 1) && weight <= 10000 && Number.isInteger(weight))).toBe(true);
  });
});

describe("placeLimits() on v1 and hybrid hosts", () => {
  test("gives pids, memory and cpu a cgroup even without limits, other controllers only with one", () => {
    expect(placed({}, HYBRID)).toEqual(["memory:", "cpu:", "pids:"]);
    expect(placed({ cpu: { cpus: "0-1", mems: "0" } }, HYBRID)).toEqual(["memory:", "cpu:", "cpuset: cpuset.cpus=0-1 cpuset.mems=0", "pids:"]);
  });
  test("writes the limit before memory and swap together, with swap accounting", () => {
    expect(placed({ memory: { limit: GIB, swap: 2 * GIB, reservation: 4096, swappiness: 10 } }, { ...HYBRID, swapAccounting: true })).toContain(
      `memory: memory.limit_in_bytes=${GIB} memory.soft_limit_in_bytes=4096 memory.memsw.limit_in_bytes=${2 * GIB} memory.swappiness=10`,
    );
  });
  test("forbids swap by swappiness where swap is not accounted", () => {
    expect(placed({ memory: { limit: GIB, swap: GIB } }, HYBRID)).toContain(`memory: memory.limit_in_bytes=${GIB} memory.swappiness=0`);
  });
  test("writes quota, period and shares as they are, and no limit of tasks as max", () => {
    expect(placed({ cpu: { quota: 50000, period: 100000, shares: 256 }, pids: { limit: -1 } }, HYBRID)).toEqual(["memory:", "cpu: cpu.shares=256 cpu.cfs_period_us=100000 cpu.cfs_quota_us=50000", "pids: pids.max=max"]);
  });
  test("keeps values that no double holds", () => {
    expect(placed({ memory: { limit: 9223372036854771712n } }, HYBRID)).toContain("memory: memory.limit_in_bytes=9223372036854771712");
  });
});

describe("placeLimits() on v2 hosts", () => {
  test("counts swap alone, as the kernel's file does", () => {
    expect(placed({ memory: { limit: GIB, swap: 3 * GIB } }, UNIFIED)).toEqual([`unified: memory.max=${GIB} memory.swap.max=${2 * GIB}`]);
    expect(placed({ memory: { limit: GIB, swap: GIB } }, UNIFIED)).toEqual([`unified: memory.max=${GIB} memory.swap.max=0`]);
    expect(placed({ memory: { limit: -1, swap: -1, reservation: 10 } }, UNIFIED)).toEqual(["unified: memory.max=max memory.low=10 memory.swap.max=max"]);
  });
  test("writes cpu.max with its period, and weight for shares", () => {
    expect(placed({ cpu: { quota: 50000, period: 200000, shares: 1024 } }, UNIFIED)).toEqual(["unified: cpu.weight=100 cpu.max=50000 200000"]);
    expect(placed({ cpu: { quota: -1, shares: 0 } }, UNIFIED)).toEqual(["unified: cpu.max=max 100000"]);
  });
  test("passes unified files on", () => {
    expect(placed({ unified: { "memory.high": "100", "cgroup.max.depth": "3" } }, UNIFIED)).toEqual(["unified: memory.high=100 cgroup.max.depth=3"]);
  });
});

describe("placeLimits() where a limit has no place", () => {
  test("names controller, file, field and the way out", () => {
    const error = errorOf(() => placeLimits({ cpu: { quota: 1000 }, memory: { limit: 1 } }, ROOTLESS, false));
    expect([error?.code, error?.context]).toEqual(["HOST_UNSUPPORTED", { feature: "cgroups", from: "/linux/resources/cpu/quota" }]);
    expect(error?.message).toContain("Cannot limit cpu:");
    expect(error?.message).toContain("cpu.max");
    expect(error?.hint).toContain("systemd-run --user --scope");
    expect(errorOf(() => placeLimits({ pids: { limit: 1 } }, { ...HYBRID, cgroups: [] }, false))?.hint).toStartWith("Mount the controller");
  });
  test("starts without it when that was asked for by name", () => {
    expect(placed({ cpu: { quota: 1000 }, pids: { limit: 5 } }, ROOTLESS, true)).toEqual(["unified: pids.max=5"]);
    expect(placed({ pids: { limit: 5 } }, { ...HYBRID, cgroups: [] }, true)).toEqual([]);
  });
});

describe("cgroupPath()", () => {
  const path = (cgroupsPath: string): string => cgroupPath(withConfig(runScene(), { linux: { cgroupsPath } }));

  test("is pidbox/ID, or what the config says, below the hierarchy", () => {
    expect(cgroupPath(doScene())).toBe(`pidbox/${doScene().id}`);
    expect(path("//tenant/one")).toBe("tenant/one");
  });
  test("refuses to leave the hierarchy", () => {
    for (const bad of ["../x", "/a/../../b", "a/..", "./x", ""]) expect([bad, errorOf(() => path(bad))?.code]).toEqual([bad, "CONFIG_INVALID"]);
  });
});

describe("the ops for cgroups", () => {
  const steps = (facts: HostFacts, blueprint = runScene()): string[] => {
    const plan = decodePlan(compile(blueprint, facts, { self: 3 }));
    return plan.ops.filter((op) => /cgroup|resources/.test(op.from)).map((op) => stepText(plan, op).replace(/^ *\d+ {2}/, ""));
  };

  test("join v1 cgroups from inside, v2 cgroups at clone", () => {
    expect(steps(HYBRID).filter((step) => step.startsWith("write(") && step.includes('"0", 1'))).toHaveLength(3);
    expect(steps(UNIFIED).filter((step) => step.includes('"0", 1'))).toEqual([]);
    const plan = decodePlan(compile(runScene(), UNIFIED, { self: 3 }));
    expect(plan.ops.some((op) => stepText(plan, op).includes("CLONE_INTO_CGROUP"))).toBe(true);
  });

  test("remove on every way out what they made", () => {
    for (const facts of [HYBRID, UNIFIED]) {
      const made = steps(facts).filter((step) => step.startsWith("mkdirat(AT_FDCWD") && !step.includes("EEXIST")).length;
      const removed = steps(facts).filter((step) => step.startsWith("unlinkat(") && step.includes("AT_REMOVEDIR") && step.includes("/sys/fs/cgroup")).length;
      expect([made > 0, removed % made]).toEqual([true, 0]);
      expect(removed / made).toBeGreaterThanOrEqual(2);
    }
  });
});
