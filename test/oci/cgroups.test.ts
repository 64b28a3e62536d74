/** Cgroups of pidbox-oci's containers on this host: where they are, what is written to them, and whose they may be. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hasHierarchy, removeCgroups, testCgroups } from "../cgroups.ts";
import { needs } from "../parts.ts";
import { untilSync } from "../until.ts";
import type { Config, LinuxResources } from "../../src/spec/runtime-config.ts";
import { readRuntimeState } from "../../src/engine/runtime-store.ts";
import { create, makeBundle, running, start } from "./bundle.ts";
import { messageOf, PIDBOX_OCI, run, RUNC } from "./runtime.ts";

let count = 0;
const OWN = `pidbox-place-${process.pid}-`;
/** A name of this test's own below the hierarchies. */
const place = (): string => `${OWN}${++count}`;
// What a test that failed has left, and parents, which a runtime leaves.
afterEach(() => void removeCgroups(OWN));

function limited(cgroupsPath: string, resources: LinuxResources): (config: Config) => Config {
  return (config) => ({ ...config, linux: { ...config.linux, cgroupsPath, resources: { ...config.linux?.resources, ...resources } } });
}

/** Text of the file in the container's directory of the hierarchy that has it. */
function reader(directories: readonly string[]): (file: string) => string {
  return (file) => readFileSync(`${directories.find((directory) => existsSync(`${directory}/${file}`))}/${file}`, "utf8").trim();
}

/** The paths of a process by hierarchy. */
function membership(pid: number): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n").map((line) => line.split(":"));
  return Object.fromEntries(lines.map(([, controllers = "", path = ""]) => [controllers || "unified", path]));
}

