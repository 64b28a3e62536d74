/** features.md and features-linux.md: each name that the document lists is recognized by the same runtime. */
import { release } from "node:os";
import type { Bench } from "./bench.ts";
import { type Case, clause, verdict } from "./case.ts";
import { merge, mounted, namespaces, type Patch } from "./config.ts";
import { bind, source } from "./mounts.ts";
import { schemaErrors } from "./schema.ts";

const features = clause("features.md#features");
const version = clause("features.md#featuresSpecificationVersion");
const hooks = clause("features.md#featuresHooks");
const options = clause("features.md#featuresMountOptions");
const annotations = clause("features.md#featuresAnnotations");
const linuxNamespaces = clause("features-linux.md#linuxFeaturesNamespaces");
const linuxCapabilities = clause("features-linux.md#linuxFeaturesCapabilities");
const linuxCgroup = clause("features-linux.md#linuxFeaturesCgroup");
const linuxSeccomp = clause("features-linux.md#linuxFeaturesSeccomp");
const linuxPolicy = clause("features-linux.md#linuxFeaturesMemoryPolicy");
const linuxMounts = clause("features-linux.md#linuxFeaturesMountExtensions");
const linuxNet = clause("features-linux.md#linuxFeaturesNetDevices");

interface Document {
  readonly ociVersionMin?: string;
  readonly ociVersionMax?: string;
  readonly hooks?: readonly string[];
  readonly mountOptions?: readonly string[];
  readonly annotations?: Patch;
  readonly potentiallyUnsafeConfigAnnotations?: readonly string[];
  readonly linux?: {
    readonly namespaces?: readonly string[];
    readonly capabilities?: readonly string[];
    readonly cgroup?: Patch;
    readonly seccomp?: Readonly<Record<"actions" | "operators" | "archs" | "knownFlags" | "supportedFlags", readonly string[] | undefined>>;
    readonly memoryPolicy?: { readonly modes?: readonly string[]; readonly flags?: readonly string[] };
    readonly mountExtensions?: { readonly idmap?: { readonly enabled?: boolean } };
    readonly netDevices?: { readonly enabled?: boolean };
  };
}

async function document(bench: Bench): Promise<Document> {
  const { code, out, err } = await bench.run(["features"]);
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as Document;
}

/** The names of a list that a config cannot use; `no names` if there is no list. */
async function unusable(bench: Bench, names: readonly string[] | undefined, config: (name: string) => Patch): Promise<string[] | string> {
  if (names === undefined || names.length === 0) return "no names";
  const refused: string[] = [];
  for (const name of names) if ((await verdict(bench, config(name))) !== "accepted") refused.push(name);
  return refused;
}

const DEFINED = ["ociVersionMin", "ociVersionMax", "hooks", "mountOptions", "linux", "annotations", "potentiallyUnsafeConfigAnnotations"];
const DEFINED_LINUX = ["namespaces", "capabilities", "cgroup", "seccomp", "apparmor", "selinux", "memoryPolicy", "intelRdt", "mountExtensions", "netDevices"];
/** MUST in the table of config.md#configLinuxMountOptions. */
const REQUIRED_OPTIONS = [
  "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "iversion", "lazytime", "loud", "noatime", "nodev", "nodiratime", "noexec",
  "noiversion", "nolazytime",
  "norelatime", "nostrictatime", "nosuid", "private", "rbind", "relatime", "remount", "ro", "rprivate", "rshared", "rslave", "runbindable", "rw", "shared",
  "silent", "slave",
  "strictatime", "suid", "sync", "unbindable",
];
const MAPPING = [{ containerID: 0, hostID: 5000, size: 10 }];

