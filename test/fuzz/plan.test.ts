/** Any container on any host: compile() gives the same plan twice, or an error of ours; it changes nothing that it was given; the launcher takes the plan. */
import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PidboxError } from "../../src/base/error.ts";
import { launcherImage } from "../../src/engine/launch.ts";
import { CAPABILITIES } from "../../src/kernel/abi/capabilities.ts";
import type { Blueprint, Rootfs, Stdio } from "../../src/plan/blueprint.ts";
import { compile } from "../../src/plan/compile.ts";
import { decodePlan } from "../../src/plan/decode.ts";
import { MASKED_PATHS, NAMESPACES, READONLY_PATHS } from "../../src/plan/defaults.ts";
import { explain } from "../../src/plan/explain.ts";
import type { HostFacts } from "../../src/plan/host-facts.ts";
import { builtinFilter } from "../../src/plan/seccomp-compiled.ts";
import type { Config } from "../../src/spec/runtime-config.ts";
import { HYBRID, OWN_ID, ROOTLESS, runScene, SUBORDINATE, UNIFIED } from "../fixtures/plan/scenes.ts";

const folder = mkdtempSync(join(tmpdir(), "pidbox-plan-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = fc.string({ unit: "binary", maxLength: 30 }).map((value) => value.replaceAll("\0", ""));
const path = fc.oneof(fc.constantFrom("/", "/proc", "/dev", "/dev/shm", "/a/b/c", "/../x", "/etc/x", "a"), text.map((value) => `/${value}`));
const size = fc.oneof(fc.constantFrom(-1, 0, 1, 2 ** 31, 2 ** 53 - 1, 9223372036854775807n), fc.nat());
const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

const TYPES = ["proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "bind", "none", "ext4", "overlay"] as const;
const mapping = fc.constantFrom(undefined, [{ containerID: 0, hostID: 1000, size: 10 }]);

const mount = fc.record({
  destination: path, type: fc.constantFrom(...TYPES), source: path, uidMappings: mapping, gidMappings: mapping,
  options: fc.array(
    fc.oneof(
      {
        weight: 40,
        arbitrary: fc.constantFrom(
          "ro", "nosuid", "bind", "rbind", "rprivate", "rshared", "slave", "idmap", "ridmap", "rro", "rexec", "size=64k", "mode=755", "sync", "x-pidbox.file",
          "noatime", "remount", "tmpcopyup", "lowerdir=/a:/b\\:c,upperdir=/d", 'context="a:b,c"',
        ),
      },
      { weight: 1, arbitrary: text },
    ),
    { maxLength: 6 },
  ),
});

const capabilities = some(fc.oneof({ weight: 40, arbitrary: fc.subarray([...CAPABILITIES]) }, { weight: 1, arbitrary: fc.array(text, { maxLength: 2 }) }));

// Without a new mount namespace there is no plan.
const namespaces = fc.array(fc.constantFrom(...NAMESPACES), { maxLength: 8 }).chain((types) => fc.tuple(
  ...[...new Set([...types, "mount" as const])].map((type) => (type === "mount" ? fc.constant(undefined) : some(path)).map((at) => (
    { type, ...(at === undefined ? {} : { path: at }) }
  ))),
));

const process = fc.record({
  args: fc.array(text, { minLength: 1, maxLength: 4 }), env: fc.array(fc.oneof(text, fc.constant("PATH=:/bin::/usr/bin")), { maxLength: 5 }), cwd: path,
  user: fc.record({
    uid: fc.nat(2 ** 32 - 1), gid: fc.nat(2 ** 32 - 1), additionalGids: fc.array(fc.nat(2 ** 32 - 1), { maxLength: 4 }),
  }),
  noNewPrivileges: fc.boolean(),
  rlimits: fc.array(fc.record({ type: fc.constantFrom("RLIMIT_NOFILE", "RLIMIT_CORE"), soft: size, hard: size }), { maxLength: 3 }),
  capabilities: fc.record({
    bounding: capabilities, effective: capabilities, permitted: capabilities, inheritable: capabilities, ambient: capabilities,
  }),
  scheduler: fc.constantFrom(
    undefined, { policy: "SCHED_FIFO", priority: 3, runtime: 9223372036854775807n }, { policy: "SCHED_BATCH", flags: ["SCHED_FLAG_RESET_ON_FORK"] },
  ),
  ioPriority: fc.constantFrom(undefined, { class: "IOPRIO_CLASS_BE", priority: 7 }),
  oomScoreAdj: some(fc.integer({ min: -1000, max: 1000 })),
  apparmorProfile: some(text), selinuxLabel: some(text), consoleSize: some(fc.record({ width: fc.nat(65535), height: fc.nat(65535) })),
});

const wildResources = fc.record({
  memory: some(fc.record({
    limit: some(size), swap: some(size), reservation: some(size), swappiness: some(fc.nat(100)),
  })),
  pids: some(fc.record({ limit: size.map(Number) })),
  cpu: some(fc.record({ shares: some(fc.nat(300_000)), quota: some(fc.integer()), period: some(fc.nat()), cpus: some(text), mems: some(text) })),
  unified: fc.option(fc.dictionary(text, text, { maxKeys: 2 }), { nil: undefined, freq: 2 }),
});

/** What a host of the fixtures can do; else most plans would be refused for their limits alone. */
const resources = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      memory: some(fc.record({ limit: fc.nat() })), pids: some(fc.record({ limit: fc.integer() })),
      cpu: some(fc.record({ shares: fc.integer({ min: 2, max: 262_144 }) })),
    }),
  },
  { weight: 1, arbitrary: wildResources },
);

