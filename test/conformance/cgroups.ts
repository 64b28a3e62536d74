/** config-linux.md: control groups. What a limit is, is read from the cgroup's files on the host; that it holds is tried inside. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { answers, type Bench } from "./bench.ts";
import { type Case, clause, verdict, verdicts } from "./case.ts";
import { merge, mounted, namespaces, type Patch } from "./config.ts";

const groups = clause("config-linux.md#configLinuxControlGroups");
const path = clause("config-linux.md#configLinuxCgroupsPath");
const ownership = clause("config-linux.md#cgroup-ownership");
const list = clause("config-linux.md#configLinuxDeviceAllowedlist");
const memory = clause("config-linux.md#configLinuxMemory");
const cpu = clause("config-linux.md#configLinuxCPU");
const block = clause("config-linux.md#configLinuxBlockIO");
const huge = clause("config-linux.md#configLinuxHugePageLimits");
const network = clause("config-linux.md#configLinuxNetwork");
const pids = clause("config-linux.md#configLinuxPIDS");
const rdma = clause("config-linux.md#configLinuxRDMA");
const unified = clause("config-linux.md#configLinuxUnified");

const PAUSE: Patch = { process: { args: ["/bin/probe", "pause"] } };
const resources = (given: Patch): Patch => ({ linux: { resources: given } });
const version2 = (): boolean => existsSync("/sys/fs/cgroup/cgroup.controllers");

/** Whether any hierarchy of the host has a controller. */
function hasController(name: string): boolean {
  const unified = ["/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/unified/cgroup.controllers"].filter((path) => existsSync(path));
  return existsSync(`/sys/fs/cgroup/${name}`) || unified.some((path) => readFileSync(path, "utf8").split(/\s/).includes(name));
}

const AS_HOST_CAN = "set where the host has a file for it, else refused";

/** A limit that the host's kernel may have no file for: it must be there as one of `values` where a container without it has such a file, else refused. */
async function asHostCan(bench: Bench, given: Patch, names: readonly string[], ...values: readonly string[]): Promise<unknown> {
  const lines = (id: string): string[] => Object.values(bench.cgroups(id)).flatMap((at) => names.map((name) => `${at}/${name}`))
    .filter((path) => existsSync(path)).flatMap((path) => readFileSync(path, "utf8").trim().split("\n"));
  const plain = bench.container(PAUSE);
  await plain.create();
  const can = lines(plain.id).length > 0;
  const container = bench.container(merge(PAUSE, resources(given)));
  const { code, err } = await container.create();
  if (code !== 0) return can ? { refused: err.trim() } : AS_HOST_CAN;
  const found = lines(container.id);
  return values.some((value) => found.includes(value) || found.includes(`default ${value}`)) ? AS_HOST_CAN : "passed over";
}

/** A value of version 2 in the words of version 1; `weights` are those of old and new runtimes for the shares asked for (runc 1.3.2 changed the formula). */
function inOldWords(file: string, text: string): string {
  const [first = "", second = ""] = text.split(" ");
  if (file === "cpu/cpu.cfs_quota_us") return first;
  if (file === "cpu/cpu.cfs_period_us") return second;
  const weights: Readonly<Record<string, string>> = { "20": "512", "59": "512" };
  return file === "cpu/cpu.shares" ? (weights[text] ?? text) : text;
}

/** What files of the container's cgroup say while it runs: `controller/file`. A name with `|` is that of version 1 and that of version 2. */
async function files(bench: Bench, patch: Patch, ...wanted: readonly string[]): Promise<Record<string, string>> {
  const container = bench.container(merge(PAUSE, patch));
  await container.begin();
  const at = bench.cgroups(container.id);
  return Object.fromEntries(wanted.map((name) => {
    const [first = "", second = ""] = name.split("|");
    const file = version2() ? `${at["unified"] ?? ""}/${second}` : `${at[first.slice(0, first.indexOf("/"))] ?? ""}/${first.slice(first.indexOf("/") + 1)}`;
    const text = existsSync(file) ? readFileSync(file, "utf8").trim() : "no such file";
    return [first, version2() ? inOldWords(first, text) : text];
  }));
}

