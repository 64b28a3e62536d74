/** config.md#configLinuxProcess: capabilities, privileges, scheduling. */
import type { Bench } from "./bench.ts";
import { type Case, clause, refused, verdict, verdicts } from "./case.ts";
import { allowRealTime, groupsHaveRealTime } from "./cgroups.ts";
import { merge, mounted, namespaces, type Patch } from "./config.ts";

const linux = clause("config.md#configLinuxProcess");

const SETS = ["bounding", "effective", "permitted", "inheritable", "ambient"] as const;
const CHOWN = 1;
const KILL = 1 << 5;
const NET_BIND = 1 << 10;

function sets(found: string | undefined): Record<string, string> {
  const words = (found ?? "").split(" ");
  return Object.fromEntries(SETS.map((name) => [name, words[words.indexOf(name) + 1] ?? ""]));
}

async function capabilities(bench: Bench, given: Patch | undefined, uid = 0): Promise<Record<string, string>> {
  return sets((await bench.look({ process: { user: { uid, gid: uid }, capabilities: given } }, ["caps"]))["caps"]);
}

const hex = (value: number): string => value.toString(16);
const NONE = { bounding: "0", effective: "0", permitted: "0", inheritable: "0", ambient: "0" };
const all = (...names: readonly string[]): Patch => Object.fromEntries(SETS.map((set) => [set, names]));
const only = (...given: readonly (typeof SETS)[number][]): Patch => Object.fromEntries(given.map((set) => [set, ["CAP_CHOWN"]]));

/** Uids of an unprivileged process with capabilities after exec: 1000 keeps them by the ambient set alone. */
const CAPABILITIES: readonly Case[] = [
  linux("capabilities-all-sets", "MUST", "`capabilities` is an object containing arrays that specifies the sets of capabilities for the process.",
    { root: Object.fromEntries(SETS.map((set) => [set, hex(CHOWN | KILL)])), user: Object.fromEntries(SETS.map((set) => [set, hex(CHOWN | KILL)])) },
    async (bench) => ({
      root: await capabilities(bench, all("CAP_CHOWN", "CAP_KILL")), user: await capabilities(bench, all("CAP_CHOWN", "CAP_KILL"), 1000),
    })),
  linux("capabilities-bounding", "MUST", "`bounding` is an array of bounding capabilities that are kept for the process.", { ...NONE, bounding: hex(CHOWN) }, (bench) => capabilities(bench, only("bounding"), 1000)),
  linux("capabilities-permitted", "MUST", "`permitted` and `effective`: of a process with user ID 0, which exec gives the bounding set",
    { ...NONE, bounding: hex(CHOWN), effective: hex(CHOWN), permitted: hex(CHOWN) },
    (bench) => capabilities(bench, only("bounding", "effective", "permitted"))),
  linux("capabilities-ambient", "MUST", "`ambient` is an array of ambient capabilities that are kept for the process.",
    Object.fromEntries(SETS.map((set) => [set, hex(CHOWN)])), (bench) => capabilities(bench, only(...SETS), 1000)),
  linux("capabilities-inheritable", "MUST", "`inheritable` is an array of inheritable capabilities that are kept for the process.",
    { ...NONE, bounding: hex(CHOWN), inheritable: hex(CHOWN) }, (bench) => capabilities(bench, only("bounding", "permitted", "inheritable"), 1000)),
  linux("capabilities-different-sets", "MUST", "each set as its array says",
    { bounding: hex(CHOWN | KILL | NET_BIND), effective: hex(NET_BIND), permitted: hex(NET_BIND), inheritable: hex(KILL | NET_BIND), ambient: hex(NET_BIND) },
      (bench) => capabilities(bench, {
        bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"], permitted: ["CAP_KILL", "CAP_NET_BIND_SERVICE"], effective: ["CAP_KILL"],
        inheritable: ["CAP_KILL", "CAP_NET_BIND_SERVICE"], ambient: ["CAP_NET_BIND_SERVICE"],
      }, 1000)),
  linux("capabilities-absent", "MUST", "arrays of capabilities that are kept: without an array none is kept", { none: NONE, empty: NONE, user: NONE }, async (bench) => ({
    none: await capabilities(bench, undefined), empty: await capabilities(bench, {}), user: await capabilities(bench, {}, 1000),
  })),
  linux("capabilities-unknown", "SHOULD NOT", "Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be granted", "accepted", async (bench) =>
    (await bench.container({ process: { capabilities: all("CAP_CHOWN", "CAP_NO_SUCH_THING") } }).run()).code === 0 ? "accepted" : "refused"),
  linux("capabilities-warning", "MUST", "Any value which cannot be mapped to a relevant kernel interface, or cannot be granted otherwise MUST be logged as a warning by the runtime.", "logged", async (bench) => {
    const { err } = await bench.container({ process: { capabilities: all("CAP_NO_SUCH_THING") } }).run();
    return /warn/i.test(err) && err.includes("CAP_NO_SUCH_THING") ? "logged" : err;
  }),
  linux("capabilities-not-granted", "SHOULD NOT", "if the runtime operates in a restricted environment with a limited set of capabilities", { code: 0, permitted: hex(CHOWN) }, async (bench) => {
    const container = bench.container({ process: { capabilities: all("CAP_CHOWN", "CAP_LEASE"), args: ["/bin/probe", "caps"] } });
    const { code, out } = await container.run({ before: ["setpriv", "--bounding-set=-lease", "--inh-caps=-lease"] });
    return { code, permitted: sets(out.trim().split("=")[1])["permitted"] };
  }),
];

