/** config-linux.md#configLinuxSeccomp and the container process state. */
import { SYSCALLS_X64 } from "../../src/kernel/abi/syscalls-x64.ts";
import { until } from "../until.ts";
import { type Agent, withAgent as runAgent } from "./agent.ts";
import type { Bench } from "./bench.ts";
import { type Case, clause, verdicts } from "./case.ts";
import { merge, type Patch } from "./config.ts";
import { schemaErrors } from "./schema.ts";

const seccomp = clause("config-linux.md#configLinuxSeccomp");
const processState = clause("config-linux.md#containerprocessstate");

/** x86-64 numbers of calls that the probe makes for nothing else: getpriority(which, who), sched_yield, getpgid(pid). */
const PRIORITY = 140;
const YIELD = 24;
const PGID = 121;
const KNOWN = Object.keys(SYSCALLS_X64);
const query = (...numbers: readonly (number | string)[]): string => ["sys", ...numbers].join(":");

const filter = (given: Patch): Patch => ({ linux: { seccomp: { defaultAction: "SCMP_ACT_ALLOW", ...given } } });
const rule = (action: string, more: Patch = {}): Patch => filter({ syscalls: [{ names: ["getpriority"], action, ...more }] });

/** How getpriority ends under an action, and that another call is not concerned. */
async function action(bench: Bench, name: string, more: Patch = {}): Promise<string> {
  const found = await bench.look(rule(name, more), [query(PRIORITY, 0, 0), query(YIELD)]);
  return `${found[query(PRIORITY, 0, 0)]}, others ${found[query(YIELD)]}`;
}

const ACTIONS: readonly Case[] = [
  seccomp("action-allow", "MUST", "`SCMP_ACT_ALLOW`", "ok, others ok", (bench) => action(bench, "SCMP_ACT_ALLOW")),
  seccomp("action-errno", "MUST", "`SCMP_ACT_ERRNO`: The default is `EPERM`.", "EPERM, others ok", (bench) => action(bench, "SCMP_ACT_ERRNO")),
  seccomp("action-errno-value", "MUST", "`errnoRet` - the errno return code to use.", "ENOSYS, others ok", (bench) => action(bench, "SCMP_ACT_ERRNO", { errnoRet: 38 })),
  seccomp("action-errno-zero", "MUST", "`errnoRet` (uint): zero is a value too", "ok, others ok", (bench) => action(bench, "SCMP_ACT_ERRNO", { errnoRet: 0 })),
  seccomp("action-kill", "MUST", "`SCMP_ACT_KILL`", "signal SYS, others ok", (bench) => action(bench, "SCMP_ACT_KILL")),
  seccomp("action-kill-process", "MUST", "`SCMP_ACT_KILL_PROCESS`", "signal SYS, others ok", (bench) => action(bench, "SCMP_ACT_KILL_PROCESS")),
  seccomp("action-kill-thread", "MUST", "`SCMP_ACT_KILL_THREAD`", "signal SYS, others ok", (bench) => action(bench, "SCMP_ACT_KILL_THREAD")),
  seccomp("action-trap", "MUST", "`SCMP_ACT_TRAP`", "signal SYS, others ok", (bench) => action(bench, "SCMP_ACT_TRAP")),
  seccomp("action-trace", "MUST", "`SCMP_ACT_TRACE`: without a tracer the call is not there", "ENOSYS, others ok", (bench) => action(bench, "SCMP_ACT_TRACE")),
  seccomp("action-log", "MUST", "`SCMP_ACT_LOG`", "ok, others ok", (bench) => action(bench, "SCMP_ACT_LOG")),
  seccomp("action-invalid", "MUST", "A valid list of constants as of libseccomp v2.6.0", { SCMP_ACT_LOG: "accepted", SCMP_ACT_BOGUS: "refused", absent: "refused" },
    verdicts({ SCMP_ACT_LOG: rule("SCMP_ACT_LOG"), SCMP_ACT_BOGUS: rule("SCMP_ACT_BOGUS"), absent: filter({ syscalls: [{ names: ["getpriority"] }] }) })),
  seccomp("errno-unsupported", "MUST", "When the action doesn't support an errno, the runtime MUST print and error and fail.", { ERRNO: "accepted", TRACE: "accepted", KILL: "refused", ALLOW: "refused" },
    verdicts({
      ERRNO: rule("SCMP_ACT_ERRNO", { errnoRet: 1 }), TRACE: rule("SCMP_ACT_TRACE", { errnoRet: 1 }), KILL: rule("SCMP_ACT_KILL", { errnoRet: 1 }),
      ALLOW: rule("SCMP_ACT_ALLOW", { errnoRet: 1 }),
    })),
];