/** Where a process is: path in the hierarchy of a controller. */
function cgroupOf(pid: number, controller: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n").map((line) => line.split(":"));
  return (lines.find(([, names]) => names?.split(",").includes(controller)) ?? lines.find(([, names]) => names === ""))?.[2] ?? "";
}

async function placed(bench: Bench, cgroupsPath: string | undefined): Promise<string> {
  const container = bench.container(merge(PAUSE, { linux: { cgroupsPath } }));
  await container.begin();
  return cgroupOf(container.pid, "pids");
}

const PATH: readonly Case[] = [
  path("cgroups-path-absolute", "MUST", "In the case of an absolute path, the runtime MUST take the path to be relative to the cgroups mount point.", "at the path", async (bench) => {
    const found = await placed(bench, `${bench.cgroup}/elsewhere`);
    return found === `${bench.cgroup}/elsewhere` ? "at the path" : found;
  }),
  path("cgroups-path-relative", "MAY", "In the case of a relative path, the runtime MAY interpret the path relative to a runtime-determined location in the cgroups hierarchy.", "below a place of the runtime", async (bench) => {
    const name = `${bench.cgroup.slice(1)}/relative`;
    const found = await placed(bench, name);
    return found.endsWith(name) ? "below a place of the runtime" : found;
  }),
  path("cgroups-path-same-place", "MUST", "the runtime MUST consistently attach to the same place in the cgroups hierarchy given the same value of `cgroupsPath`.", "the same", async (bench) => {
    const where: string[] = [];
    for (let i = 0; i < 2; i++) {
      const container = bench.container(merge(PAUSE, { linux: { cgroupsPath: `${bench.cgroup}/same` } }));
      await container.begin();
      where.push(cgroupOf(container.pid, "pids"));
      await container.destroy();
    }
    return where[0] === where[1] ? "the same" : where;
  }),
  path("cgroups-path-default", "MAY", "If the value is not specified, the runtime MAY define the default cgroups path.", "its own", async (bench) => {
    const found = await placed(bench, undefined);
    return found !== cgroupOf(process.pid, "pids") && found !== "" && found !== "/" ? "its own" : found;
  }),
  path("cgroups-path-invalid", "MUST", "Runtimes MAY consider certain `cgroupsPath` values to be invalid, and MUST generate an error if this is the case: a path that leaves the hierarchy", "within", async (bench) => {
    const container = bench.container(merge(PAUSE, { linux: { cgroupsPath: `${bench.cgroup}/../..${bench.cgroup}/up` } }));
    const { code, err } = await container.create();
    if (code !== 0) return err.includes("cgroup") ? "within" : err;
    return cgroupOf(container.pid, "pids").startsWith(bench.cgroup) ? "within" : cgroupOf(container.pid, "pids");
  }),
  path("cgroups-path-created", "MUST", "The cgroups will be created if they don't exist.", { before: false, during: true }, async (bench) => {
    const container = bench.container(PAUSE);
    const before = Object.keys(bench.cgroups(container.id)).length > 0;
    await container.create();
    return { before, during: Object.keys(bench.cgroups(container.id)).length > 0 };
  }),
  groups("cgroups-non-empty", "MUST", "check if the container cgroup is fit for purpose, and MUST generate an error if such a check fails. For example, a non-empty cgroup.", { empty: "accepted", "non-empty": "refused" }, async (bench) => {
    const holder = bench.container(PAUSE);
    await holder.begin();
    return { empty: await verdict(bench, {}), "non-empty": await verdict(bench, { linux: { cgroupsPath: `${bench.cgroup}/${holder.id}` } }) };
  }),
  groups("cgroups-frozen", "MUST", "check if the container cgroup is fit for purpose: For example, a frozen cgroup", "refused", async (bench) => {
    const name = version2() ? "cgroup.freeze" : "freezer.state";
    const at = `/sys/fs/cgroup/${version2() ? "" : "freezer"}${bench.cgroup}/frozen`;
    mkdirSync(at, { recursive: true });
    writeFileSync(`${at}/${name}`, version2() ? "1" : "FROZEN");
    const container = bench.container({ linux: { cgroupsPath: `${bench.cgroup}/frozen` } });
    try {
      // A runtime that takes no notice waits for a process that does not run, until it is killed.
      const { code, err } = await container.create();
      return code === 0 ? "accepted" : err.includes("frozen") ? "refused" : { code, err };
    } finally {
      if (existsSync(at)) writeFileSync(`${at}/${name}`, version2() ? "0" : "THAWED");
      await container.destroy();
      if (existsSync(at)) rmdirSync(at);
    }
  }),
];

