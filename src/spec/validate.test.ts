import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { PidboxError } from "../base/error.ts";
import { formatJson, JSON_LIMIT } from "./json.ts";
import { decodeConfig, parseConfig, parseProcess, parseResources, parseSeccomp, validateConfig } from "./validate.ts";

const FIXTURES = new URL("../../test/fixtures/config/", import.meta.url).pathname;
const NAMESPACES = ["pid", "network", "mount", "ipc", "uts", "cgroup", "time", "user"].map((type) => ({ type }));
const MAP = [{ containerID: 0, hostID: 100000, size: 65536 }];

type Json = Record<string, unknown>;

/** A config that is valid, with `process`, `linux` and other top fields replaced. */
function base(over: { process?: Json; linux?: Json; [key: string]: unknown } = {}): Json {
  const { process, linux, ...rest } = over;
  return {
    ociVersion: "1.3.0", root: { path: "rootfs" }, process: { cwd: "/", args: ["sh"], user: { uid: 0, gid: 0 }, ...process },
    linux: { namespaces: NAMESPACES, uidMappings: MAP, gidMappings: MAP, ...linux }, ...rest,
  };
}
const inProcess = (process: Json): Json => base({ process });
const inLinux = (linux: Json): Json => base({ linux });
const inResources = (resources: Json): Json => base({ linux: { resources } });
const inSeccomp = (seccomp: Json): Json => base({ linux: { seccomp: { defaultAction: "SCMP_ACT_ERRNO", ...seccomp } } });
const inMount = (mount: Json): Json => base({ mounts: [{ destination: "/a", type: "tmpfs", ...mount }] });
const without = (...types: string[]): Json => ({ namespaces: NAMESPACES.filter((n) => !types.includes(n.type)) });