const hook = fc.record({
  path, args: some(fc.array(text, { maxLength: 2 })), env: some(fc.array(text, { maxLength: 2 })), timeout: some(fc.integer({ min: 1 })),
});
const PHASES = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;
const hooks = fc.tuple(fc.array(hook, { maxLength: 2 }), fc.subarray([...PHASES])).map(([list, phases]) => (
  Object.fromEntries(phases.map((phase) => [phase, list]))
));

const linux = fc.record({
  namespaces, cgroupsPath: fc.constantFrom(undefined, "/a/b", "a", "../a"),
  maskedPaths: fc.constantFrom([], [...MASKED_PATHS], ["/", ""]), readonlyPaths: fc.constantFrom([], [...READONLY_PATHS]),
  sysctl: fc.dictionary(fc.oneof(fc.constantFrom("net.ipv4.ip_forward", "kernel.shmmax"), text), text, { maxKeys: 3 }),
  devices: fc.array(
    fc.record({
      type: fc.constantFrom("c", "b", "u", "p"), path, major: fc.nat(4095), minor: fc.nat(2 ** 20 - 1), fileMode: fc.nat(0o777), uid: fc.nat(1000),
      gid: fc.nat(1000),
    }),
    { maxLength: 3 },
  ),
  rootfsPropagation: fc.constantFrom(undefined, "rshared", "private", "unbindable"),
  mountLabel: fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: text }),
  timeOffsets: fc.constantFrom(undefined, {}, { monotonic: { secs: -5, nanosecs: 999_999_999 }, boottime: {} }),
  memoryPolicy: fc.constantFrom(undefined, { mode: "MPOL_BIND", nodes: "0-3,64,1023" }, { mode: "MPOL_DEFAULT" }, { mode: "MPOL_BIND", nodes: "5000" }),
  personality: fc.constantFrom(undefined, { domain: "LINUX32" }),
  resources,
});

const rootfs: fc.Arbitrary<Rootfs> = fc.oneof(
  fc.record({
    kind: fc.constant("overlay" as const), source: path, hidden: fc.array(path, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("bind" as const), source: path }),
  fc.record({
    kind: fc.constant("assembled" as const),
    entries: fc.array(
      fc.oneof(fc.record({ kind: fc.constant("bind" as const), path }), fc.record({ kind: fc.constant("link" as const), path, target: path })),
      { maxLength: 4 },
    ),
  }),
);
const stdio: fc.Arbitrary<Stdio> = fc.oneof(
  fc.constant({ kind: "inherit" as const }), fc.constant({ kind: "no-input" as const }),
  fc.boolean().map((input) => ({ kind: "terminal" as const, input })),
);

/** Members whose value is undefined are left out, as in a config that was read. */
function present<T>(value: T): T {
  if (Array.isArray(value)) return value.map(present) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined).map(([name, member]) => [name, present(member)])) as T;
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}