const DOCUMENT: readonly Case[] = [
  features("features-schema", "MUST", "the features document is valid against its JSON schema", [], async (bench) => schemaErrors("features-schema.json", await document(bench))),
  features("features-constant", "SHOULD", "the content of the feature document SHOULD be determined on the compilation time of the runtime, not on the execution time.", "the same", async (bench) => {
    const elsewhere = await bench.run(["features"], { before: ["setpriv", "--bounding-set=-all", "--inh-caps=-all"], cwd: "/", env: { HOME: "/nowhere" } });
    return Bun.deepEquals(JSON.parse(elsewhere.out), await document(bench)) ? "the same" : "another";
  }),
  features("features-no-null", "MUST NOT", "The `null` value MUST NOT be confused with an empty value: what is known is not null", [],
    async (bench) => Object.entries(await document(bench)).filter(([, value]) => value === null).map(([name]) => name)),
  version("features-version-min", "MUST", "`ociVersionMin` (string, REQUIRED). The runtime MUST accept this value as the `ociVersion` property of `config.json`.", "accepted", async (bench) => verdict(bench, { ociVersion: (await document(bench)).ociVersionMin })),
  version("features-version-max", "MUST", "`ociVersionMax` (string, REQUIRED). The runtime MUST accept this value as the `ociVersion` property of `config.json`.", "accepted", async (bench) => verdict(bench, { ociVersion: (await document(bench)).ociVersionMax })),
  version("features-version-order", "MUST NOT", "The value MUST NOT be less than the value of the `ociVersionMin` property.", "in order", async (bench) => {
    const { ociVersionMin = "", ociVersionMax = "" } = await document(bench);
    return Bun.semver.order(ociVersionMin, ociVersionMax) <= 0 ? "in order" : `${ociVersionMin} ${ociVersionMax}`;
  }),
  version("features-version-current", "MAY", "The maximum recognized version of the specification", "1.3.0", async (bench) => (await document(bench)).ociVersionMax),
  version("features-defined", "MUST NOT", "The feature document MUST NOT contain properties that are not defined in this version of the specification.", [], async (bench) => {
    const found = await document(bench);
    return [...Object.keys(found).filter((name) => !DEFINED.includes(name)), ...Object.keys(found.linux ?? {}).filter((name) => !DEFINED_LINUX.includes(name))];
  }),
  hooks("features-hooks", "MUST", "The runtime MUST support the elements in this array as the `hooks` property of `config.json`.", [],
    async (bench) => unusable(bench, (await document(bench)).hooks, (name) => ({ hooks: { [name]: [{ path: "/bin/true" }] } }))),
  hooks("features-hooks-all", "MAY", "The recognized names of the hooks.", ["createContainer", "createRuntime", "poststart", "poststop", "prestart", "startContainer"],
    async (bench) => [...((await document(bench)).hooks ?? [])].sort()),
  options("features-options", "MUST", "The runtime MUST recognize the elements in this array as the `options` of `mounts` objects in `config.json`.", [], async (bench) => {
    const from = source(bench, "a");
    const refused: string[] = [];
    for (const name of (await document(bench)).mountOptions ?? []) {
      const idmap = name === "idmap" || name === "ridmap" ? { uidMappings: MAPPING, gidMappings: MAPPING } : {};
      // A remount needs a mount, the recursive options a mount with something below.
      const tmpfs = { destination: "/mnt", type: "tmpfs", source: "tmpfs", options: [] };
      const ways = [mounted(tmpfs, { ...tmpfs, options: [name] }), mounted({ ...bind(from, "/mnt"), options: ["rbind", name], ...idmap })];
      if ((await verdict(bench, ways[0] ?? {})) !== "accepted" && (await verdict(bench, ways[1] ?? {})) !== "accepted") refused.push(name);
    }
    return refused;
  }),
  options("features-options-required", "MUST", "The recognized names of the mount options: those that runtimes MUST implement", [], async (bench) => {
    const known = (await document(bench)).mountOptions ?? [];
    return REQUIRED_OPTIONS.filter((name) => !known.includes(name));
  }),
  options("features-options-data", "SHOULD NOT", "this array SHOULD NOT contain filesystem-specific mount options", [],
    async (bench) => ((await document(bench)).mountOptions ?? []).filter((name) => /=|^(size|mode|uid|gid|nr_inodes|acl|noacl)$/.test(name))),
  annotations("features-annotations", "MUST", "Annotations MUST be a key-value map that follows the same convention as the `annotations` property of `config.json`.", [],
    async (bench) =>
      Object.entries((await document(bench)).annotations ?? {}).filter(([key, value]) => key === "" || typeof value !== "string").map(([key]) => key)),
];