describe("on v1", () => {
  needs("root", "busybox", "cgroup1")("exec --cgroup joins a cgroup below the container's, and one that is not there is an error", () => {
    const name = place();
    using bundle = makeBundle(limited(`/${name}`, {}));
    using container = start(bundle, "below");
    const pids = readRuntimeState(bundle.root, "below").cgroups.find((directory) => directory.includes("/pids/")) ?? "";
    mkdirSync(`${pids}/sub`);
    const { out } = container.call("exec", "--cgroup", "pids:sub", "ID", "cat", "/proc/self/cgroup");
    expect(/:pids:(.*)/.exec(out)?.[1]).toEndWith("/sub");
    expect(container.call("exec", "--cgroup", "pids:absent", "ID", "true")).toMatchObject({ code: 255, err: expect.stringContaining("cgroup") as string });
    expect(container.call("exec", "--cgroup", "../x", "ID", "true")).toMatchObject({ code: 255 });
  });

  needs("root", "busybox", "cgroup1")("a container is in a cgroup of its own in every hierarchy, and they go with it", () => {
    const name = place();
    using bundle = makeBundle(limited(`/${name}`, {}));
    const directories: string[] = [];
    {
      using container = start(bundle, "all");
      const paths = membership(container.pid);
      expect(new Set(Object.values(paths))).toEqual(new Set([`/${name}`]));
      expect(Object.keys(paths)).toContain("freezer");
      directories.push(...readRuntimeState(bundle.root, "all").cgroups);
      expect(directories).toHaveLength(Object.keys(paths).length);
    }
    expect(directories.filter((directory) => existsSync(directory))).toEqual([]);
  });

  needs("root", "busybox", "cgroup1")("a relative path is below the caller's own cgroup", () => {
    const name = place();
    using parent = testCgroups("memory");
    const own = parent.directories[0] ?? "";
    using bundle = makeBundle(limited(name, {}));
    const script = `echo $$ > ${own}/cgroup.procs; exec ${PIDBOX_OCI} --root ${bundle.root} create --bundle ${bundle.path} here >${bundle.path}/output 2>&1`;
    expect([Bun.spawnSync(["sh", "-c", script], { stdin: "ignore" }).exitCode, readFileSync(`${bundle.path}/output`, "utf8")]).toEqual([0, ""]);
    expect(readRuntimeState(bundle.root, "here").cgroups).toContain(`${own}/${name}`);
    expect(run(PIDBOX_OCI, ["--root", bundle.root, "delete", "-f", "here"]).code).toBe(0);
  });

  needs("root", "busybox", "cgroup1")("every limit is in the kernel before the program runs", () => {
    using bundle = makeBundle(limited(`/${place()}`, {
      memory: { limit: 64 << 20, reservation: 32 << 20, swap: 96 << 20, swappiness: 7, disableOOMKiller: true, kernelTCP: 8 << 20, useHierarchy: true },
      cpu: { shares: 300, period: 50000, quota: 20000, burst: 5000, cpus: "0", mems: "0" },
      pids: { limit: 33 },
      blockIO: { throttleReadBpsDevice: [{ major: 7, minor: 0, rate: 1000 }], throttleWriteIOPSDevice: [{ major: 7, minor: 0, rate: 44 }] },
    }));
    using _container = create(bundle, "limits");
    const read = reader(readRuntimeState(bundle.root, "limits").cgroups);
    const files = {
      "memory.limit_in_bytes": String(64 << 20), "memory.soft_limit_in_bytes": String(32 << 20), "memory.memsw.limit_in_bytes": String(96 << 20), "memory.swappiness": "7",
      "memory.kmem.tcp.limit_in_bytes": String(8 << 20), "memory.use_hierarchy": "1", "cpu.shares": "300", "cpu.cfs_period_us": "50000", "cpu.cfs_quota_us": "20000",
      "cpu.cfs_burst_us": "5000", "cpuset.cpus": "0", "cpuset.mems": "0", "pids.max": "33",
    };
    expect(Object.fromEntries(Object.keys(files).map((file) => [file, read(file)]))).toEqual(files);
    expect(read("memory.oom_control")).toStartWith("oom_kill_disable 1");
  });

  needs("root", "busybox", "cgroup1")("a quota without a period, an idle cgroup that had shares, and no processes but the first", () => {
    using bundle = makeBundle(limited(`/${place()}`, { cpu: { quota: 5000, shares: 100, idle: 1 }, pids: { limit: 0 } }), running("sh", "-c", "true & echo forked"));
    using container = create(bundle, "idle");
    const read = reader(readRuntimeState(bundle.root, "idle").cgroups);
    expect([read("cpu.cfs_quota_us"), read("cpu.idle"), read("pids.max")]).toEqual(["5000", "1", "0"]);
    expect(container.call("start", "ID").code).toBe(0);
    untilSync(() => JSON.parse(container.call("state", "ID").out).status === "stopped");
    expect(readFileSync(`${bundle.path}/output`, "utf8")).toContain("can't fork");
  });

  needs("root", "busybox", "cgroup1")("what the host has no place for is an error that names the file, and nothing is left", () => {
    const name = place();
    using bundle = makeBundle(limited(`/${name}`, { network: { classID: 5 } }));
    const made = run(PIDBOX_OCI, ["--root", bundle.root, "create", "--bundle", bundle.path, "classes"]);
    expect([made.code, hasHierarchy("net_cls")]).toEqual([1, false]);
    expect(messageOf(made.err)).toContain("Cannot limit net_cls: no cgroup of this host that the caller may write has the file net_cls.classid");
    expect(["memory", "pids", "unified"].map((one) => existsSync(`/sys/fs/cgroup/${one}/${name}`))).toEqual([false, false, false]);
  });

  needs("root", "busybox", "cgroup1", "cgroup2")("what v1 left over is limited in the v2 tree", () => {
    using bundle = makeBundle(limited(`/${place()}`, { hugepageLimits: [{ pageSize: "2MB", limit: 4 << 20 }], unified: { "cgroup.max.depth": "3" } }));
    using _container = create(bundle, "left");
    const read = reader(readRuntimeState(bundle.root, "left").cgroups);
    expect([read("hugetlb.2MB.max"), read("hugetlb.2MB.rsvd.max"), read("cgroup.max.depth")]).toEqual([String(4 << 20), String(4 << 20), "3"]);
    const change = JSON.stringify({ hugepageLimits: [{ pageSize: "2MB", limit: 8 << 20 }], pids: { limit: 44 } });
    expect(run(PIDBOX_OCI, ["--root", bundle.root, "update", "-r", "-", "left"], { stdin: change })).toEqual({ code: 0, out: "", err: "" });
    expect([read("hugetlb.2MB.max"), read("pids.max")]).toEqual([String(8 << 20), "44"]);
  });

  needs("root", "busybox", "cgroup1")("a cgroup that is there is taken if it is empty, and a limit of a parent cpuset stays", () => {
    const name = place();
    mkdirSync(`/sys/fs/cgroup/memory/${name}`);
    mkdirSync(`/sys/fs/cgroup/cpuset/${name}`);
    writeFileSync(`/sys/fs/cgroup/cpuset/${name}/cpuset.cpus`, "1");
    writeFileSync(`/sys/fs/cgroup/cpuset/${name}/cpuset.mems`, "0");
    using bundle = makeBundle(limited(`/${name}/inner`, {}));
    {
      using container = start(bundle, "taken");
      expect(membership(container.pid)["cpuset"]).toBe(`/${name}/inner`);
      expect(reader([`/sys/fs/cgroup/cpuset/${name}/inner`])("cpuset.cpus")).toBe("1");
    }
  });

  needs("root", "busybox", "cgroup1")("one with processes in it is refused, and stays as it was", async () => {
    using cgroups = testCgroups("memory");
    const other = cgroups.sleeper();
    await using _ = { [Symbol.asyncDispose]: async () => (other.kill(), void (await other.exited)) };
    const directory = cgroups.directories[0] ?? "";
    const name = directory.slice(directory.lastIndexOf("/") + 1);
    using bundle = makeBundle(limited(`/${name}`, {}));
    const made = run(PIDBOX_OCI, ["--root", bundle.root, "create", "--bundle", bundle.path, "used"]);
    expect(made.code).toBe(1);
    expect(messageOf(made.err)).toContain(`container's cgroup "${directory}" is not empty: processes were found`);
    expect(other.exitCode).toBeNull();
    expect(readFileSync(`${directory}/cgroup.procs`, "utf8").trim()).toBe(String(other.pid));
    expect(readRuntimePlaces().filter((one) => existsSync(`${one}/${name}`))).toEqual(["/sys/fs/cgroup/memory"]);
  });

  needs("root", "busybox", "cgroup1")("a frozen one is refused: the container would never start", () => {
    const name = place();
    mkdirSync(`/sys/fs/cgroup/freezer/${name}`);
    writeFileSync(`/sys/fs/cgroup/freezer/${name}/freezer.state`, "FROZEN");
    using bundle = makeBundle(limited(`/${name}`, {}));
    const made = run(PIDBOX_OCI, ["--root", bundle.root, "create", "--bundle", bundle.path, "frozen"]);
    expect(messageOf(made.err)).toContain("is unexpectedly frozen");
    expect(readRuntimePlaces().filter((one) => existsSync(`${one}/${name}`))).toEqual(["/sys/fs/cgroup/freezer"]);
  });
});