const OWNERSHIP: readonly Case[] = [
  ownership("ownership-v1", "SHOULD NOT", "Runtimes SHOULD NOT change the ownership of container cgroups when cgroups v1 is in use.", "0:0", async (bench) => {
    const container = bench.container(merge(merge(PAUSE, merge(namespaces([], { type: "cgroup" }), { process: { user: { uid: 1000, gid: 1000 } } })),
      mounted({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["rw"] })));
    await container.begin();
    const found = statSync(Object.entries(bench.cgroups(container.id)).find(([name]) => name !== "unified")?.[1] ?? "/");
    return `${found.uid}:${found.gid}`;
  }),
  ownership("ownership-no-mount", "SHOULD NOT", "If the configuration does not specify such a mount, the runtime SHOULD NOT change the cgroup ownership.", "0:0", async (bench) => {
    const container = bench.container(merge(merge(PAUSE, namespaces([], { type: "cgroup" })), { process: { user: { uid: 1000, gid: 1000 } } }));
    await container.begin();
    const owners = Object.values(bench.cgroups(container.id)).map((at) => `${statSync(at).uid}:${statSync(at).gid}`);
    return [...new Set(owners)].join(" ");
  }),
  groups("cgroups-mount", "MUST", "a `cgroup` mount shows the container's cgroups", { pids: "32", write: "EROFS" }, async (bench) => {
    const file = version2() ? "/sys/fs/cgroup/pids.max" : "/sys/fs/cgroup/pids/pids.max";
    const patch = merge(merge(namespaces([], { type: "cgroup" }), resources({ pids: { limit: 32 } })),
      mounted({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "nodev", "noexec"] }));
    const found = await bench.look(patch, [`read:${file}`, `write:${file}:40`]);
    return { pids: found[`read:${file}`], write: found[`write:${file}:40`] };
  }),
  groups("cgroups-mount-shared", "MUST", "a `cgroup` mount without a cgroup namespace", { pids: "32" }, async (bench) => {
    // Version 2 shows the whole hierarchy then.
    const file = version2() ? `/sys/fs/cgroup${bench.cgroup}/c0/pids.max` : "/sys/fs/cgroup/pids/pids.max";
    const patch = merge(resources({ pids: { limit: 32 } }), mounted({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] }));
    return { pids: (await bench.look(patch, [`read:${file}`]))[`read:${file}`] };
  }),
];

const FULL_CHECK = ["mknod:/home/full:c:1:7", "write:/home/full:x", "mknod:/home/zero:c:1:5", "open:/home/zero:r", "mknod:/home/kmsg:c:1:11", "open:/home/kmsg:r", "mknod:/home/loop:b:7:99", "open:/home/loop:r"];