const PRIVILEGES: readonly Case[] = [
  linux("no-new-privileges", "MUST", "setting `noNewPrivileges` to true prevents the process from gaining additional privileges.", { true: "1", false: "0", absent: "0" }, async (bench) => {
    const found: Record<string, unknown> = {};
    for (const [name, noNewPrivileges] of Object.entries({ true: true, false: false, absent: undefined })) {
      found[name] = (await bench.look({ process: { noNewPrivileges } }, ["nnp"]))["nnp"];
    }
    return found;
  }),
  linux("no-new-privileges-setuid", "MUST", "prevents the process from gaining additional privileges: a set-user-id program", { true: "1000", false: "0" }, async (bench) => {
    const found: Record<string, unknown> = {};
    for (const value of [true, false]) {
      const container = bench.container({ process: { noNewPrivileges: value, user: { uid: 1000, gid: 1000 }, args: ["/bin/probe", "spawn:/bin/setuid:ids"] } });
      Bun.spawnSync(["sh", "-c", `cp ${bench.probe} ${container.rootfs}/bin/setuid && chmod 4755 ${container.rootfs}/bin/setuid`]);
      found[String(value)] = /ids=\d+ (\d+)/.exec((await container.run()).out)?.[1];
    }
    return found;
  }),
  linux("oom-score-set", "MUST", "If `oomScoreAdj` is set, the runtime MUST set `oom_score_adj` to the given value.", ["100", "1000", "0"], async (bench) => {
    const found = [];
    for (const oomScoreAdj of [100, 1000, 0]) found.push((await bench.look({ process: { oomScoreAdj } }, ["read:/proc/self/oom_score_adj"]))["read:/proc/self/oom_score_adj"]);
    return found;
  }),
  linux("oom-score-absent", "MUST NOT", "If `oomScoreAdj` is not set, the runtime MUST NOT change the value of `oom_score_adj`.", { "read:/proc/self/oom_score_adj": "321" }, (bench) =>
    bench.look({}, ["read:/proc/self/oom_score_adj"], { before: ["choom", "-n", "321", "--"] })),
  linux("oom-score-range", "MUST", "adjusts the oom-killer score in `[pid]/oom_score_adj`: values that the kernel does not take", { "1000": "accepted", "1001": "refused", "-1001": "refused" },
    verdicts({ "1000": { process: { oomScoreAdj: 1000 } }, "1001": { process: { oomScoreAdj: 1001 } }, "-1001": { process: { oomScoreAdj: -1001 } } })),
  linux("apparmor-absent", "MUST", "`apparmorProfile` specifies the name of the AppArmor profile for the process: an error where the kernel has no AppArmor", { none: "accepted", profile: "refused" }, async (bench) => {
    // Where it has AppArmor, there is no such profile.
    const profile = await refused(bench, { process: { apparmorProfile: "no-such-profile" } }, /apparmor/i);
    return { none: await verdict(bench, {}), profile };
  }),
  linux("selinux-absent", "MUST", "`selinuxLabel` specifies the SELinux label for the process: an error where the kernel has no SELinux", { none: "accepted", label: "refused" }, async (bench) => ({
    none: await verdict(bench, {}),
    label: await refused(bench, { process: { selinuxLabel: "system_u:system_r:svirt_lxc_net_t:s0:c124,c675" } }, /selinux/i),
  })),
];