/** Where each hierarchy of this host is mounted. */
function readRuntimePlaces(): string[] {
  return readFileSync("/proc/self/mounts", "utf8").split("\n").flatMap((line) => (/^\S+ \S+ cgroup2? /.test(line) ? [line.split(" ")[1] ?? ""] : []));
}

test("a path that leads out of the hierarchies is refused before anything is made", () => {
  using bundle = makeBundle(limited("/a/../../etc", {}));
  const made = run(PIDBOX_OCI, ["--root", bundle.root, "create", "--bundle", bundle.path, "out"]);
  expect([made.code, messageOf(made.err)]).toEqual([1, expect.stringContaining("/linux/cgroupsPath")]);
});

/** Makes a node and opens it for reading. */
const tries = (type: string, major: number, minor: number): string => `busybox mknod /node ${type} ${major} ${minor} && (true < /node) 2>&1 && echo 0; rm -f /node`;
const answersOf = (out: string): string[] => out.trim().split("\n").map((line) => line.replace(/^.*can't open \/node: /, ""));

function mayMakeNodes(config: Config): Config {
  const names = [...(config.process?.capabilities?.bounding ?? []), "CAP_MKNOD", "CAP_DAC_OVERRIDE"];
  return {
    ...config, root: { ...config.root, path: "rootfs", readonly: false },
    process: { cwd: "/", ...config.process, capabilities: { bounding: names, effective: names, permitted: names } },
  };
}

describe("devices", () => {
  needs("root", "busybox")("those of the rules and the runtime's own can be opened, others not, and nodes can be made", () => {
    const devices = [{ allow: false, access: "rwm" }, { allow: true, type: "c", major: 1, minor: 2, access: "r" }] as const;
    const script = [tries("c", 1, 2), tries("c", 1, 3), tries("c", 1, 6), tries("b", 1, 2)].join("; ");
    using bundle = makeBundle(limited(`/${place()}`, { devices }), mayMakeNodes, running("sh", "-c", script));
    const { out, err, code } = run(PIDBOX_OCI, ["--root", bundle.root, "run", "--bundle", bundle.path, "devices"]);
    expect({ err, code }).toEqual({ err: "", code: 0 });
    // The kernel asks the rules before it finds that there is no such device.
    expect(answersOf(out)).toEqual(["No such device or address", "0", "Operation not permitted", "Operation not permitted"]);
  });

  needs("root", "busybox")("everything may be opened where a rule allows all", () => {
    using bundle = makeBundle(limited(`/${place()}`, { devices: [{ allow: true, access: "rwm" }] }), mayMakeNodes, running("sh", "-c", tries("c", 1, 6)));
    expect(answersOf(run(PIDBOX_OCI, ["--root", bundle.root, "run", "--bundle", bundle.path, "all"]).out)).toEqual(["No such device or address"]);
  });

  needs("root", "busybox")("rules that would cut a hole are refused before anything is made", () => {
    const devices = [{ allow: false }, { allow: true, type: "c", major: 1 }, { allow: false, type: "c", major: 1, minor: 3 }] as const;
    using bundle = makeBundle(limited(`/${place()}`, { devices }));
    const made = run(PIDBOX_OCI, ["--root", bundle.root, "create", "--bundle", bundle.path, "hole"]);
    expect([made.code, messageOf(made.err)]).toEqual([1, expect.stringContaining("Cannot apply the device rule c 1:3 rwm: it would cut a hole into c 1:* rwm")]);
  });

  needs("root", "busybox", "runc", "cgroup1")("the list in the kernel is runc's", () => {
    const devices = [
      { allow: false, access: "rwm" }, { allow: true, type: "c", major: 10, minor: 229, access: "rwm" }, { allow: true, type: "b", major: 8, access: "r" },
      { allow: true, type: "c", major: 1, minor: 3, access: "r" }, { allow: true, type: "c", major: 4, minor: 1, access: "rw" },
      { allow: false, type: "c", major: 4, minor: 1, access: "w" },
    ] as const;
    const lists = [PIDBOX_OCI, RUNC].map((program) => {
      const name = place();
      using bundle = makeBundle(limited(`/${name}`, { devices }));
      using _container = create(bundle, "list", program);
      return readFileSync(`/sys/fs/cgroup/devices/${name}/devices.list`, "utf8").trim().split("\n").toSorted();
    });
    expect(lists[0]).toEqual(lists[1] ?? []);
  });
});

describe("ownership", () => {
  const RANGE = [{ containerID: 0, hostID: 100000, size: 65536 }];
  const own = (mode: string, ...more: string[]): (config: Config) => Config => (config) => ({
    ...config,
    mounts: [
      ...(config.mounts ?? []).filter(({ type }) => type !== "cgroup"),
      { destination: "/sys/fs/cgroup", type: "cgroup2", source: "cgroup", options: ["nosuid", mode] },
    ],
    linux: {
      ...config.linux, namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup", ...more].map((type) => ({ type }) as never),
      ...(more.length === 0 ? {} : { uidMappings: RANGE, gidMappings: RANGE }),
    },
  });
  const ran = (mode: string, ...args: readonly string[]): ReturnType<typeof run> => {
    using bundle = makeBundle(limited(`/${place()}`, {}), own(mode, "user"), running(...args));
    Bun.spawnSync(["chown", "-R", "100000:100000", `${bundle.path}/rootfs`]);
    return run(PIDBOX_OCI, ["--root", bundle.root, "run", "--bundle", bundle.path, `owner-${mode}`]);
  };
  const stat = "busybox stat -c %u . cgroup.procs cgroup.max.depth";

  needs("root", "busybox", "cgroup2")("a container with users of its own may manage what is below its cgroup, and not its own limits", () => {
    const below = "busybox mkdir below && echo 1 > below/cgroup.procs && echo made; (echo 3 > cgroup.max.depth) 2>/dev/null && echo limited";
    expect(ran("rw", "sh", "-c", `cd /sys/fs/cgroup; ${below}; ${stat}`)).toEqual({ out: "made\n0\n0\n65534\n", err: "", code: 0 });
    // What it made went with it.
    expect(existsSync(`/sys/fs/cgroup/unified/${OWN}${count}`)).toBe(false);
  });

  needs("root", "busybox", "cgroup2")("one whose cgroup mount is read-only owns nothing", () => {
    expect(ran("ro", "sh", "-c", `cd /sys/fs/cgroup; ${stat}`)).toEqual({ out: "65534\n65534\n65534\n", err: "", code: 0 });
  });
});

needs("root", "busybox", "unmanaged")("--systemd-cgroup on a host without systemd is a clear error, and nothing is left", () => {
  using bundle = makeBundle(limited("system.slice:box:c", {}));
  const made = run(PIDBOX_OCI, ["--systemd-cgroup", "--root", bundle.root, "create", "--bundle", bundle.path, "scope"]);
  expect([made.code, messageOf(made.err)]).toEqual([1, expect.stringContaining("systemd cgroup flag passed, but systemd support for managing cgroups is not available")]);
  expect(run(PIDBOX_OCI, ["--root", bundle.root, "list", "-q"]).out).toBe("");
});