const runtime = fc.record({
  directory: path, waits: fc.boolean(), leaves: fc.boolean(), pidFile: some(path), consoleSocket: some(path),
  document: fc.constant({ ociVersion: "1.2.0", id: "x" }), preserved: fc.nat(5), noPivot: fc.boolean(), newKeyring: fc.boolean(),
  failure: fc.constant(["oci", "__oci-failed"]),
}).map(present);
const netDevices = fc.constantFrom(undefined, [
  { hostName: "eth0", name: "eth1", index: 3, addresses: [{ family: 2, prefix: 24, scope: 0, attributes: [{ type: 2, value: [10, 0, 0, 1] }] }] },
]);

const blueprint = fc.record({
  config: fc.record({
    mounts: fc.array(mount, { maxLength: 6 }), process, linux, root: fc.record({ path, readonly: fc.boolean() }), hooks, hostname: some(text),
    domainname: some(text),
  }),
  rootfs, stdio, mapping: some(fc.constantFrom(OWN_ID, SUBORDINATE, runScene().mapping)),
  init: fc.boolean(), landlock: fc.boolean(), interruptTwice: fc.boolean(),
  filter: fc.constantFrom("strict", "default", "file", "none"),
  degraded: fc.oneof(fc.constant(["cgroups"]), fc.subarray(["cgroups", "idmap", "proc", "overlay"])),
  keep: fc.boolean(), runtime: some(runtime), netDevices, listener: fc.constantFrom(undefined, { path: "/run/agent" }),
}).map(({ config, filter, keep, mapping, runtime, netDevices, listener, ...rest }): Blueprint => {
  const { seccomp: _seccomp, mapping: _mapping, ...frame } = runScene();
  const seccomp = filter === "none" ? {} : {
    seccomp: {
      name: filter, filter: builtinFilter(filter === "strict" ? "strict" : "default"),
      ...(listener === undefined || runtime === undefined ? {} : { listener }),
    },
  };
  const more = present({ runtime, netDevices }) as Partial<Blueprint>;
  const whole = { ociVersion: "1.3.0", ...present(config) } as unknown as Config;
  return freeze({ ...frame, ...rest, ...seccomp, ...(mapping === undefined ? {} : { mapping }), config: whole, state: { ...frame.state, keep }, ...more });
});

const facts: fc.Arbitrary<HostFacts> = fc.tuple(
  fc.constantFrom(HYBRID, UNIFIED, ROOTLESS), fc.nat(7), fc.tuple(fc.constantFrom(5, 6), fc.nat(20)), fc.boolean(), fc.boolean(),
  fc.integer({ min: 0, max: 3 }),
).map(([host, landlockAbi, kernel, swapAccounting, tmpfsUserXattr, labels]) => (
  // Mostly with SELinux: without it every config with a label is refused, and little is left to be compiled.
  freeze({ ...host, landlockAbi, kernel, swapAccounting, tmpfsUserXattr, selinux: labels > 0 })
));

/** The plan, or the code of the error. */
function attempt(what: Blueprint, host: HostFacts): Uint8Array | string {
  try {
    return compile(what, host, { self: 5 });
  } catch (error) {
    if (error instanceof PidboxError && error.code !== "DEFECT") return error.code;
    throw error;
  }
}

/** Exit code of the launcher for a plan whose first op fails and whose only clean-up is exit(77): 77 if it took the plan, else 125. */
function launch(plan: Uint8Array): number | null {
  const bytes = plan.slice();
  const view = new DataView(bytes.buffer);
  const last = view.getUint32(16, true) - 1;
  view.setUint32(36, last, true);
  view.setUint32(40, 0, true);
  view.setUint32(view.getUint32(12, true) + 64 * last + 16, 77, true);
  const file = join(folder, "image");
  writeFileSync(file, launcherImage(bytes), { mode: 0o755 });
  return Bun.spawnSync([file], { stdin: "ignore", stdout: "ignore", stderr: "ignore", env: {} }).exitCode;
}

describe("compile()", () => {
  test("gives the same bytes twice or our error, and the launcher takes them", () => {
    const numRuns = globalThis.process.env["PIDBOX_FUZZ"] === "smoke" ? 150 : 1000;
    let plans = 0;
    fc.assert(fc.property(blueprint, facts, (what, host) => {
      const plan = attempt(what, host);
      expect(attempt(what, host)).toEqual(plan);
      if (typeof plan === "string") return;
      plans++;
      const decoded = decodePlan(plan);
      expect(explain(decoded)).toContain("execve the first that exists of");
      expect(launch(plan)).toBe(77);
    }), { numRuns });
    expect(plans).toBeGreaterThan(numRuns / 25);
  });
});