async function scheduled(bench: Bench, scheduler: Patch, more: Patch = {}): Promise<string> {
  const found = await bench.look(merge(more, { process: { scheduler } }), ["sched"]);
  return (found["sched"] ?? "").replace(/ deadline .*/, "");
}

const SCHEDULING: readonly Case[] = [
  linux("scheduler-policy", "MUST", "`policy` represents the scheduling policy.",
    { other: "policy 0 nice 0 priority 0 flags 0", batch: "policy 3 nice 0 priority 0 flags 0", idle: "policy 5 nice 0 priority 0 flags 0" }, async (bench) => ({
      other: await scheduled(bench, { policy: "SCHED_OTHER" }), batch: await scheduled(bench, { policy: "SCHED_BATCH" }),
      idle: await scheduled(bench, { policy: "SCHED_IDLE" }),
    })),
  linux("scheduler-nice", "MUST", "`nice` is the nice value for the process.", "policy 0 nice 7 priority 0 flags 0", (bench) => scheduled(bench, { policy: "SCHED_OTHER", nice: 7 })),
  linux("scheduler-real-time", "MUST", "`priority` represents the static priority of the process, used by real-time policies like SCHED_FIFO and SCHED_RR.",
    { fifo: "policy 1 nice 0 priority 10 flags 0", rr: "policy 2 nice 0 priority 20 flags 0" }, async (bench) => {
      allowRealTime(bench);
      const limits: Patch = groupsHaveRealTime() ? { linux: { resources: { cpu: { realtimeRuntime: 1000 } } } } : {};
      return {
        fifo: await scheduled(bench, { policy: "SCHED_FIFO", priority: 10 }, limits), rr: await scheduled(bench, { policy: "SCHED_RR", priority: 20 }, limits),
      };
    }),
  linux("scheduler-flags", "MUST", "`flags` is an array of strings representing scheduling flags.", "policy 3 nice 3 priority 0 flags 1", (bench) => scheduled(bench, { policy: "SCHED_BATCH", nice: 3, flags: ["SCHED_FLAG_RESET_ON_FORK"] })),
  linux("scheduler-deadline", "MUST", "`runtime`, `deadline`, `period`, used by the deadline scheduler.", "policy 6 nice 0 priority 0 flags 0 deadline 10000000 20000000 30000000", async (bench) => {
      const found = (await bench.look({ process: { scheduler: { policy: "SCHED_DEADLINE", runtime: 10_000_000, deadline: 20_000_000, period: 30_000_000 } } },
        ["sched"]))["sched"] ?? "";
      // Since Linux 6.13 the kernel tells the slice of others in the same field.
      return found.startsWith("policy 6") ? found : found.split(" nice")[0];
    }),
  linux("scheduler-invalid", "MUST", "A valid list of values is: SCHED_OTHER, ...", { batch: "accepted", unknown: "refused", flag: "refused" },
    verdicts({
      batch: { process: { scheduler: { policy: "SCHED_BATCH" } } }, unknown: { process: { scheduler: { policy: "SCHED_BOGUS" } } },
      flag: { process: { scheduler: { policy: "SCHED_BATCH", flags: ["SCHED_FLAG_BOGUS"] } } },
    })),
  linux("io-priority", "MUST", "`ioPriority` configures the I/O priority settings: `class` and `priority`.", { be: "class 2 level 3", idle: "class 3 level 0", rt: "class 1 level 5" }, async (bench) => {
    const found: Record<string, unknown> = {};
    for (const [name, level] of Object.entries({ be: 3, idle: 0, rt: 5 })) {
      found[name] = (await bench.look({ process: { ioPriority: { class: `IOPRIO_CLASS_${name.toUpperCase()}`, priority: level } } }, ["ioprio"]))["ioprio"];
    }
    return found;
  }),
  linux("io-priority-invalid", "MUST", "an integer ranging from 0 (highest) to 7 (lowest).", { "7": "accepted", "8": "refused", class: "refused" },
    verdicts({
      "7": { process: { ioPriority: { class: "IOPRIO_CLASS_BE", priority: 7 } } }, "8": { process: { ioPriority: { class: "IOPRIO_CLASS_BE", priority: 8 } } },
      class: { process: { ioPriority: { class: "IOPRIO_CLASS_BOGUS", priority: 1 } } },
    })),
  linux("exec-affinity-init", "MUST", "`execCPUAffinity`: This setting is not applicable to the container's init process.", { cpus: "as the runtime's" }, async (bench) => {
    const own = Bun.spawnSync([bench.probe, "cpus"]).stdout.toString().trim();
    return { cpus: `cpus=${(await bench.look({ process: { execCPUAffinity: { initial: "0", final: "0" } } }, ["cpus"]))["cpus"]}`.trim() === own ? "as the runtime's" : "changed" };
  }),
  linux("exec-affinity-final", "MUST", "`final` is a list of CPUs the process will be run on after the transition to container's cgroup.", { final: "0 ", none: "as before" }, async (bench) => {
    const found: Record<string, unknown> = {};
    const own = Bun.spawnSync([bench.probe, "cpus"]).stdout.toString().trim().replace("cpus=", "");
    for (const [name, affinity] of Object.entries<Patch | undefined>({ final: { final: "0" }, none: undefined })) {
      const container = bench.container({ process: { args: ["/bin/probe", "pause"], execCPUAffinity: affinity } });
      await container.begin();
      const { out, err } = await container.exec(["/bin/probe", "cpus"]);
      found[name] = out.startsWith("cpus=") ? out.replace("cpus=", "").replace("\n", "") : err;
      if (String(found[name]).trim() === own) found[name] = "as before";
    }
    return found;
  }),
];