/** Which devices a list lets a container use: the outcome of use by name; where no node can be made, that. */
async function allowed(bench: Bench, devices: readonly Patch[]): Promise<Record<string, string>> {
  const capabilities = Object.fromEntries(["bounding", "effective", "permitted"].map((set) => [set, ["CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_SYSLOG", "CAP_DAC_OVERRIDE"]]));
  const found = await bench.look(merge({ process: { capabilities } }, resources({ devices })), FULL_CHECK);
  const use = (node: string, how: string): string => (found[node] === "ok" ? (found[how] ?? "") : `mknod ${found[node]}`);
  return {
    full: use("mknod:/home/full:c:1:7", "write:/home/full:x"), zero: use("mknod:/home/zero:c:1:5", "open:/home/zero:r"), kmsg: use("mknod:/home/kmsg:c:1:11", "open:/home/kmsg:r"),
    loop: use("mknod:/home/loop:b:7:99", "open:/home/loop:r"),
  };
}

const NOTHING: Patch = { allow: false, access: "rwm" };
const LIST: readonly Case[] = [
  list("device-list-deny-all", "MUST", "`devices` configures the allowed device list: default devices stay", { kmsg: "EPERM", loop: "EPERM", full: "ENOSPC", zero: "ok" }, async (bench) => {
    const found = await allowed(bench, [NOTHING]);
    return { kmsg: found["kmsg"], loop: found["loop"], full: found["full"], zero: found["zero"] };
  }),
  list("device-list-allow-one", "MUST", "`allow`, `type`, `major`, `minor`, `access`: one device", { kmsg: "ok", loop: "EPERM" }, async (bench) => {
    const found = await allowed(bench, [NOTHING, { allow: true, type: "c", major: 1, minor: 11, access: "rw" }]);
    return { kmsg: found["kmsg"], loop: found["loop"] };
  }),
  list("device-list-order", "MUST", "The runtime MUST apply entries in the listed order.", { "deny last": "EPERM", "allow last": "ok" }, async (bench) => {
    const one = { type: "c", major: 1, minor: 11, access: "rwm" };
    return {
      "deny last": (await allowed(bench, [NOTHING, { allow: true, ...one }, { allow: false, ...one }]))["kmsg"],
      "allow last": (await allowed(bench, [NOTHING, { allow: false, ...one }, { allow: true, ...one }]))["kmsg"],
    };
  }),
  list("device-list-access", "MUST", "`access` - cgroup permissions for device. A composition of `r` (read), `w` (write), and `m` (mknod).", { read: "ok", write: "EPERM" }, async (bench) => {
    const patch = resources({ devices: [NOTHING, { allow: true, type: "c", major: 1, minor: 11, access: "rm" }] });
    const capabilities = Object.fromEntries(["bounding", "effective", "permitted"].map((set) => [set, ["CAP_MKNOD", "CAP_SYSLOG", "CAP_SYS_ADMIN"]]));
    const found = await bench.look(merge({ process: { capabilities } }, patch), ["mknod:/home/kmsg:c:1:11", "open:/home/kmsg:r", "open:/home/kmsg:w"]);
    return { read: found["open:/home/kmsg:r"], write: found["open:/home/kmsg:w"] };
  }),
  list("device-list-wildcards", "MUST", "Unset values mean \"all\", mapping to `*`; type `a` (all).", { minor: "ok", type: "ok" }, async (bench) => ({
    minor: (await allowed(bench, [NOTHING, { allow: true, type: "c", major: 1, access: "rwm" }]))["kmsg"],
    type: (await allowed(bench, [NOTHING, { allow: true, type: "a", access: "rwm" }]))["kmsg"],
  })),
  list("device-list-invalid", "MUST", "`type`: `a` (all), `c` (char), or `b` (block); `access`: `r`, `w`, `m`", { good: "accepted", type: "refused", access: "refused" },
    verdicts({
      good: resources({ devices: [{ allow: true, type: "c", major: 1, minor: 3, access: "rwm" }] }),
      type: resources({ devices: [{ allow: true, type: "x", major: 1, minor: 3, access: "rwm" }] }),
      access: resources({ devices: [{ allow: true, type: "c", major: 1, minor: 3, access: "rwx" }] }),
    })),
];