const rule = (over: Json): Json => inSeccomp({ syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", ...over }] });
const ranges = (...list: [number, number, number][]): Json =>
  inLinux({ uidMappings: list.map(([containerID, hostID, size]) => ({ containerID, hostID, size })) });

// What is wrong, the config, then each violation as "LEVEL code pointer".
const CASES: [string, unknown, ...string[]][] = [
  ["nothing", base()],
  ["the document is not an object", [], "MUST type "],
  ["the document is null", null, "MUST type "],
  ["everything required is missing", {}, "MUST required /ociVersion", "MUST required /root"],
  ["nothing: unknown properties", base({ windows: { a: 1 }, "x-y": [null], process: { commandLine: 3 } })],
  ["nothing: a later minor version", base({ ociVersion: "1.27.0-rc.1+dev" })],
  ["the version has two parts", base({ ociVersion: "1.2" }), "MUST value /ociVersion"],
  ["the major version is 2", base({ ociVersion: "2.0.0" }), "MUST value /ociVersion"],
  ["the version has a leading zero", base({ ociVersion: "01.2.0" }), "MUST value /ociVersion"],
  ["root.path is empty", base({ root: { path: "" } }), "MUST empty /root/path"],
  ["root.readonly is text", base({ root: { path: "r", readonly: "yes" } }), "MUST type /root/readonly"],
  ["the host name would be the host's", base({ hostname: "x", linux: without("uts") }), "MUST missing-namespace /hostname"],
  ["the host name is too long", base({ hostname: "é".repeat(33) }), "MUST range /hostname"],
  ["the domain name would be the host's", base({ domainname: "x", linux: without("uts") }), "MUST missing-namespace /domainname"],
  ["an annotation is a number", base({ annotations: { "a/b~c": 1 } }), "MUST type /annotations/a~1b~0c"],
  ["an annotation has no key", base({ annotations: { "": "x" } }), "MUST empty /annotations/"],

  ["cwd is relative", inProcess({ cwd: "a" }), "MUST not-absolute /process/cwd"],
  ["cwd is missing", inProcess({ cwd: null }), "MUST required /process/cwd"],
  ["args is empty", inProcess({ args: [] }), "MUST empty /process/args"],
  ["an argument has a NUL byte", inProcess({ args: ["sh", "a\0b"] }), "MUST nul-byte /process/args/1"],
  ["an argument is a number", inProcess({ args: ["sh", 1] }), "MUST type /process/args/1"],
  ["a variable has no name", inProcess({ env: ["A=b", "=c", "D"] }), "SHOULD value /process/env/1", "SHOULD value /process/env/2"],
  ["terminal is a number", inProcess({ terminal: 1 }), "MUST type /process/terminal"],
  ["the console is too large", inProcess({ terminal: true, consoleSize: { height: 70000, width: 1 } }), "MUST range /process/consoleSize/height"],
  ["nothing: the console is ignored", inProcess({ consoleSize: { height: 70000, width: 1 } })],
  ["the console has one side", inProcess({ consoleSize: { height: 1 } }), "MUST required /process/consoleSize/width"],
  ["the user has no gid", inProcess({ user: { uid: 1 } }), "MUST required /process/user/gid"],
  ["the uid is -1", inProcess({ user: { uid: 4294967295, gid: 0 } }), "MUST range /process/user/uid"],
  ["the uid is text", inProcess({ user: { uid: "0", gid: 0 } }), "MUST type /process/user/uid"],
  ["the gid is a fraction", inProcess({ user: { uid: 0, gid: 0.5 } }), "MUST type /process/user/gid"],
  ["the umask is too wide", inProcess({ user: { uid: 0, gid: 0, umask: 512 } }), "MUST range /process/user/umask"],
  ["an additional group is negative", inProcess({ user: { uid: 0, gid: 0, additionalGids: [1, -1] } }), "MUST range /process/user/additionalGids/1"],
  ["a capability is unknown", inProcess({ capabilities: { bounding: ["CAP_KILL", "CAP_NEW"] } }), "SHOULD ungrantable /process/capabilities/bounding/1"],
  ["a capability is not permitted", inProcess({ capabilities: { effective: ["CAP_KILL"] } }), "SHOULD ungrantable /process/capabilities/effective"],
  ["an rlimit is unknown", inProcess({ rlimits: [{ type: "RLIMIT_FOO", soft: 1, hard: 1 }] }), "MUST value /process/rlimits/0/type"],
  ["an rlimit occurs twice", inProcess({ rlimits: [1, 2].map((n) => ({ type: "RLIMIT_CPU", soft: n, hard: n })) }), "MUST duplicate /process/rlimits/1"],
  ["a soft limit is above the hard one", inProcess({ rlimits: [{ type: "RLIMIT_CPU", soft: 2, hard: 1 }] }), "MUST conflict /process/rlimits/0/soft"],
  ["a limit was rounded", inProcess({ rlimits: [{ type: "RLIMIT_CPU", soft: 0, hard: 2 ** 63 }] }), "MUST range /process/rlimits/0/hard"],
  ["oomScoreAdj is too low", inProcess({ oomScoreAdj: -1001 }), "MUST range /process/oomScoreAdj"],
  ["nice with a real-time policy", inProcess({ scheduler: { policy: "SCHED_FIFO", nice: 1, priority: 1 } }), "MUST conflict /process/scheduler/nice"],
  ["an unknown scheduler", inProcess({ scheduler: { policy: "SCHED_X", flags: ["F"] } }), "MUST value /process/scheduler/policy", "MUST value /process/scheduler/flags/0"],
  ["an I/O priority of 8", inProcess({ ioPriority: { class: "IOPRIO_CLASS_BE", priority: 8 } }), "MUST range /process/ioPriority/priority"],
  ["a CPU list that falls", inProcess({ execCPUAffinity: { initial: "3-1", final: "0-3,7" } }), "MUST value /process/execCPUAffinity/initial"],

  ["a hook's path is relative", base({ hooks: { poststop: [{ path: "a" }] } }), "MUST not-absolute /hooks/poststop/0/path"],
  ["a hook's timeout is 0", base({ hooks: { createRuntime: [{ path: "/a", timeout: 0 }] } }), "MUST range /hooks/createRuntime/0/timeout"],
  ["prestart is used", base({ hooks: { prestart: [{ path: "/a" }] } }), "SHOULD deprecated /hooks/prestart"],

  ["a destination is relative", inMount({ destination: "a" }), "SHOULD deprecated /mounts/0/destination"],
  ["a destination is empty", inMount({ destination: "" }), "MUST empty /mounts/0/destination"],
  ["a bind mount has no source", inMount({ options: ["rbind"] }), "MUST required /mounts/0/source"],
  ["a mount has no type", inMount({ type: "" }), "MUST required /mounts/0/type"],
  ["a mode is not octal", inMount({ options: ["mode=1888", "mode=755", "mode"] }), "MUST value /mounts/0/options/0", "MUST value /mounts/0/options/2"],
  ["one kind of mapping", inMount({ uidMappings: MAP, options: ["idmap"] }), "MUST required /mounts/0/gidMappings"],
  ["mappings without idmap", inMount({ uidMappings: MAP, gidMappings: MAP }), "SHOULD conflict /mounts/0/options"],
  [
    "idmap without mappings",
    base({ mounts: [{ destination: "/a", type: "tmpfs", options: ["ridmap"] }], linux: { ...without("user"), uidMappings: [], gidMappings: [] } }),
    "MUST missing-namespace /mounts/0/options",
  ],
  ["nothing: idmap with the container's mappings", inMount({ options: ["idmap"] })],

  ["a namespace is unknown", inLinux({ namespaces: [...NAMESPACES, { type: "net" }] }), "MUST value /linux/namespaces/8/type"],
  ["a namespace occurs twice", inLinux({ namespaces: [...NAMESPACES, { type: "pid" }] }), "MUST duplicate /linux/namespaces/8"],
  ["a namespace path is relative", inLinux({ namespaces: [...NAMESPACES.slice(1), { type: "pid", path: "a" }] }), "MUST not-absolute /linux/namespaces/7/path"],
  ["mappings without user namespace", inLinux(without("user")), "MUST missing-namespace /linux/uidMappings", "MUST missing-namespace /linux/gidMappings"],
  ["a user namespace without mappings", inLinux({ uidMappings: [] }), "MUST required /linux/uidMappings"],
  ["an id range is empty", ranges([0, 1, 0]), "MUST range /linux/uidMappings/0/size"],
  ["an id range wraps", ranges([4294967295, 0, 2]), "MUST range /linux/uidMappings/0/containerID"],
  ["id ranges overlap inside", ranges([5, 100, 5], [0, 0, 6]), "MUST overlap /linux/uidMappings/0/containerID"],
  ["id ranges overlap outside", ranges([0, 10, 5], [5, 14, 5]), "MUST overlap /linux/uidMappings/1/hostID"],
  [
    "there are too many ranges",
    ranges(...Array.from({ length: 341 }, (_, i): [number, number, number] => [i, i, 1])),
    "MUST too-many /linux/uidMappings",
  ],
  [
    "time offsets without time namespace",
    inLinux({ ...without("time"), timeOffsets: { boottime: { secs: 1 } } }),
    "MUST missing-namespace /linux/timeOffsets",
  ],
  [
    "time offsets of a joined namespace",
    inLinux({ namespaces: [...NAMESPACES.filter((n) => n.type !== "time"), { type: "time", path: "/x" }], timeOffsets: { boottime: {} } }),
    "MUST missing-namespace /linux/timeOffsets",
  ],
  ["an unknown clock", inLinux({ timeOffsets: { realtime: { secs: 1 } } }), "MUST value /linux/timeOffsets/realtime"],
  ["too many nanoseconds", inLinux({ timeOffsets: { monotonic: { nanosecs: 1e9 } } }), "MUST range /linux/timeOffsets/monotonic/nanosecs"],
  ["a device without numbers", inLinux({ devices: [{ type: "c", path: "/d" }] }), "MUST required /linux/devices/0/major", "MUST required /linux/devices/0/minor"],
  ["nothing: a FIFO without numbers", inLinux({ devices: [{ type: "p", path: "/d", fileMode: 438 }] })],
  ["a device has a relative path", inLinux({ devices: [{ type: "c", path: "d", major: 1, minor: 3 }] }), "MUST not-absolute /linux/devices/0/path"],
  ["a device number is too large", inLinux({ devices: [{ type: "b", path: "/d", major: 4096, minor: 1048576 }] }), "MUST range /linux/devices/0/major", "MUST range /linux/devices/0/minor"],
  ["a device type is unknown", inLinux({ devices: [{ type: "x", path: "/d" }] }), "MUST value /linux/devices/0/type"],
  ["a mode of another type", inLinux({ devices: [{ type: "b", path: "/d", major: 1, minor: 1, fileMode: 0o020666 }] }), "MUST range /linux/devices/0/fileMode"],
  ["two devices at one path", inLinux({ devices: [{ type: "c", path: "/d", major: 1, minor: 3 }, { type: "c", path: "/d", major: 1, minor: 5 }] }), "MUST conflict /linux/devices/1"],
  ["one device twice", inLinux({ devices: [{ type: "c", path: "/d", major: 1, minor: 3 }, { type: "c", path: "/e", major: 1, minor: 3 }] }), "SHOULD duplicate /linux/devices"],
  ["an interface name has a slash", inLinux({ netDevices: { "e/0": {} } }), "MUST value /linux/netDevices/e~10"],
  ["nothing: an interface name template", inLinux({ netDevices: { eth0: { name: "c%d" } } })],
  ["netDevices of the host", inLinux({ ...without("network"), netDevices: { eth0: {} } }), "MUST missing-namespace /linux/netDevices"],
  ["cgroupsPath climbs", inLinux({ cgroupsPath: "/a/../../b" }), "MUST unsafe-path /linux/cgroupsPath"],
  ["nothing: the systemd form", inLinux({ cgroupsPath: "system.slice:runc:..x" })],
  ["rootfsPropagation is unknown", inLinux({ rootfsPropagation: "public" }), "MUST value /linux/rootfsPropagation"],
  ["a masked path is relative", inLinux({ maskedPaths: ["/a", "b"], readonlyPaths: [""] }), "MUST not-absolute /linux/maskedPaths/1", "MUST not-absolute /linux/readonlyPaths/0"],
  ["personality flags", inLinux({ personality: { domain: "LINUX32", flags: ["ADDR_NO_RANDOMIZE"] } }), "MUST value /linux/personality/flags"],
  ["closID climbs", inLinux({ intelRdt: { closID: "../x", schemata: ["a\nb"], memBwSchema: "L3:" } }), "MUST unsafe-path /linux/intelRdt/closID", "MUST value /linux/intelRdt/schemata/0", "MUST value /linux/intelRdt/memBwSchema"],
  ["nodes with MPOL_LOCAL", inLinux({ memoryPolicy: { mode: "MPOL_LOCAL", nodes: "0" } }), "MUST conflict /linux/memoryPolicy/nodes"],
  ["no nodes with MPOL_BIND", inLinux({ memoryPolicy: { mode: "MPOL_BIND" } }), "MUST required /linux/memoryPolicy/nodes"],

  ["nothing: namespaced sysctls", inLinux({ sysctl: { "net.ipv4.ip_forward": "1", "net/core/somaxconn": "1", "kernel.shmmax": "1", "kernel/sem": "1", "fs.mqueue.msg_max": "1", "kernel.domainname": "x" } })],
  ["a sysctl of the host", inLinux({ sysctl: { "kernel.core_pattern": "|/x" } }), "MUST value /linux/sysctl/kernel.core_pattern"],
  ["a sysctl of the host with slashes", inLinux({ sysctl: { "kernel/core_pattern": "|/x", "vm.swappiness": "0" } }), "MUST value /linux/sysctl/kernel~1core_pattern", "MUST value /linux/sysctl/vm.swappiness"],
  ["a sysctl climbs", inLinux({ sysctl: { "net/../kernel/core_pattern": "x", "net.//.kernel": "x" } }), "MUST unsafe-path /linux/sysctl/net~1..~1kernel~1core_pattern", "MUST unsafe-path /linux/sysctl/net.~1~1.kernel"],
  ["net sysctl without netns", inLinux({ ...without("network"), sysctl: { "net.ipv4.ip_forward": "1" } }), "MUST missing-namespace /linux/sysctl/net.ipv4.ip_forward"],
  ["ipc sysctl without ipcns", inLinux({ ...without("ipc"), sysctl: { "fs/mqueue/msg_max": "1" } }), "MUST missing-namespace /linux/sysctl/fs~1mqueue~1msg_max"],
  ["uts sysctl without utsns", inLinux({ ...without("uts"), sysctl: { "kernel.hostname": "1" } }), "MUST missing-namespace /linux/sysctl/kernel.hostname"],

  ["swap below limit", inResources({ memory: { limit: 100, swap: 99 } }), "MUST conflict /linux/resources/memory/swap"],
  ["nothing: unlimited swap", inResources({ memory: { limit: 100, swap: -1, reservation: 50 }, pids: { limit: 0 } })],
  ["a limit below -1", inResources({ memory: { limit: -2 }, pids: { limit: -2 } }), "MUST range /linux/resources/memory/limit", "MUST range /linux/resources/pids/limit"],
  ["swappiness above 100", inResources({ memory: { swappiness: 101 } }), "MUST range /linux/resources/memory/swappiness"],
  [
    "burst above quota",
    inResources({ cpu: { quota: 1, burst: 2, cpus: "0-1,,", idle: 2 } }),
    "MUST value /linux/resources/cpu/cpus",
    "MUST range /linux/resources/cpu/idle",
    "MUST conflict /linux/resources/cpu/burst",
  ],
  [
    "a unified key is a path",
    inResources({ unified: { "../memory.max": "1", "memory.max": "1" } }),
    "MUST unsafe-path /linux/resources/unified/..~1memory.max",
  ],
  [
    "a device rule", inResources({ devices: [{ type: "c" }, { allow: true, type: "p", access: "x", major: -2 }] }),
    "MUST required /linux/resources/devices/0/allow", "MUST value /linux/resources/devices/1/type",
    "MUST range /linux/resources/devices/1/major", "MUST value /linux/resources/devices/1/access",
  ],
  [
    "block I/O weights",
    inResources({ blockIO: { weight: 9, weightDevice: [{ major: 8, minor: 0 }] } }),
    "MUST range /linux/resources/blockIO/weight",
    "MUST required /linux/resources/blockIO/weightDevice/0/weight",
  ],
  [
    "a throttle without rate",
    inResources({ blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0 }] } }),
    "MUST required /linux/resources/blockIO/throttleReadBpsDevice/0/rate",
  ],
  ["a page size", inResources({ hugepageLimits: [{ pageSize: "2 MB", limit: 1 }] }), "MUST value /linux/resources/hugepageLimits/0/pageSize"],
  ["an empty rdma entry", inResources({ rdma: { mlx5: {} } }), "MUST required /linux/resources/rdma/mlx5"],
  ["a priority without name", inResources({ network: { classID: 2 ** 32, priorities: [{ priority: 1 }] } }), "MUST range /linux/resources/network/classID", "MUST required /linux/resources/network/priorities/0/name"],

  ["an unknown action", inSeccomp({ defaultAction: "SCMP_ACT_DENY" }), "MUST value /linux/seccomp/defaultAction"],
  ["an unknown architecture", inSeccomp({ architectures: ["SCMP_ARCH_Z80", "SCMP_ARCH_X86", "SCMP_ARCH_X86"] }), "MUST value /linux/seccomp/architectures/0", "SHOULD duplicate /linux/seccomp/architectures/1"],
  ["an unknown flag", inSeccomp({ flags: ["SECCOMP_FILTER_FLAG_NEW_LISTENER"] }), "MUST value /linux/seccomp/flags/0"],
  ["a rule without names", rule({ names: [] }), "MUST empty /linux/seccomp/syscalls/0/names"],
  ["an errno with ALLOW", rule({ errnoRet: 1 }), "MUST conflict /linux/seccomp/syscalls/0/errnoRet"],
  ["an errno beyond 4095", rule({ action: "SCMP_ACT_ERRNO", errnoRet: 4096 }), "MUST range /linux/seccomp/syscalls/0/errnoRet"],
  ["a default errno with KILL", inSeccomp({ defaultAction: "SCMP_ACT_KILL", defaultErrnoRet: 1 }), "MUST conflict /linux/seccomp/defaultErrnoRet"],
  ["an unknown operator", rule({ args: [{ index: 6, value: -1, op: "SCMP_CMP_X" }] }), "MUST range /linux/seccomp/syscalls/0/args/0/index", "MUST range /linux/seccomp/syscalls/0/args/0/value", "MUST value /linux/seccomp/syscalls/0/args/0/op"],
  ["notify without listener", rule({ action: "SCMP_ACT_NOTIFY" }), "MUST required /linux/seccomp/listenerPath"],
  ["notify for write", inSeccomp({ listenerPath: "/s", syscalls: [{ names: ["write"], action: "SCMP_ACT_NOTIFY" }] }), "MUST conflict /linux/seccomp/syscalls/0/names"],
  ["metadata without listener", inSeccomp({ listenerMetadata: "x" }), "MUST conflict /linux/seccomp/listenerMetadata"],
];