const EXEC: readonly Case[] = [
  linux("exec-as-process", "MUST", "properties of the process hold for a process that joins the container too", { ids: "1000 1000 1000, 1000 1000 1000,", nnp: "1", caps: hex(CHOWN), cwd: "/home", umask: "27" }, async (bench) => {
    const patch: Patch = { process: {
      args: ["/bin/probe", "pause"], cwd: "/home", user: { uid: 1000, gid: 1000, umask: 0o27 }, noNewPrivileges: true, capabilities: all("CAP_CHOWN"),
    } };
    const container = bench.container(merge(mounted(), patch));
    await container.begin();
    const { out, err, code } = await container.exec(["/bin/probe", "ids", "nnp", "caps", "cwd", "umask"]);
    if (code !== 0) throw new Error(err);
    const found = Object.fromEntries(out.trim().split("\n").map((line) => [line.split("=")[0], line.split("=")[1]]));
    return { ...found, ids: found["ids"]?.replace(/, 1000$/, ","), caps: sets(found["caps"])["bounding"] };
  }),
  linux("exec-namespaces", "MUST", "a process that joins the container is in all of its namespaces", { same: ["cgroup", "ipc", "mnt", "net", "pid", "uts"], hostname: "inside" }, async (bench) => {
    const container = bench.container(merge(namespaces([], { type: "network" }, { type: "cgroup" }),
      { hostname: "inside", process: { args: ["/bin/probe", "pause"] } }));
    await container.begin();
    const types = ["cgroup", "ipc", "mnt", "net", "pid", "uts"];
    const { out } = await container.exec(["/bin/probe", "hostname", ...types.flatMap((type) => [`link:/proc/self/ns/${type}`, `link:/proc/1/ns/${type}`])]);
    const lines = Object.fromEntries(out.trim().split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
    return { same: types.filter((type) => lines[`link:/proc/self/ns/${type}`] !== undefined && lines[`link:/proc/self/ns/${type}`] === lines[`link:/proc/1/ns/${type}`]), hostname: lines["hostname"] };
  }),
];

export const PROCESS_LINUX: readonly Case[] = [...CAPABILITIES, ...PRIVILEGES, ...SCHEDULING, ...EXEC];