const DEFAULT: readonly Case[] = [
  seccomp("default-action", "MUST", "`defaultAction` (string, REQUIRED) - the default action for seccomp.", { denied: "EPERM", allowed: "ok" }, async (bench) => {
    const names = KNOWN.filter((name) => name !== "getpriority");
    const found = await bench.look({ linux: { seccomp: { defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ names, action: "SCMP_ACT_ALLOW" }] } } },
      [query(PRIORITY, 0, 0), query(PGID, 0)]);
    return { denied: found[query(PRIORITY, 0, 0)], allowed: found[query(PGID, 0)] };
  }),
  seccomp("default-action-required", "MUST", "`defaultAction` (string, REQUIRED)", { given: "accepted", absent: "refused", invalid: "refused" },
    verdicts({ given: filter({}), absent: filter({ defaultAction: undefined }), invalid: filter({ defaultAction: "SCMP_ACT_BOGUS" }) })),
  seccomp("default-errno", "MUST", "`defaultErrnoRet` - the errno return code to use.", "ENOSYS", async (bench) => {
    const names = KNOWN.filter((name) => name !== "getpriority");
    const given = { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38, syscalls: [{ names, action: "SCMP_ACT_ALLOW" }] };
    return (await bench.look({ linux: { seccomp: given } }, [query(PRIORITY, 0, 0)]))[query(PRIORITY, 0, 0)];
  }),
  seccomp("default-errno-unsupported", "MUST", "When the action doesn't support an errno, the runtime MUST print and error and fail.", { "SCMP_ACT_ALLOW": "refused", "SCMP_ACT_KILL": "refused" },
    verdicts({
      SCMP_ACT_ALLOW: filter({ defaultErrnoRet: 38 }),
      SCMP_ACT_KILL: filter({ defaultAction: "SCMP_ACT_KILL", defaultErrnoRet: 38, syscalls: [{ names: KNOWN, action: "SCMP_ACT_ALLOW" }] }),
    })),
  seccomp("seccomp-mode", "MUST", "`seccomp`: a filter is loaded, or none", [{ seccomp: "2" }, { seccomp: "0" }],
    async (bench) => [await bench.look(rule("SCMP_ACT_ERRNO"), ["seccomp"]), await bench.look({}, ["seccomp"])]),
  seccomp("seccomp-names", "MUST", "`names` MUST contain at least one entry.", { one: "accepted", none: "refused", absent: "refused" },
    verdicts({ one: rule("SCMP_ACT_ERRNO"), none: rule("SCMP_ACT_ERRNO", { names: [] }), absent: rule("SCMP_ACT_ERRNO", { names: undefined }) })),
  seccomp("seccomp-unknown-name", "MAY", "`names` - the names of the syscalls: one that this kernel does not have", "EPERM", async (bench) =>
    (await bench.look(rule("SCMP_ACT_ERRNO", { names: ["no_such_call", "getpriority"] }), [query(PRIORITY, 0, 0)]))[query(PRIORITY, 0, 0)]),
  seccomp("seccomp-exec", "MUST", "restricts the container: processes that join it too", "EPERM", async (bench) => {
    const container = bench.container(merge(rule("SCMP_ACT_ERRNO"), { process: { args: ["/bin/probe", "pause"] } }));
    await container.begin();
    return (await container.exec(["/bin/probe", query(PRIORITY, 0, 0)])).out.trim().split("=")[1];
  }),
  seccomp("seccomp-nnp", "MUST", "`seccomp` with and without `noNewPrivileges`, for an unprivileged user", { with: "EPERM", without: "EPERM" }, async (bench) => {
    const user: Patch = { process: { user: { uid: 1000, gid: 1000 } } };
    const with_ = await bench.look(merge(merge(rule("SCMP_ACT_ERRNO"), user), { process: { noNewPrivileges: true } }), [query(PRIORITY, 0, 0)]);
    return { with: with_[query(PRIORITY, 0, 0)], without: (await bench.look(merge(rule("SCMP_ACT_ERRNO"), user), [query(PRIORITY, 0, 0)]))[query(PRIORITY, 0, 0)] };
  }),
];

