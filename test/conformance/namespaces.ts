/** config-linux.md: namespaces, user namespace mappings, time offsets. */
import { mkdirSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { answers, type Bench, type Container } from "./bench.ts";
import { type Case, clause, look, verdict, verdicts } from "./case.ts";
import { merge, mounted, namespaces, type Patch, USER } from "./config.ts";
import { bind, source } from "./mounts.ts";

const spaces = clause("config-linux.md#configLinuxNamespaces");
const mappings = clause("config-linux.md#configLinuxUserNamespaceMappings");
const offsets = clause("config-linux.md#configLinuxTimeOffset");

/** Namespace types of the specification with their names in /proc/PID/ns. */
const TYPES = { pid: "pid", network: "net", mount: "mnt", ipc: "ipc", uts: "uts", user: "user", cgroup: "cgroup", time: "time" } as const;
type Type = keyof typeof TYPES;

const IDENTITY: Patch = { uidMappings: [{ containerID: 0, hostID: 0, size: 65_536 }], gidMappings: [{ containerID: 0, hostID: 0, size: 65_536 }] };

/** A config with the types given and a mount namespace. */
function withTypes(types: readonly Patch[]): Patch {
  const own = types.some((entry) => entry["type"] === "mount") ? [] : [{ type: "mount" }];
  const user = types.find((entry) => entry["type"] === "user");
  // A /proc can be mounted only by the owner of its PID namespace.
  const pid = user === undefined || types.some((entry) => entry["type"] === "pid") ? [] : [{ type: "pid" }];
  return { linux: { namespaces: [...own, ...types, ...pid], ...(user === undefined ? {} : IDENTITY) } };
}

/** Inode of a namespace as the container's program has it. */
async function inside(bench: Bench, type: Type, patch: Patch): Promise<string> {
  const query = `link:/proc/self/ns/${TYPES[type]}`;
  return (await bench.look(patch, [query]))[query] ?? "";
}

const outside = (type: Type, pid: number | "self" = "self"): string => readlinkSync(`/proc/${pid}/ns/${TYPES[type]}`);

async function created(bench: Bench, type: Type): Promise<string> {
  const found = await inside(bench, type, withTypes([{ type }]));
  return found.startsWith(`${TYPES[type]}:[`) && found !== outside(type) ? "new" : found;
}

async function inherited(bench: Bench, type: Type): Promise<string> {
  // Without a mount namespace of its own a container would change the host's mounts: runtimes may refuse that.
  const found = await inside(bench, type, withTypes([]));
  return found === outside(type) ? "the runtime's" : found;
}

/** A container that holds namespaces for others to join. */
async function holder(bench: Bench, types: readonly Type[]): Promise<Container> {
  const container = bench.container(merge(withTypes(types.map((type) => ({ type }))), { process: { args: ["/bin/probe", "pause"] } }));
  await container.begin();
  await container.wrote("ready");
  return container;
}

async function joined(bench: Bench, type: Type, more: readonly Type[] = []): Promise<string> {
  const other = await holder(bench, [type, ...more]);
  const at = (one: Type): Patch => ({ type: one, path: `/proc/${other.pid}/ns/${TYPES[one]}` });
  const found = await inside(bench, type, withTypes([at(type), ...more.map(at)]));
  return found === outside(type, other.pid) ? "the one at path" : found;
}

const OWN: readonly Type[] = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"];
const SUPPORTED: readonly Case[] = OWN.map((type) =>
  spaces(`namespace-${type}-new`, "MUST", `If \`path\` is not specified, the runtime MUST create a new container namespace of type \`${type}\`.`, "new", (bench) => created(bench, type)));

const JOINED: readonly Case[] = (["pid", "network", "ipc", "uts", "cgroup", "time"] as const).map((type) =>
  spaces(`namespace-${type}-path`, "MUST", "The runtime MUST place the container process in the namespace associated with that `path`.", "the one at path", (bench) => joined(bench, type)));

const INHERITED: readonly Case[] = (["pid", "network", "ipc", "uts", "user", "cgroup", "time"] as const).map((type) =>
  spaces(`namespace-${type}-inherited`, "MUST", "If a namespace type is not specified in the `namespaces` array, the container MUST inherit the runtime namespace of that type.", "the runtime's", (bench) => inherited(bench, type)));

const RULES: readonly Case[] = [
  spaces("namespace-user-path", "MUST", "The runtime MUST place the container process in the namespace associated with that `path`: a user namespace, with others that it owns",
    "the one at path", (bench) => joined(bench, "user", ["pid", "ipc", "network"])),
  spaces("namespace-user-path-new", "MUST", "The runtime MUST place the container process in the namespace associated with that `path`: a user namespace, and the others new",
    "the one at path", (bench) => joined(bench, "user")),
  spaces("namespace-path-type", "MUST", "The runtime MUST generate an error if `path` is not associated with a namespace of type `type`.",
    { right: "accepted", wrong: "refused", file: "refused", absent: "refused" }, async (bench) => {
      const other = await holder(bench, ["network", "ipc"]);
      const at = (path: string): Patch => withTypes([{ type: "network", path }]);
      return {
        right: await verdict(bench, at(`/proc/${other.pid}/ns/net`)), wrong: await verdict(bench, at(`/proc/${other.pid}/ns/ipc`)), file: await verdict(bench, at("/etc/passwd")),
        absent: await verdict(bench, at("/nowhere")),
      };
    }),
  spaces("namespace-path-absolute", "MUST", "This value MUST be an absolute path in the runtime mount namespace.", { absolute: "accepted", relative: "refused" }, async (bench) => {
    const other = await holder(bench, ["network"]);
    return {
      absolute: await verdict(bench, withTypes([{ type: "network", path: `/proc/${other.pid}/ns/net` }])),
      relative: await verdict(bench, withTypes([{ type: "network", path: `../../proc/${other.pid}/ns/net` }])),
    };
  }),
  spaces("namespace-bound-path", "MUST", "`path` - namespace file: a bind mount of one too", "the one at path", async (bench) => {
    const other = await holder(bench, ["network"]);
    const at = `${bench.directory}/netns`;
    writeFileSync(at, "");
    Bun.spawnSync(["mount", "--bind", `/proc/${other.pid}/ns/net`, at]);
    try {
      return (await inside(bench, "network", withTypes([{ type: "network", path: at }]))) === outside("network", other.pid) ? "the one at path" : "another";
    } finally {
      Bun.spawnSync(["umount", at]);
    }
  }),
  spaces("namespace-duplicate", "MUST", "If a `namespaces` field contains duplicated namespaces with same `type`, the runtime MUST generate an error.", { once: "accepted", twice: "refused" },
    verdicts({ once: withTypes([{ type: "ipc" }]), twice: withTypes([{ type: "ipc" }, { type: "ipc" }]) })),
  spaces("namespace-unknown", "MUST", "`type` (string, REQUIRED) - namespace type.", { ipc: "accepted", bogus: "refused", absent: "refused", "mnt (not mount)": "refused" },
    verdicts({
      ipc: withTypes([{ type: "ipc" }]), bogus: withTypes([{ type: "bogus" }]), absent: withTypes([{ path: "/proc/self/ns/ipc" }]),
      "mnt (not mount)": withTypes([{ type: "mnt" }]),
    })),
  spaces("namespace-pid-view", "SHOULD", "`pid` processes inside the container will only be able to see other processes inside the same container", { pid: "1", "list:/proc": "1 " }, async (bench) => {
    const found = await bench.look({}, ["pid", "list:/proc"]);
    return { pid: found["pid"], "list:/proc": `${(found["list:/proc"] ?? "").split(" ").filter((word) => /^\d+$/.test(word)).join(" ")} ` };
  }),
  spaces("namespace-pid-shared-view", "SHOULD", "inside the same container or inside the same pid namespace", "both", async (bench) => {
    const other = await holder(bench, ["pid"]);
    const found = await bench.look(withTypes([{ type: "pid", path: `/proc/${other.pid}/ns/pid` }]), ["pid", "read:/proc/1/cmdline"]);
    return Number(found["pid"]) > 1 && found["read:/proc/1/cmdline"]?.includes("pause") === true ? "both" : found;
  }),
  spaces("namespace-network-stack", "SHOULD", "`network` the container will have its own network stack.", { interfaces: "lo up; lo 127.0.0.1; " }, look(withTypes([{ type: "network" }]), "interfaces")),
  spaces("namespace-mount-table", "SHOULD", "`mount` the container will have an isolated mount table.", { inside: "tmpfs", outside: "not there" }, async (bench) => {
    const container = bench.container(merge(mounted({ destination: "/mnt", type: "tmpfs", source: "only-inside" }),
      { process: { args: ["/bin/probe", "mount:/mnt", "pause"] } }));
    await container.begin();
    await container.wrote("ready");
    return {
      inside: answers(container.output)["mount:/mnt"]?.split("|")[0],
      outside: Bun.spawnSync(["grep", "-c", "only-inside", "/proc/self/mountinfo"]).stdout.toString().trim() === "0" ? "not there" : "there",
    };
  }),
  spaces("namespace-ipc-isolated", "SHOULD", "`ipc` processes inside the container will only be able to communicate to other processes inside the same container", { own: "not seen", shared: "seen" }, async (bench) => {
    const queue = Bun.spawnSync(["ipcmk", "-Q"]).stdout.toString().match(/\d+/)?.[0] ?? "";
    const sees = async (patch: Patch): Promise<string> => {
      const list = (await bench.look(patch, ["read:/proc/sysvipc/msg"]))["read:/proc/sysvipc/msg"] ?? "";
      return list.split("\\n").some((line) => line.trim().split(/\s+/)[1] === queue) ? "seen" : "not seen";
    };
    try {
      return { own: await sees(withTypes([{ type: "ipc" }])), shared: await sees(withTypes([])) };
    } finally {
      Bun.spawnSync(["ipcrm", "-q", queue]);
    }
  }),
  spaces("namespace-cgroup-view", "SHOULD", "`cgroup` the container will have an isolated view of the cgroup hierarchy.", { own: "/", shared: "the path" }, async (bench) => {
    const pids = async (patch: Patch): Promise<string | undefined> =>
      /:(?:pids|):(\/\S*?)(?:\\n|$)/.exec((await bench.look(patch, ["read:/proc/self/cgroup"]))["read:/proc/self/cgroup"] ?? "")?.[1];
    const shared = await pids(withTypes([]));
    return { own: await pids(withTypes([{ type: "cgroup" }])), shared: shared?.endsWith(`${bench.cgroup}/c0`) === true ? "the path" : shared };
  }),
];

const MAPPINGS: readonly Case[] = [
  mappings("mappings-applied", "MUST", "describes the user namespace uid mappings from the host to the container.",
    { uid: "0 100000 10 10 200000 5", gid: "0 300000 1 1 400000 1000", ids: "0 0 0, 0 0 0," }, async (bench) => {
      const patch = merge(namespaces([], { type: "user" }), {
        linux: {
          uidMappings: [{ containerID: 0, hostID: 100_000, size: 10 }, { containerID: 10, hostID: 200_000, size: 5 }],
          gidMappings: [{ containerID: 0, hostID: 300_000, size: 1 }, { containerID: 1, hostID: 400_000, size: 1000 }],
        },
      });
      const found = await bench.look(patch, ["read:/proc/self/uid_map", "read:/proc/self/gid_map", "ids"]);
      const words = (text: string | undefined): string => (text ?? "").replaceAll("\\n", " ").trim().replace(/\s+/g, " ");
      return { uid: words(found["read:/proc/self/uid_map"]), gid: words(found["read:/proc/self/gid_map"]), ids: found["ids"]?.replace(/, 0$/, ",") };
    }),
  mappings("mappings-outside", "MUST", "`hostID` is the starting uid/gid on the host to be mapped to containerID.", "101000 102000", async (bench) => {
    const container = bench.container(merge(USER, { process: { user: { uid: 1000, gid: 2000 }, args: ["/bin/probe", "pause"] } }));
    await container.begin();
    await container.wrote("ready");
    const { uid, gid } = statSync(`/proc/${container.pid}`);
    return `${uid} ${gid}`;
  }),
  mappings("mappings-required", "MUST", "`containerID`, `hostID`, `size` (uint32, REQUIRED); a user namespace without mappings has no IDs", { mapped: "accepted", none: "refused", unmapped: "refused" },
    verdicts({
      mapped: USER, none: merge(USER, { linux: { uidMappings: undefined, gidMappings: undefined } }),
      unmapped: merge(USER, { linux: { uidMappings: [{ containerID: 5, hostID: 100_000, size: 10 }] } }),
    })),
  mappings("mappings-without-namespace", "MUST", "describes the user namespace uid mappings: there must be one", { with: "accepted", without: "refused" },
    verdicts({ with: USER, without: merge(USER, namespaces([])) })),
  mappings("mappings-ownership", "SHOULD NOT", "The runtime SHOULD NOT modify the ownership of referenced filesystems to realize the mapping.", "0:0 0:0", async (bench) => {
    const from = source(bench, "owned");
    const container = bench.container(merge(USER, mounted(bind(from, "/mnt"))));
    await container.run();
    const owner = (path: string): string => `${statSync(path).uid}:${statSync(path).gid}`;
    return `${owner(`${container.rootfs}/etc`)} ${owner(`${from}/name`)}`;
  }),
  mappings("mappings-files", "MUST", "to remap user and group IDs from the host to local users", { "stat:/mnt/mine": "file 644 0:0", "stat:/mnt/root": "file 644 65534:65534", made: "100000:100000" }, async (bench) => {
    const from = `${bench.directory}/files`;
    mkdirSync(from);
    Bun.spawnSync(["sh", "-c", `cd ${from} && umask 022 && touch mine root && chown 100000:100000 mine . `]);
    const found = await bench.look(merge(USER, mounted(bind(from, "/mnt"))), ["stat:/mnt/mine", "stat:/mnt/root", "create:/mnt/made"]);
    return { "stat:/mnt/mine": found["stat:/mnt/mine"], "stat:/mnt/root": found["stat:/mnt/root"], made: `${statSync(`${from}/made`).uid}:${statSync(`${from}/made`).gid}` };
  }),
];

const TIME: Patch = namespaces([], { type: "time" });
const OFFSETS: readonly Case[] = [
  offsets("time-offsets", "MUST", "`timeOffsets` sets the offset for Time Namespace.", { boottime: 7200, monotonic: 3600 }, async (bench) => {
    const host = answers(Bun.spawnSync([bench.probe, "clock:boottime", "clock:monotonic"]).stdout.toString());
    const found = await bench.look(merge(TIME, { linux: { timeOffsets: { boottime: { secs: 7200, nanosecs: 0 }, monotonic: { secs: 3600 } } } }),
      ["clock:boottime", "clock:monotonic"]);
    const ahead = (clock: string): number => Math.round((Number(found[`clock:${clock}`]) - Number(host[`clock:${clock}`])) / 60) * 60;
    return { boottime: ahead("boottime"), monotonic: ahead("monotonic") };
  }),
  offsets("time-offsets-namespace", "MUST", "sets the offset for Time Namespace: there must be a new one", { with: "accepted", without: "refused" },
    verdicts({ with: merge(TIME, { linux: { timeOffsets: { monotonic: { secs: 1 } } } }), without: { linux: { timeOffsets: { monotonic: { secs: 1 } } } } })),
  offsets("time-offsets-clock", "MUST", "The name of the clock is the entry key.", { monotonic: "accepted", boottime: "accepted", realtime: "refused" },
    verdicts(Object.fromEntries([
      "monotonic", "boottime", "realtime",
    ].map((clock) => [clock, merge(TIME, { linux: { timeOffsets: { [clock]: { secs: 1 } } } })])))),
];

export const NAMESPACE_CASES: readonly Case[] = [...SUPPORTED, ...JOINED, ...INHERITED, ...RULES, ...MAPPINGS, ...OFFSETS];