function caught(run: () => unknown): PidboxError {
  try {
    run();
  } catch (error) {
    if (error instanceof PidboxError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("validateConfig()", () => {
  for (const [what, config, ...expected] of CASES) {
    test(`finds what is wrong: ${what}`, () => {
      expect(validateConfig(config).map((v) => `${v.level} ${v.code} ${v.pointer}`)).toEqual(expected);
      expect(decodeConfig(config).value === undefined).toBe(expected.some((e) => e.startsWith("MUST")));
    });
  }

  test("refuses no config that a real engine wrote", () => {
    const files = readdirSync(FIXTURES).filter((name) => name.endsWith(".json"));
    expect(files.length).toBeGreaterThanOrEqual(7);
    for (const file of files) {
      const config = parseConfig(readFileSync(FIXTURES + file));
      expect(config.process?.cwd).toStartWith("/");
    }
  });
});

/** The names of all properties in a value, with their paths; array indexes are left out. */
function properties(value: unknown, at = "", found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const element of value) properties(element, at, found);
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      found.add(`${at}/${key}`);
      properties(inner, `${at}/${key}`, found);
    }
  }
  return found;
}

describe("parseConfig()", () => {
  test("keeps every property of a config that has them all, without a word of complaint", () => {
    const text = readFileSync(`${FIXTURES}full-1.3.json`, "utf8");
    expect(validateConfig(JSON.parse(text.replaceAll("18446744073709551615", "5").replace('"soft": 1024', '"soft": 1')))).toEqual([
      { code: "range", level: "MUST", pointer: "/linux/resources/hugepageLimits/0/limit", clause: "config.md#valid-values", message: "The number 9223372036854772000 is not an exact whole number" },
    ]);
    const config = parseConfig(text);
    expect(properties(config)).toEqual(properties(JSON.parse(text)));
    expect(config.linux?.resources?.hugepageLimits?.[0]?.limit).toBe(9223372036854772000n);
    expect(parseConfig(formatJson(config))).toEqual(config);
    expect(formatJson(config, 1)).toContain('"hard": 18446744073709551615');
  });

  test("keeps numbers beyond 2^53 exactly, and only those as bigint", () => {
    const text = JSON.stringify(
      base({
        process: { rlimits: [{ type: "RLIMIT_CORE", soft: 7, hard: "BIG" }] },
        linux: {
          seccomp: {
            defaultAction: "SCMP_ACT_ALLOW",
            syscalls: [{ names: ["a"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, op: "SCMP_CMP_EQ", value: "V" }] }],
          },
        },
      }),
    )
      .replace('"BIG"', "18446744073709551615")
      .replace('"V"', "9007199254740993");
    const config = parseConfig(text);
    expect(config.process?.rlimits).toEqual([{ type: "RLIMIT_CORE", soft: 7, hard: 18446744073709551615n }]);
    expect(config.linux?.seccomp?.syscalls?.[0]?.args?.[0]?.value).toBe(9007199254740993n);
    expect(caught(() => parseConfig(text.replace("18446744073709551615", "18446744073709551616"))).code).toBe("CONFIG_INVALID");
  });

  test("reads the configs of Docker with their unlimited rlimits", () => {
    const config = parseConfig(readFileSync(`${FIXTURES}docker-20.10-limits.json`));
    expect(config.process?.rlimits?.find((l) => l.type === "RLIMIT_CORE")?.hard).toBe(18446744073709551615n);
    expect(config.linux?.resources?.memory).toMatchObject({ limit: 268435456, swap: 536870912 });
  });

  test("takes null and empty text for absent, and leaves unknown properties out", () => {
    const config = parseConfig(
      JSON.stringify({
        ...base(), hooks: null, hostname: "", mounts: null, windows: {}, process: { cwd: "/", args: null, apparmorProfile: "", x: 1 },
      }),
    );
    expect(Object.keys(config).toSorted()).toEqual(["linux", "ociVersion", "process", "root"]);
    expect(config.process).toEqual({ cwd: "/" });
  });

  test("treats __proto__ and constructor as data", () => {
    const config = parseConfig('{"ociVersion":"1.0.0","root":{"path":"r"},"__proto__":{"hostname":"x"},"annotations":{"__proto__":"a","constructor":"b"}}');
    expect(config.hostname).toBeUndefined();
    expect(({} as Json)["hostname"]).toBeUndefined();
    expect(Object.entries(config.annotations ?? {})).toEqual([["__proto__", "a"], ["constructor", "b"]]);
    expect(parseConfig('{"ociVersion":"1.0.0","root":{"path":"r"}}').annotations).toBeUndefined();
  });

  test("names the first violations with their pointers and clauses, and counts the rest", () => {
    const error = caught(() => parseConfig(JSON.stringify(base({ linux: { maskedPaths: Array.from({ length: 9 }, (_, i) => `m\u001b${i}`) } }))));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.context.from).toBe("/linux/maskedPaths/0");
    expect(error.message).toContain('/linux/maskedPaths/4: The path "m\\x1b4" is not absolute (config-linux.md#masked-paths)');
    expect(error.message).toContain("and 4 more");
    expect(error.message).not.toContain("maskedPaths/5");
  });

  const HOSTILE: [string, string | Uint8Array, RegExp][] = [
    ["no text", "", /JSON/],
    ["half an object", '{"ociVersion":', /JSON/],
    ["a byte order mark", new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d]), /JSON/],
    ["bad UTF-8", new Uint8Array([0x22, 0xff, 0x22]), /not UTF-8/],
    ["too many bytes", new Uint8Array(JSON_LIMIT + 1), /longer than/],
    ["10 MB of open brackets", "[".repeat(10e6), /nested more than 256/],
    ["deep and with a large number", `${"[".repeat(300)}12345678901234567${"]".repeat(300)}`, /nested more than 256/],
    ["60,000 levels", `{"root":${"[".repeat(3e4)}${"]".repeat(3e4)}}`, /\/root/],
    ["10 MB of relative masked paths", JSON.stringify(base({ linux: { maskedPaths: Array.from({ length: 1e6 }, () => "aaaaaa") } })), /and 95 more/],
    ["10 MB of namespaces", JSON.stringify(base({ linux: { namespaces: Array.from({ length: 5e5 }, () => ({ type: "pid" })) } })), /duplicate|more than once/],
    ["10 MB of large numbers", `[${"11111111111111111111,".repeat(4e5)}1]`, /an object is needed/i],
    ["brackets in text are not depth", `{"a":"${"[\\\"".repeat(30000)}"}`, /ociVersion is required/],
  ];
  for (const [what, input, message] of HOSTILE) {
    test(`refuses ${what}`, () => {
      const error = caught(() => parseConfig(input));
      expect(error.code).toBe("CONFIG_INVALID");
      expect(error.message).toMatch(message);
      expect(error.message.length).toBeLessThan(3000);
    });
  }
});

describe("the parts of a config", () => {
  test("parseProcess() reads a process.json", () => {
    expect(parseProcess('{"cwd":"/","args":["id"],"user":{"uid":1,"gid":2}}')).toEqual({ cwd: "/", args: ["id"], user: { uid: 1, gid: 2 } });
    expect(caught(() => parseProcess('{"cwd":"/","args":[]}')).message).toContain("/args:");
  });
  test("parseResources() reads limits", () => {
    expect(parseResources('{"pids":{"limit":5},"memory":{"limit":9223372036854775807}}')).toEqual({
      pids: { limit: 5 },
      memory: { limit: 9223372036854775807n },
    });
    expect(caught(() => parseResources('{"pids":{"limit":1.5}}')).message).toContain("/pids/limit:");
  });
  test("parseSeccomp() reads a filter", () => {
    expect(parseSeccomp('{"defaultAction":"SCMP_ACT_ALLOW"}')).toEqual({ defaultAction: "SCMP_ACT_ALLOW" });
    expect(caught(() => parseSeccomp("{}")).message).toContain("/defaultAction:");
  });
});
