import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import { doScene, HYBRID, ROOTLESS, runScene, UNIFIED, withConfig } from "../../test/fixtures/plan/scenes.ts";
import type { LinuxResources } from "../spec/runtime-config.ts";
import { cgroupDirectories, cgroupPath, placeLimits } from "./cgroup-placement.ts";
import type { PlacementOptions } from "./cgroup-placement.ts";
import type { CgroupHierarchy, HostFacts } from "./host-facts.ts";

/** `directory name: FILE=VALUE` of each hierarchy that takes part. */
function placed(resources: LinuxResources, facts: HostFacts, options: PlacementOptions = {}): string[] {
  return placeLimits(resources, facts, options).map(({ hierarchy, limits }) => `${hierarchy.name}: ${limits.map(({ file, value }) => `${file}=${value}`).join(" ")}`.trim());
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

const LEFT_OVER: CgroupHierarchy = { version: 2, controllers: ["hugetlb"], mountPoint: "/sys/fs/cgroup/unified", directory: "/sys/fs/cgroup/unified", name: "unified" };
/** A hybrid host as an OCI container sees it, with its v2 tree. */
const WHOLE: HostFacts = { ...HYBRID, cgroups: [...HYBRID.cgroups, LEFT_OVER] };

describe("placeLimits() on v1 and hybrid hosts", () => {
  test("gives pids, memory and cpu a cgroup even without limits, other controllers only with one", () => {
    expect(placed({}, HYBRID)).toEqual(["memory:", "cpu:", "pids:"]);
    expect(placed({ cpu: { cpus: "0-1", mems: "0" } }, HYBRID)).toEqual(["memory:", "cpu:", "cpuset: cpuset.cpus=0-1 cpuset.mems=0", "pids:"]);
  });
  test("gives all a cgroup where every hierarchy is wanted", () => {
    expect(placed({ pids: { limit: 1 } }, WHOLE, { every: true })).toEqual(["memory:", "cpu:", "cpuset:", "pids: pids.max=1", "unified:"]);
  });
  test("puts what v1 left over into the v2 tree", () => {
    expect(placed({ hugepageLimits: [{ pageSize: "2MB", limit: 0 }], unified: { "cgroup.max.depth": "2" } }, WHOLE)).toEqual([
      "memory:", "cpu:", "pids:", "unified: hugetlb.2MB.max=0 hugetlb.2MB.rsvd.max=0 cgroup.max.depth=2",
    ]);
    expect(errorOf(() => placeLimits({ unified: { "memory.high": "1" } }, WHOLE, {}))?.message).toContain("Cannot limit memory: no cgroup of this host that the caller may write has the file memory.high");
    expect(errorOf(() => placeLimits({ hugepageLimits: [{ pageSize: "2MB", limit: 0 }] }, HYBRID, {}))?.message).toContain("hugetlb.2MB.limit_in_bytes");
  });
});

describe("placeLimits() of what is to swap nothing", () => {
  const swapless = (resources: LinuxResources, facts: HostFacts): string[] => placed(resources, facts, { swapless: true });

  test("needs no limit of memory for that, on either version", () => {
    expect(swapless({}, HYBRID)).toEqual(["memory: memory.swappiness=0", "cpu:", "pids:"]);
    expect(swapless({}, UNIFIED)).toEqual(["unified: memory.swap.max=0"]);
  });
  test("leaves what the config says of swap", () => {
    expect(swapless({ memory: { limit: 1 << 20, swap: 1 << 20 } }, UNIFIED)).toEqual([`unified: memory.max=${1 << 20} memory.swap.max=0`]);
    expect([swapless({ memory: { swap: -1 } }, UNIFIED), swapless({ memory: { swappiness: 7 } }, HYBRID)[0]]).toEqual([["unified: memory.swap.max=max"], "memory: memory.swappiness=7"]);
  });
  test("asks for nothing where the host has nothing for it", () => {
    expect([swapless({}, { ...UNIFIED, swapAccounting: false }), swapless({}, { ...HYBRID, cgroups: [LEFT_OVER] })]).toEqual([["unified:"], ["unified:"]]);
  });
});

describe("placeLimits() where a limit has no place", () => {
  test("names controller, file, field and the way out", () => {
    const error = errorOf(() => placeLimits({ cpu: { quota: 1000 }, memory: { limit: 1 } }, ROOTLESS, {}));
    expect([error?.code, error?.context]).toEqual(["HOST_UNSUPPORTED", { feature: "cgroups", from: "/linux/resources/cpu/quota" }]);
    expect(error?.message).toContain("Cannot limit cpu:");
    expect(error?.message).toContain("cpu.max");
    expect(error?.hint).toContain("systemd-run --user --scope");
    expect(errorOf(() => placeLimits({ pids: { limit: 1 } }, { ...HYBRID, cgroups: [] }, {}))?.hint).toStartWith("Mount the controller");
  });
  test.each<[string, LinuxResources, HostFacts, string]>([
    ["swappiness on v2", { memory: { swappiness: 1 } }, UNIFIED, "Cannot limit memory: no cgroup of this host that the caller may write has the file memory.swappiness"],
    ["network classes on v2", { network: { classID: 1 } }, UNIFIED, "Cannot limit net_cls: "],
    ["rdma without the controller", { rdma: { a: { hcaHandles: 1 } } }, HYBRID, "Cannot limit rdma: "],
    ["v2's files on v1", { unified: { "memory.high": "1" } }, HYBRID, "has the file memory.high"],
    ["a file of no controller", { unified: { nonsense: "1" } }, UNIFIED, "Cannot limit nonsense: "],
  ])("%s is an error", (_name, resources, facts, message) => {
    expect(errorOf(() => placeLimits(resources, facts, {}))?.message).toContain(message);
  });
  test("starts without it when that was asked for by name", () => {
    expect(placed({ cpu: { quota: 1000 }, pids: { limit: 5 } }, ROOTLESS, { degraded: true })).toEqual(["unified: pids.max=5"]);
    expect(placed({ pids: { limit: 5 } }, { ...HYBRID, cgroups: [] }, { degraded: true })).toEqual([]);
  });
});

describe("cgroupPath()", () => {
  const path = (cgroupsPath: string): ReturnType<typeof cgroupPath> => cgroupPath(withConfig(runScene(), { linux: { cgroupsPath } }));

  test("is pidbox/ID, or what the config says: from the mount on if absolute", () => {
    expect(cgroupPath(doScene())).toEqual({ absolute: false, parts: ["pidbox", doScene().id] });
    expect([path("//tenant/one"), path("tenant/one/")]).toEqual([{ absolute: true, parts: ["tenant", "one"] }, { absolute: false, parts: ["tenant", "one"] }]);
  });
  test("refuses to leave the hierarchy", () => {
    for (const bad of ["../x", "/a/../../b", "a/..", "./x", "", "/"]) expect([bad, errorOf(() => path(bad))?.code]).toEqual([bad, "CONFIG_INVALID"]);
  });
});

test("cgroupDirectories() are below the mount or below the caller's own cgroup", () => {
  const nested: HostFacts = { ...HYBRID, cgroups: HYBRID.cgroups.map((one) => ({ ...one, directory: `${one.directory}/user/1` })) };
  const of = (cgroupsPath: string): string[] => cgroupDirectories(withConfig(runScene(), { linux: { cgroupsPath } }), nested);
  expect(of("/a/b")).toEqual(["/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/cpu/a/b", "/sys/fs/cgroup/pids/a/b"]);
  expect(of("a/b")).toEqual(["/sys/fs/cgroup/memory/user/1/a/b", "/sys/fs/cgroup/cpu/user/1/a/b", "/sys/fs/cgroup/pids/user/1/a/b"]);
});