const MB = 1024 * 1024;
const MEMORY: readonly Case[] = [
  memory("memory-limit", "MUST", "`limit` - sets limit of memory usage", { "memory/memory.limit_in_bytes": String(64 * MB) },
    (bench) => files(bench, resources({ memory: { limit: 64 * MB } }), "memory/memory.limit_in_bytes|memory.max")),
  memory("memory-limit-holds", "MUST", "`limit`: tasks that attempt to consume more memory than they are allowed are immediately killed", { within: "ok", beyond: "signal KILL" }, async (bench) => {
    const found = await bench.look(resources({ memory: { limit: 32 * MB, swap: 32 * MB } }), ["alloc:8000000", "alloc:80000000"]);
    return { within: found["alloc:8000000"], beyond: found["alloc:80000000"] };
  }),
  memory("memory-unlimited", "MUST", "Values for memory specify the limit in bytes, or `-1` for unlimited memory.", "unlimited", async (bench) => {
    const found = (await files(bench, resources({ memory: { limit: -1 } }), "memory/memory.limit_in_bytes|memory.max"))["memory/memory.limit_in_bytes"] ?? "";
    return found === "max" || Number(found) > 2 ** 60 ? "unlimited" : found;
  }),
  memory("memory-reservation", "MUST", "`reservation` - sets soft limit of memory usage", { "memory/memory.soft_limit_in_bytes": String(32 * MB) }, (bench) =>
    files(bench, resources({ memory: { limit: 64 * MB, reservation: 32 * MB } }), "memory/memory.soft_limit_in_bytes|memory.low")),
  memory("memory-swap", "MUST", "`swap` - sets limit of memory+Swap usage", AS_HOST_CAN, (bench) =>
    asHostCan(bench, { memory: { limit: 32 * MB, swap: 64 * MB } }, ["memory.memsw.limit_in_bytes", "memory.swap.max"], String((version2() ? 32 : 64) * MB))),
  memory("memory-swap-below-limit", "MUST", "limit of memory+Swap usage: less than that of memory is no valid value", { same: "accepted", below: "refused" },
    verdicts({ same: resources({ memory: { limit: 64 * MB, swap: 64 * MB } }), below: resources({ memory: { limit: 64 * MB, swap: 32 * MB } }) })),
  memory("memory-swappiness", "MUST", "`swappiness` - The values are from 0 to 100.", { "10": AS_HOST_CAN, "100": AS_HOST_CAN, "101": "refused" }, async (bench) => ({
    "10": await asHostCan(bench, { memory: { swappiness: 10 } }, ["memory.swappiness"], "10"),
    "100": await asHostCan(bench, { memory: { swappiness: 100 } }, ["memory.swappiness"], "100"),
    "101": await verdict(bench, resources({ memory: { swappiness: 101 } })),
  })),
  memory("memory-oom-killer", "MUST", "`disableOOMKiller` - enables or disables the OOM killer.", AS_HOST_CAN, (bench) =>
    asHostCan(bench, { memory: { limit: 64 * MB, disableOOMKiller: true } }, ["memory.oom_control"], "oom_kill_disable 1")),
  memory("memory-kernel-tcp", "MAY", "`kernelTCP` (NOT RECOMMENDED) - sets hard limit for kernel TCP buffer memory", AS_HOST_CAN, (bench) =>
    asHostCan(bench, { memory: { kernelTCP: 9 * MB } }, ["memory.kmem.tcp.limit_in_bytes"], String(9 * MB))),
  memory("memory-check", "MUST", "`checkBeforeUpdate`: If enabled, runtime MAY check if a new memory limit is lower than the current usage, and MUST reject the new limit.", { limit: String(64 * MB), update: "refused" }, async (bench) => {
    const container = bench.container({
      process: { args: ["/bin/probe", "keep:20000000", "pause"] }, linux: { resources: { memory: { limit: 64 * MB, ...(version2() ? {} : { swappiness: 0 }) } } },
    });
    await container.begin();
    await container.wrote("ready");
    const { code } = await bench.run(["update", "--resources", "-", container.id],
      { input: JSON.stringify({ memory: { limit: 4 * MB, checkBeforeUpdate: true } }) });
    const at = bench.cgroups(container.id);
    return { limit: readFileSync(version2() ? `${at["unified"]}/memory.max` : `${at["memory"]}/memory.limit_in_bytes`, "utf8").trim(), update: code === 0 ? "accepted" : "refused" };
  }),
];