const LINUX: readonly Case[] = [
  linuxNamespaces("features-namespaces", "MUST", "The runtime MUST recognize the elements in this array as the `type` of `linux.namespaces` objects in `config.json`.", [], async (bench) => {
    const identity = [{ containerID: 0, hostID: 0, size: 65_536 }];
    const config = (type: string): Patch =>
      merge(namespaces([type], { type }), type === "user" ? { linux: { uidMappings: identity, gidMappings: identity } } : {});
    return unusable(bench, (await document(bench)).linux?.namespaces, config);
  }),
  linuxNamespaces("features-namespaces-all", "SHOULD", "The recognized names of the namespaces: all of the specification's", ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"],
    async (bench) => [...((await document(bench)).linux?.namespaces ?? [])].sort()),
  linuxCapabilities("features-capabilities", "MUST", "The runtime MUST recognize the elements in this array in the `process.capabilities` object of `config.json`.", "recognized", async (bench) => {
    const names = (await document(bench)).linux?.capabilities ?? [];
    const { code, err } = await bench.container({ process: { capabilities: { bounding: names } } }).run();
    // Those that this process does not have may be told of, but not as unknown.
    return code === 0 && !/unknown|ignor/i.test(err) && names.length > 40 ? "recognized" : err;
  }),
  linuxCgroup("features-cgroup", "MAY", "`v1`, `v2`, `systemd`, `systemdUser`, `rdma` (bool, OPTIONAL)", { v1: true, v2: true, systemd: true, systemdUser: true }, async (bench) => {
    const found = (await document(bench)).linux?.cgroup ?? {};
    return { v1: found["v1"], v2: found["v2"], systemd: found["systemd"], systemdUser: found["systemdUser"] };
  }),
  linuxSeccomp("features-seccomp-actions", "MUST", "The runtime MUST recognize the elements in this array in the `syscalls[].action` property", [], async (bench) =>
    unusable(bench, (await document(bench)).linux?.seccomp?.actions?.filter((name) => name !== "SCMP_ACT_NOTIFY"),
      (action) => ({ linux: { seccomp: { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["getpriority"], action }] } } }))),
  linuxSeccomp("features-seccomp-operators", "MUST", "The runtime MUST recognize the elements in this array in the `syscalls[].args[].op` property", [], async (bench) =>
    unusable(bench, (await document(bench)).linux?.seccomp?.operators,
      (op) => ({ linux: { seccomp: {
        defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["getpriority"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, op, value: 1, valueTwo: 1 }] }],
      } } }))),
  linuxSeccomp("features-seccomp-archs", "MUST", "The runtime MUST recognize the elements in this array in the `architectures` property", [], async (bench) =>
    unusable(bench, (await document(bench)).linux?.seccomp?.archs,
      (name) => ({ linux: { seccomp: {
        defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", name].filter((one, i, all) => all.indexOf(one) === i), syscalls: [],
      } } }))),
  linuxSeccomp("features-seccomp-flags", "MUST", "The runtime MUST recognize and support the elements in this array in the `flags` property", [], async (bench) => {
    const { knownFlags = [], supportedFlags = [] } = (await document(bench)).linux?.seccomp ?? {};
    // WAIT_KILLABLE_RECV is refused by the kernel without a listener (seccomp(2)).
    const names = [...new Set([...(knownFlags ?? []), ...(supportedFlags ?? [])])].filter((name) => !name.endsWith("WAIT_KILLABLE_RECV"));
    if (names.length === 0) return [];
    const syscalls = [{ names: ["getpriority"], action: "SCMP_ACT_ERRNO" }];
    return unusable(bench, names, (flag) => ({ linux: { seccomp: { defaultAction: "SCMP_ACT_ALLOW", flags: [flag], syscalls } } }));
  }),
  linuxPolicy("features-memory-policy", "MUST", "The runtime MUST recognize the elements in this array as the `mode` of `linux.memoryPolicy` objects in `config.json`.", [],
    async (bench) => {
      // A kernel that does not have a mode is not the runtime's business: MPOL_WEIGHTED_INTERLEAVE came with Linux 6.9.
      const old = Bun.semver.order(release(), "6.9.0") < 0;
      const modes = (await document(bench)).linux?.memoryPolicy?.modes?.filter((mode) => !old || mode !== "MPOL_WEIGHTED_INTERLEAVE");
      return unusable(bench, modes, (mode) => ({ linux: { memoryPolicy: { mode, ...(/DEFAULT|LOCAL/.test(mode) ? {} : { nodes: "0" }) } } }));
    }),
  linuxMounts("features-idmap", "MUST", "runtimes MUST still set this value to `true`, to indicate that the runtime recognises the `uidMappings` and `gidMappings` properties.", true, async (bench) => (await document(bench)).linux?.mountExtensions?.idmap?.enabled),
  linuxNet("features-net-devices", "MAY", "`enabled` represents whether the runtime supports the capability to move Linux network devices", true, async (bench) => (await document(bench)).linux?.netDevices?.enabled),
];

export const FEATURES: readonly Case[] = [...DOCUMENT, ...LINUX];