/** For which values of the second argument of getpriority(0, who) a condition holds; 64-bit values go through whole. */
async function holds(bench: Bench, condition: Patch, values: readonly (number | string)[]): Promise<string> {
  const found = await bench.look(rule("SCMP_ACT_ERRNO", { errnoRet: 123, args: [{ index: 1, ...condition }] }), values.map((value) => query(PRIORITY, 9, value)));
  return values.filter((value) => found[query(PRIORITY, 9, value)] === "ENOMEDIUM").join(" ");
}

const VALUES = [9, 10, 11, 0x1_0000_000a];
const operator = (name: string, condition: Patch, seen: string): Case =>
  seccomp(`operator-${name.toLowerCase()}`, "MUST", `\`SCMP_CMP_${name}\``, seen, (bench) => holds(bench, { op: `SCMP_CMP_${name}`, value: 10, ...condition }, VALUES));
const OPERATORS: readonly Case[] = [
  operator("EQ", {}, "10"), operator("NE", {}, "9 11 4294967306"), operator("LT", {}, "9"), operator("LE", {}, "9 10"), operator("GE", {}, "10 11 4294967306"),
  operator("GT", {}, "11 4294967306"),
  operator("MASKED_EQ", { value: 0xe, valueTwo: 10 }, "10 11 4294967306"),
  seccomp("args-all", "MUST", "`args`: the specific syscall: all of different arguments must match", "0:10", async (bench) => {
    const args = [{ index: 0, op: "SCMP_CMP_EQ", value: 0 }, { index: 1, op: "SCMP_CMP_EQ", value: 10 }];
    const tries = [[0, 10], [0, 11], [1, 10]];
    const found = await bench.look(rule("SCMP_ACT_ERRNO", { errnoRet: 123, args }), tries.map((one) => query(PRIORITY, ...one)));
    return tries.filter((one) => found[query(PRIORITY, ...one)] === "ENOMEDIUM").map((one) => one.join(":")).join(" ");
  }),
  seccomp("args-rules", "MUST", "`syscalls` - match a syscall: rules of one call with different conditions", "10 12", async (bench) => {
    const of = (value: number): Patch => ({ names: ["getpriority"], action: "SCMP_ACT_ERRNO", errnoRet: 123, args: [{ index: 1, op: "SCMP_CMP_EQ", value }] });
    const found = await bench.look(filter({ syscalls: [of(10), of(12)] }), [10, 11, 12].map((value) => query(PRIORITY, 9, value)));
    return [10, 11, 12].filter((value) => found[query(PRIORITY, 9, value)] === "ENOMEDIUM").join(" ");
  }),
  seccomp("args-large", "MUST", "`value` (uint64)", { large: "ENOMEDIUM", other: "EINVAL" }, async (bench) => {
    const container = bench.container(merge(rule("SCMP_ACT_ERRNO", { errnoRet: 123, args: [{ index: 1, op: "SCMP_CMP_EQ", value: 424_242 }] }),
      { process: { args: ["/bin/probe", query(PRIORITY, 9, -1), query(PRIORITY, 9, -2)] } }));
    container.write(JSON.stringify(container.config).replace("424242", "18446744073709551615"));
    const lines = (await container.run()).out.trim().split("\n").map((line) => line.split("=")[1]);
    return { large: lines[0], other: lines[1] };
  }),
  seccomp("args-invalid", "MUST", "`index`, `value`, `op` (REQUIRED); operators as of libseccomp", { good: "accepted", index: "refused", op: "refused" },
    verdicts(Object.fromEntries(Object.entries({
      good: { index: 5, op: "SCMP_CMP_EQ", value: 1 }, index: { index: 6, op: "SCMP_CMP_EQ", value: 1 }, op: { index: 0, op: "SCMP_CMP_BOGUS", value: 1 },
    }).map(([name, arg]) => [name, rule("SCMP_ACT_ERRNO", { args: [arg] })])))),
];