/** Whether the kernel gives real-time processes time by their cgroup. */
export const groupsHaveRealTime = (): boolean => existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us");

/** Time for real-time processes in the cgroup that the case's containers share: below one that has none there is none (sched-rt-group.rst). */
export function allowRealTime(bench: Bench): void {
  const at = `/sys/fs/cgroup/cpu${bench.cgroup}`;
  if (!groupsHaveRealTime()) return;
  mkdirSync(at, { recursive: true });
  writeFileSync(`${at}/cpu.rt_runtime_us`, "10000");
}

const CPU: readonly Case[] = [
  cpu("cpu-shares", "MUST", "`shares` - specifies a relative share of CPU time", { "cpu/cpu.shares": "512" }, (bench) => files(bench, resources({ cpu: { shares: 512 } }), "cpu/cpu.shares|cpu.weight")),
  cpu("cpu-quota", "MUST", "`quota` and `period` in microseconds", { "cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "200000" }, (bench) =>
    files(bench, resources({ cpu: { quota: 50_000, period: 200_000 } }), "cpu/cpu.cfs_quota_us|cpu.max", "cpu/cpu.cfs_period_us|cpu.max")),
  cpu("cpu-burst", "MUST", "`burst` - the maximum amount of accumulated time in microseconds", { "cpu/cpu.cfs_burst_us": "20000" }, (bench) =>
    files(bench, resources({ cpu: { quota: 50_000, burst: 20_000, period: 200_000 } }), "cpu/cpu.cfs_burst_us|cpu.max.burst")),
  cpu("cpu-burst-quota", "MAY", "this value MUST be no larger than any positive `quota` (runtimes MAY generate an error).", { within: "accepted", beyond: "refused" },
    verdicts({ within: resources({ cpu: { quota: 50_000, burst: 50_000 } }), beyond: resources({ cpu: { quota: 50_000, burst: 60_000 } }) })),
  cpu("cpu-cpus", "MUST", "`cpus` - list of CPUs the container will run on.", { cpus: "0 " }, (bench) => bench.look(resources({ cpu: { cpus: "0" } }), ["cpus"])),
  cpu("cpu-mems", "MUST", "`mems` - list of memory nodes the container will run on.", { "cpuset/cpuset.mems": "0" }, (bench) => files(bench, resources({ cpu: { cpus: "0", mems: "0" } }), "cpuset/cpuset.mems|cpuset.mems")),
  cpu("cpu-invalid", "MUST", "a comma-separated list, with dashes to represent ranges", { "0": "accepted", "0-0": "accepted", bogus: "refused", "4096": "refused", mems: "refused" },
    verdicts({
      "0": resources({ cpu: { cpus: "0" } }), "0-0": resources({ cpu: { cpus: "0-0" } }), bogus: resources({ cpu: { cpus: "x" } }),
      "4096": resources({ cpu: { cpus: "4096" } }), mems: resources({ cpu: { mems: "77" } }),
    })),
  cpu("cpu-idle", "MUST", "`idle` - cgroups are configured with minimum weight, 0: default behavior, 1: SCHED_IDLE.", { "cpu/cpu.idle": "1" }, (bench) => files(bench, resources({ cpu: { idle: 1 } }), "cpu/cpu.idle|cpu.idle")),
  cpu("cpu-real-time", "MUST", "`realtimeRuntime`, `realtimePeriod`: set, or an error where the kernel has no such files", AS_HOST_CAN, (bench) => {
    allowRealTime(bench);
    return asHostCan(bench, { cpu: { realtimePeriod: 1_000_000, realtimeRuntime: 1000 } }, ["cpu.rt_runtime_us"], "1000");
  }),
];

/** A block device that the kernel knows, for rules by number. Only the scheduler bfq has weights for a device. */
const DISK = ((): { major: number; minor: number; weighs: boolean } => {
  const name = readdirSync("/sys/block").find((one) => !/^(loop|ram|zram)/.test(one)) ?? "";
  const text = (file: string): string => (existsSync(`/sys/block/${name}/${file}`) ? readFileSync(`/sys/block/${name}/${file}`, "utf8").trim() : "");
  const [major = 0, minor = 0] = text("dev").split(":").map(Number);
  return { major, minor, weighs: text("queue/scheduler").includes("[bfq]") };
});

const throttle = (name: string, file: string): Case =>
  block(`block-${name}`, "MUST", `\`throttle${name}Device\` - an array of per-device rate limits.`, "600", async (bench) => {
    const { major, minor } = DISK();
    const found = await files(bench, resources({ blockIO: { [`throttle${name}Device`]: [{ major, minor, rate: 600 }] } }), `blkio/blkio.throttle.${file}|io.max`);
    return new RegExp(`^${major}:${minor} .*?(600)`, "m").exec(Object.values(found)[0] ?? "")?.[1] ?? found;
  });

const REST: readonly Case[] = [
  // The files are there only with a scheduler that knows weights; io.weight has 1 to 10000 where blkio has 10 to 1000.
  block("block-weight", "MUST", "`weight` - specifies per-cgroup weight: set, or an error", AS_HOST_CAN,
    (bench) => asHostCan(bench, { blockIO: { weight: 300 } }, ["blkio.weight", "blkio.bfq.weight", "io.bfq.weight", "io.weight"], "300", "2930")),
  block("block-leaf-weight", "MUST", "`leafWeight`: set, or an error", AS_HOST_CAN, (bench) => asHostCan(bench, { blockIO: { leafWeight: 300 } }, ["blkio.leaf_weight"], "300")),
  block("block-weight-device", "MUST", "`weightDevice` - an array of per-device bandwidth weights: set, or an error", AS_HOST_CAN, (bench) => {
    const { major, minor, weighs } = DISK();
    const names = weighs ? ["blkio.bfq.weight_device", "io.bfq.weight"] : ["blkio.weight_device"];
    return asHostCan(bench, { blockIO: { weightDevice: [{ major, minor, weight: 300 }] } }, names, `${major}:${minor} 300`);
  }),
  throttle("ReadBps", "read_bps_device"), throttle("WriteBps", "write_bps_device"), throttle("ReadIOPS", "read_iops_device"), throttle("WriteIOPS", "write_iops_device"),
  huge("hugetlb-limit", "MUST", "`hugepageLimits`: set, or an error where the kernel has no such controller", AS_HOST_CAN, (bench) =>
    asHostCan(bench, { hugepageLimits: [{ pageSize: "2MB", limit: 2 * MB }] }, ["hugetlb.2MB.max", "hugetlb.2MB.limit_in_bytes"], String(2 * MB))),
  huge("hugetlb-supported", "SHOULD", "`hugepageLimits`: set where a hierarchy has the controller", "as the host can", async (bench) => {
    const found = await verdict(bench, resources({ hugepageLimits: [{ pageSize: "2MB", limit: 2 * MB }] }));
    return found === (hasController("hugetlb") ? "accepted" : "refused") ? "as the host can" : found;
  }),
  huge("hugetlb-size", "MUST", "`pageSize`: The value has the format `<size><unit-prefix>B`", { bogus: "refused" }, verdicts({ bogus: resources({ hugepageLimits: [{ pageSize: "3XB", limit: 1 }] }) })),
  network("network-class", "MUST", "`classID`: set, or an error where the kernel has no such controller", AS_HOST_CAN, (bench) => asHostCan(bench, { network: { classID: 1_048_577 } }, ["net_cls.classid"], "1048577")),
  network("network-priorities", "MUST", "`priorities`: set, or an error where the kernel has no such controller", AS_HOST_CAN, (bench) =>
    asHostCan(bench, { network: { priorities: [{ name: "lo", priority: 5 }] } }, ["net_prio.ifpriomap"], "lo 5")),
  pids("pids-limit", "MUST", "`limit` - specifies the maximum number of tasks in the cgroup", { "pids/pids.max": "7" }, (bench) => files(bench, resources({ pids: { limit: 7 } }), "pids/pids.max|pids.max")),
  pids("pids-limit-holds", "MUST", "the maximum number of tasks in the cgroup", { "forks:100": "6" }, (bench) => bench.look(resources({ pids: { limit: 7 } }), ["forks:100"])),
  pids("pids-unlimited", "MUST", "with `-1` indicating no limit (`max`).", { "pids/pids.max": "max" }, (bench) => files(bench, resources({ pids: { limit: -1 } }), "pids/pids.max|pids.max")),
  pids("pids-zero", "SHOULD", "`0` is a valid limit value for the `pids` cgroup controller and SHOULD be treated as such by runtimes.", { "pids/pids.max": "0" }, (bench) => files(bench, resources({ pids: { limit: 0 } }), "pids/pids.max|pids.max")),
  pids("pids-absent", "MAY", "`limit` (int64, OPTIONAL)", "accepted", (bench) => verdict(bench, resources({ pids: {} }))),
  rdma("rdma-limit", "MUST", "`rdma`: set, or an error where the kernel has no such controller or device", "refused", (bench) => verdict(bench, resources({ rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10_000 } } }))),
  unified("unified-version-1", "MUST", "The runtime MUST generate an error when the configuration refers to a cgroup controller that is not present or that cannot be enabled.", "refused", (bench) =>
    version2() ? verdict(bench, resources({ unified: { "bogus.max": "1" } })) : verdict(bench, resources({ unified: { "memory.max": "64000000" } }))),
  unified("unified-slash", "MUST", "Each key in the map refers to a file in the cgroup unified hierarchy: of the container", "refused", (bench) => verdict(bench, resources({ unified: { "../cgroup.procs": "1" } }))),
  groups("cgroups-update", "MUST", "restrict resource usage for a container: `update` changes the limits of a running one", "41", async (bench) => {
    const container = bench.container(merge(PAUSE, resources({ pids: { limit: 32 } })));
    await container.begin();
    await bench.run(["update", "--resources", "-", container.id], { input: JSON.stringify({ pids: { limit: 41 } }) });
    const at = bench.cgroups(container.id);
    return readFileSync(`${at["pids"] ?? at["unified"] ?? ""}/pids.max`, "utf8").trim();
  }),
  groups("cgroups-exec", "MUST", "cgroups restrict resource usage for a container: for processes that join it too", "the same", async (bench) => {
    const container = bench.container(merge(PAUSE, resources({ pids: { limit: 32 } })));
    await container.begin();
    const { out } = await container.exec(["/bin/probe", "read:/proc/self/cgroup", "read:/proc/1/cgroup"]);
    const found = answers(out);
    return found["read:/proc/self/cgroup"] !== "" && found["read:/proc/self/cgroup"] === found["read:/proc/1/cgroup"] ? "the same" : found;
  }),
];

export const CGROUP_CASES: readonly Case[] = [...PATH, ...OWNERSHIP, ...LIST, ...MEMORY, ...CPU, ...REST];