const ARCHITECTURES = [
  "X86", "X86_64", "X32", "ARM", "AARCH64", "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC", "PPC64", "PPC64LE", "S390", "S390X",
  "PARISC", "PARISC64", "RISCV64",
];
const I386_PRIORITY = "i386:96:0:0";
const ARCH: readonly Case[] = [
  seccomp("architectures-native", "MUST", "`architectures` - the architecture used for system calls: one that is not listed is not allowed", { native: "EPERM", i386: "signal SYS" }, async (bench) => {
    const found = await bench.look(merge(rule("SCMP_ACT_ERRNO"), { linux: { seccomp: { architectures: ["SCMP_ARCH_X86_64"] } } }),
      [query(PRIORITY, 0, 0), I386_PRIORITY]);
    return { native: found[query(PRIORITY, 0, 0)], i386: found[I386_PRIORITY] };
  }),
  seccomp("architectures-listed", "MUST", "`architectures`: rules hold for each that is listed", { native: "EPERM", i386: "EPERM" }, async (bench) => {
    const found = await bench.look(merge(rule("SCMP_ACT_ERRNO"), { linux: { seccomp: { architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"] } } }),
      [query(PRIORITY, 0, 0), I386_PRIORITY]);
    return { native: found[query(PRIORITY, 0, 0)], i386: found[I386_PRIORITY] };
  }),
  seccomp("architectures-known", "MUST", "A valid list of constants", Object.fromEntries(ARCHITECTURES.map((name) => [name, "accepted"])),
    verdicts(Object.fromEntries(ARCHITECTURES.map((name) => [name, filter({ architectures: ["SCMP_ARCH_X86_64", ...(name === "X86_64" ? [] : [`SCMP_ARCH_${name}`])] })])))),
  seccomp("architectures-newer", "MUST", "A valid list of constants as of libseccomp v2.6.0", { LOONGARCH64: "accepted", M68K: "accepted", SH: "accepted", SHEB: "accepted" },
    verdicts(Object.fromEntries(["LOONGARCH64", "M68K", "SH", "SHEB"].map((name) => [name, filter({ architectures: ["SCMP_ARCH_X86_64", `SCMP_ARCH_${name}`] })])))),
  seccomp("architectures-invalid", "MUST", "A valid list of constants", { X86_64: "accepted", bogus: "refused" },
    verdicts({ X86_64: filter({ architectures: ["SCMP_ARCH_X86_64"] }), bogus: filter({ architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_BOGUS"] }) })),
  seccomp("flags-known", "MUST", "`flags` - list of flags to use with seccomp(2).", { TSYNC: "accepted", LOG: "accepted", SPEC_ALLOW: "accepted" },
    verdicts(Object.fromEntries([
      "TSYNC", "LOG", "SPEC_ALLOW",
    ].map((name) => [name, merge(rule("SCMP_ACT_ERRNO"), { linux: { seccomp: { flags: [`SECCOMP_FILTER_FLAG_${name}`] } } })])))),
  seccomp("flags-none", "MAY", "`flags` (array of strings, OPTIONAL): an empty list is no flag", { empty: "accepted", bogus: "refused" },
    verdicts({ empty: filter({ flags: [] }), bogus: filter({ flags: ["SECCOMP_FILTER_FLAG_BOGUS"] }) })),
];

/** An agent of the case's own. */
function withAgent<T>(bench: Bench, body: (agent: Agent) => Promise<T>): Promise<T> {
  return runAgent(`${bench.programs}/listener`, bench.directory, body);
}

const notified = (socket: string, more: Patch = {}): Patch => merge(rule("SCMP_ACT_NOTIFY"), { linux: { seccomp: { listenerPath: socket, ...more } } });

const LISTENER: readonly Case[] = [
  seccomp("action-notify", "MUST", "`SCMP_ACT_NOTIFY`: the agent decides", { call: "ENOMEDIUM" },
    (bench) => withAgent(bench, async ({ socket }) => ({ call: (await bench.look(notified(socket), [query(PRIORITY, 0, 0)]))[query(PRIORITY, 0, 0)] }))),
  processState("listener-once", "MUST", "The runtime MUST send exactly one container process state per connection. The connection MUST NOT be reused and it MUST be closed after sending a seccomp state.", ["state", "closed", "notified"], (bench) => withAgent(bench, async (agent) => {
    await bench.look(notified(agent.socket), [query(PRIORITY, 0, 0)]);
    return until(() => (agent.events().includes("closed") ? agent.events() : undefined), "the end of the connection");
  })),
  processState("listener-descriptors", "MUST", "file descriptors MUST be sent using `SCM_RIGHTS`, only in the first call; `seccompFd` (string, REQUIRED)", { first: 1, rest: 0, fds: ["seccompFd"] }, (bench) => withAgent(bench, async (agent) => {
    await bench.look(notified(agent.socket), [query(PRIORITY, 0, 0)]);
    const [one] = agent.states();
    return { first: one?.first, rest: one?.rest, fds: one?.payload["fds"] };
  })),
  processState("listener-state", "MUST", "`ociVersion`, `pid`, `state` (REQUIRED)",
    { ociVersion: "a version", pid: "as seen by the runtime", state: [], id: "c0", status: "creating", bundle: "the bundle" },
    (bench) => withAgent(bench, async (agent) => {
      const container = bench.container(merge(notified(agent.socket), { process: { args: ["/bin/probe", "pause"] } }));
      await container.begin();
      await container.wrote("ready");
      const { payload } = await until(() => agent.states()[0], "the state of the container");
      const state = (payload["state"] ?? {}) as Record<string, unknown>;
      return {
        ociVersion: /^1\.\d+\.\d+/.test(String(payload["ociVersion"])) ? "a version" : payload["ociVersion"],
        pid: payload["pid"] === container.pid ? "as seen by the runtime" : payload["pid"],
        state: schemaErrors("state-schema.json", state), id: state["id"], status: state["status"],
        bundle: state["bundle"] === container.bundle ? "the bundle" : state["bundle"],
      };
    })),
  seccomp("listener-metadata", "MUST", "`listenerMetadata`: This string will be sent as the `metadata` field", "MKNOD=/dev/null", (bench) => withAgent(bench, async (agent) => {
    await bench.look(notified(agent.socket, { listenerMetadata: "MKNOD=/dev/null" }), [query(PRIORITY, 0, 0)]);
    return agent.states()[0]?.payload["metadata"];
  })),
  seccomp("listener-metadata-alone", "MUST NOT", "This field MUST NOT be set if `listenerPath` is not set.", { none: "accepted", metadata: "refused" },
    verdicts({ none: rule("SCMP_ACT_ERRNO"), metadata: merge(rule("SCMP_ACT_ERRNO"), { linux: { seccomp: { listenerMetadata: "x" } } }) })),
  seccomp("listener-absent", "MUST", "If sending to this socket fails, the runtime MUST generate an error.", { nowhere: "refused", unset: "refused" },
    verdicts({ nowhere: notified("/nowhere.sock"), unset: rule("SCMP_ACT_NOTIFY") })),
  seccomp("listener-ignored", "MUST", "If the `SCMP_ACT_NOTIFY` action is not used this value is ignored.", { ignored: "accepted" },
    verdicts({ ignored: merge(rule("SCMP_ACT_ERRNO"), { linux: { seccomp: { listenerPath: "/nowhere.sock" } } }) })),
  seccomp("listener-exec", "MUST", "the container process state is sent for a process that joins the container too", { call: "ENOMEDIUM", connections: 2 }, (bench) => withAgent(bench, async (agent) => {
    const container = bench.container(merge(notified(agent.socket), { process: { args: ["/bin/probe", "pause"] } }));
    await container.begin();
    await container.wrote("ready");
    const { out } = await container.exec(["/bin/probe", query(PRIORITY, 0, 0)]);
    return { call: out.trim().split("=")[1], connections: agent.states().length };
  })),
];

export const SECCOMP: readonly Case[] = [...ACTIONS, ...DEFAULT, ...OPERATORS, ...ARCH, ...LISTENER];
