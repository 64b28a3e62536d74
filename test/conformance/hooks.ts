/** config.md#configHooks and the steps of runtime.md#lifecycle that call hooks. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { until } from "../until.ts";
import type { Bench, Container } from "./bench.ts";
import { answers, isAlive } from "./bench.ts";
import { type Case, clause, verdicts } from "./case.ts";
import { merge, mounted, type Patch } from "./config.ts";
import { schemaErrors } from "./schema.ts";

const hooks = clause("config.md#configHooks");
const lifecycle = clause("runtime.md#lifecycle");
const state = clause("runtime.md#state");
const prestart = clause("config.md#configHooksPrestart");
const createRuntime = clause("config.md#configHooksCreateRuntime");
const createContainer = clause("config.md#configHooksCreateContainer");
const startContainer = clause("config.md#configHooksStartContainer");
const poststart = clause("config.md#configHooksPoststart");
const poststop = clause("config.md#configHooksPoststop");

const PHASES = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;
type Phase = (typeof PHASES)[number];

/** One call of a recording hook: its name, the state that it got, what it saw. */
interface Call {
  readonly name: string;
  readonly text: string;
  readonly state: Record<string, unknown>;
  readonly saw: Record<string, string>;
}

/** Inside the container the log and the recording program are where they are on the host, so that one hook fits all phases. */
function place(bench: Bench): Patch {
  mkdirSync(`${bench.directory}/log`, { recursive: true });
  const bind = (path: string): Patch => ({ destination: path, type: "none", source: path, options: ["bind"] });
  return mounted(bind(`${bench.directory}/log`), bind(bench.probe));
}

function hook(bench: Bench, name: string, queries: readonly string[] = [], more: Patch = {}): Patch {
  return { path: bench.probe, args: ["probe", "hook", `${bench.directory}/log/calls`, name, ...queries], ...more };
}

/** A shell command on the host that first records `name`. */
function shell(bench: Bench, name: string, script: string): Patch {
  return { path: "/bin/sh", args: ["sh", "-c", `${bench.probe} hook ${bench.directory}/log/calls ${name}; ${script}`], env: ["PATH=/usr/bin:/bin"] };
}

function parseState(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { unreadable: text };
  }
}

function calls(bench: Bench): Call[] {
  const log = `${bench.directory}/log/calls`;
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n").filter((line) => line !== "") : [];
  return lines.map((line) => {
    const [name = "", text = "", ...saw] = line.split("\t");
    // The probe writes what it read with newlines escaped.
    return { name, text, state: parseState(text.replaceAll("\\n", " ")), saw: answers(saw.join("\n")) };
  });
}

const names = (bench: Bench): string[] => calls(bench).map(({ name }) => name);

/** A container with one recording hook in every phase, each called as the phase. */
function recording(bench: Bench, queries: readonly string[] = [], patch: Patch = {}): Container {
  const all = Object.fromEntries(PHASES.map((phase) => [phase, [hook(bench, phase, queries)]]));
  return bench.container(merge(merge(place(bench), { hooks: all, process: { args: ["/bin/probe", "pause"] } }), patch));
}

/** Through a whole life; what was recorded. */
async function live(bench: Bench, container: Container): Promise<Call[]> {
  await container.begin();
  await container.wrote("ready");
  await container.stop();
  const { code, err } = await container.delete();
  if (code !== 0) throw new Error(err);
  return calls(bench);
}

function byName<T>(found: readonly Call[], pick: (call: Call) => T): Record<string, T> {
  return Object.fromEntries(found.map((call) => [call.name, pick(call)]));
}

/** Where each hook runs: the namespaces of the test, or others. */
async function whereHooksRun(bench: Bench): Promise<Record<string, string>> {
  const here = (type: string): string => answers(Bun.spawnSync([bench.probe, `link:/proc/self/ns/${type}`]).stdout.toString())[`link:/proc/self/ns/${type}`] ?? "";
  const types = ["mnt", "uts", "ipc"];
  const found = await live(bench, recording(bench, types.map((type) => `link:/proc/self/ns/${type}`)));
  return byName(found,
    ({ saw }) =>
      (types.every((type) => saw[`link:/proc/self/ns/${type}`] === here(type)) ? "runtime" : types.every((type) => saw[`link:/proc/self/ns/${type}`] !== here(type)) ? "container" : "mixed"));
}

/** What a failing hook of a phase does: the step that reports it, which hooks still run, what is left. */
async function failing(bench: Bench, phase: Phase): Promise<Record<string, unknown>> {
  const all = Object.fromEntries(PHASES.map((name) => [name, [hook(bench, name)]]));
  const bad = [hook(bench, `${phase} 1`), { path: "/bin/false" }, hook(bench, `${phase} 3`)];
  const container = bench.container(merge(place(bench), { hooks: { ...all, [phase]: bad }, process: { args: ["/bin/probe", "create:/home/ran", "pause"] } }));
  let failed = "nothing";
  for (const [step, run] of Object.entries({ create: () => container.create(), start: () => container.start() })) {
    if (failed === "nothing" && (await run()).code !== 0) failed = step;
  }
  if (failed === "nothing") {
    await container.wroteOrEnded("ready");
    await container.stop();
    if ((await container.delete()).code !== 0) failed = "delete";
  }
  // A program that was killed because of its poststart hooks may have come this far or not.
  const ran = phase === "poststart" ? {} : { ran: existsSync(`${container.rootfs}/home/ran`) };
  return { failed, ...ran, status: await container.status(), hooks: names(bench) };
}

const ORDER: readonly Case[] = [
  lifecycle("hooks-all-phases", "MUST", "The hooks of every phase MUST be invoked by the runtime, in the order of the lifecycle.", [...PHASES], async (bench) =>
    (await live(bench, recording(bench))).map(({ name }) => name)),
  hooks("hooks-listed-order", "MUST", "Hooks MUST be called in the listed order.", ["1", "2", "3"], async (bench) => {
    const container = bench.container(merge(place(bench), { hooks: { createRuntime: ["1", "2", "3"].map((name) => hook(bench, name)) } }));
    await container.create();
    return names(bench);
  }),
  hooks("hooks-operations", "MUST", "prestart, createRuntime, createContainer in `create`; startContainer, poststart in `start`; poststop in `delete`.",
    { create: PHASES.slice(0, 3), start: PHASES.slice(3, 5), delete: PHASES.slice(5) }, async (bench) => {
      const container = recording(bench);
      await container.create();
      const created = names(bench);
      await container.start();
      const started = names(bench).slice(created.length);
      await container.wrote("ready");
      await container.stop();
      const before = names(bench).length;
      await container.delete();
      return { create: created, start: started, delete: names(bench).slice(before) };
    }),
];

const FORM: readonly Case[] = [
  hooks("hooks-path-absolute", "MUST", "This specification extends the IEEE standard in that `path` MUST be absolute.",
    { absolute: "accepted", relative: "refused", bare: "refused", absent: "refused" },
    verdicts({
      absolute: { hooks: { createRuntime: [{ path: "/bin/true" }] } }, relative: { hooks: { createRuntime: [{ path: "../../../bin/true" }] } },
      bare: { hooks: { createRuntime: [{ path: "true" }] } }, absent: { hooks: { createRuntime: [{ args: ["true"] }] } },
    })),
  hooks("hooks-args", "MUST", "`args` with the same semantics as IEEE Std 1003.1-2008 `execv`'s argv.", "other name|hook|FILE|args|argv|  spaces ||", async (bench) => {
    const args = ["other name", "hook", `${bench.directory}/log/calls`, "args", "argv", "  spaces ", ""];
    await bench.container(merge(place(bench), { hooks: { createRuntime: [{ path: bench.probe, args }] } })).create();
    return calls(bench)[0]?.saw["argv"]?.replace(`${bench.directory}/log/calls`, "FILE");
  }),
  hooks("hooks-env", "MUST", "`env` with the same semantics as IEEE Std 1003.1-2008's `environ`.", "A=1 B=two ", async (bench) => {
    await bench.container(merge(place(bench),
      { hooks: { createRuntime: [hook(bench, "env", ["env"], { env: ["A=1", "B=two"] })] } })).create({ env: { LEAK: "1" } });
    return calls(bench)[0]?.saw["env"];
  }),
  hooks("hooks-env-absent", "MUST", "`env` (array of strings, OPTIONAL): nothing of the runtime's environment without it.", { createRuntime: "", createContainer: "", startContainer: "" }, async (bench) => {
    const container = recording(bench, ["env"]);
    await container.create({ env: { LEAK: "1" } });
    await container.start();
    return Object.fromEntries([
      "createRuntime", "createContainer", "startContainer",
    ].map((name) => [name, calls(bench).find((call) => call.name === name)?.saw["env"]?.replace(/=\S*/g, "").trim()]));
  }),
  hooks("hooks-timeout-positive", "MUST", "If set, `timeout` MUST be greater than zero.", { one: "accepted", zero: "refused", negative: "refused" },
    verdicts({
      one: { hooks: { createRuntime: [{ path: "/bin/true", timeout: 1 }] } }, zero: { hooks: { createRuntime: [{ path: "/bin/true", timeout: 0 }] } },
      negative: { hooks: { createRuntime: [{ path: "/bin/true", timeout: -1 }] } },
    })),
  hooks("hooks-timeout", "MUST", "`timeout` is the number of seconds before aborting the hook.", { create: "error", hook: "gone", left: [] }, async (bench) => {
    const pid = `${bench.directory}/log/pid`;
    const script = { path: "/bin/sh", args: ["sh", "-c", `echo $$ > ${pid}; exec sleep 20`], env: ["PATH=/usr/bin:/bin"], timeout: 1 };
    const container = bench.container(merge(place(bench), { hooks: { createRuntime: [script] } }));
    // The hook itself would go on for as long as a command of the bench may take, and end as one that succeeds.
    const { code } = await container.create();
    return { create: code === 0 ? "ok" : "error", hook: isAlive(Number(readFileSync(pid, "utf8"))) ? "runs" : "gone", left: bench.leftovers() };
  }),
  hooks("hooks-streams", "MUST", "The state of the container MUST be passed to hooks over stdin: nothing follows it.", { "fds at create": "0 1 2 ", "fds at start": "0 1 2 " }, async (bench) => {
    const found = await live(bench, recording(bench, ["fds"]));
    const without = (name: string): string | undefined => found.find((call) => call.name === name)?.saw["fds"]?.replace(/\b3 $/, "");
    return { "fds at create": without("createRuntime"), "fds at start": without("startContainer") };
  }),
];

const STATES: readonly Case[] = [
  hooks("hooks-state", "MUST", "The state of the container MUST be passed to hooks over stdin", Object.fromEntries(PHASES.map((phase) => [phase, []])), async (bench) =>
    byName(await live(bench, recording(bench)), (call) => schemaErrors("state-schema.json", call.state))),
  hooks("hooks-state-fields", "MUST", "so that they may do work appropriate to the current state of the container.",
    Object.fromEntries(PHASES.map((phase) => [phase, "c0, the bundle, its annotations"])), async (bench) => {
      const container = recording(bench, [], { annotations: { myKey: "myValue" } });
      return byName(await live(bench, container), ({ state: s }) =>
        `${String(s["id"])}, ${s["bundle"] === container.bundle ? "the bundle" : String(s["bundle"])}, ${JSON.stringify(s["annotations"]) === '{"myKey":"myValue"}' ? "its annotations" : JSON.stringify(s["annotations"])}`);
    }),
  state("hooks-status", "MUST", "`creating`: the container is being created; `created`: after step 2; `running`: after step 8; `stopped`: step 10",
    { prestart: "creating", createRuntime: "creating", createContainer: "creating", startContainer: "created", poststart: "running", poststop: "stopped" },
    async (bench) =>
      byName(await live(bench, recording(bench)), (call) => call.state["status"])),
  state("hooks-pid-runtime", "MUST", "For hooks executed in the runtime namespace, it is the pid as seen by the runtime.",
    { prestart: "seen by the runtime", createRuntime: "seen by the runtime", poststart: "seen by the runtime" }, async (bench) => {
      const container = recording(bench);
      const found = await live(bench, container);
      return byName(found.filter(({ name }) => ["prestart", "createRuntime", "poststart"].includes(name)),
        (call) => (call.state["pid"] === container.pid ? "seen by the runtime" : call.state["pid"]));
    }),
  state("hooks-pid-container", "MUST", "For hooks executed in the container namespace, it is the pid as seen by the container.",
    { createContainer: 1, startContainer: 1 }, async (bench) => {
      const found = await live(bench, recording(bench));
      return byName(found.filter(({ name }) => name.endsWith("Container")), (call) => call.state["pid"]);
    }),
];

const PLACES: readonly Case[] = [
  hooks("hooks-namespaces", "MUST", "MUST be executed in the runtime namespace; createContainer and startContainer MUST be executed in the container namespace.",
    { prestart: "runtime", createRuntime: "runtime", createContainer: "container", startContainer: "container", poststart: "runtime", poststop: "runtime" },
    whereHooksRun),
  prestart("prestart-before-createRuntime", "MUST", "The `prestart` hooks MUST be called before the `createRuntime` hooks.", ["prestart", "createRuntime"], async (bench) => {
    await recording(bench).create();
    return names(bench).slice(0, 2);
  }),
  createRuntime("createRuntime-environment", "MUST", "called as part of the `create` operation after the runtime environment has been created", { namespaces: "new", mounts: "done" }, async (bench) => {
    // The state on stdin says which process to look at.
    const script = `pid=$(sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p'); for n in mnt uts ipc pid; do readlink /proc/$pid/ns/$n; done > ${bench.directory}/log/ns; cat /proc/$pid/mountinfo > ${bench.directory}/log/mounts`;
    const container = bench.container(merge(merge(place(bench), mounted({ destination: "/mnt", type: "tmpfs", source: "marker" })), {
      hooks: { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/usr/bin:/bin"] }] },
    }));
    const { code, err } = await container.create();
    if (code !== 0) throw new Error(err);
    const here = ["mnt", "uts", "ipc", "pid"].map((type) => Bun.spawnSync(["readlink", `/proc/self/ns/${type}`]).stdout.toString().trim());
    const there = readFileSync(`${bench.directory}/log/ns`, "utf8").trim().split("\n");
    return {
      namespaces: here.every((one, i) => there[i] !== undefined && there[i] !== one) ? "new" : there,
      mounts: readFileSync(`${bench.directory}/log/mounts`, "utf8").includes("- tmpfs marker") ? "done" : "not yet",
    };
  }),
  createContainer("createContainer-before-pivot", "MUST", "before the `pivot_root` or any equivalent operation has been executed.", { host: "seen", mount: "done" }, async (bench) => {
    writeFileSync(`${bench.directory}/host-file`, "x");
    const queries = [`stat:${bench.directory}/host-file`, "mounts"];
    const container = bench.container(merge(merge(place(bench), mounted({ destination: "/mnt", type: "tmpfs", source: "marker" })),
      { hooks: { createContainer: [hook(bench, "c", queries)] } }));
    const { code, err } = await container.create();
    if (code !== 0) throw new Error(err);
    const saw = calls(bench)[0]?.saw ?? {};
    return {
      host: saw[queries[0] ?? ""]?.startsWith("file") === true ? "seen" : "not seen",
      mount: saw["mounts"]?.includes(`${container.rootfs}/mnt `) === true ? "done" : saw["mounts"],
    };
  }),
  createContainer("createContainer-path", "MUST", "The `createContainer` hooks' path MUST resolve in the runtime namespace.", "found", async (bench) => {
    const container = bench.container({ hooks: { createContainer: [{ path: bench.probe, args: ["probe", "ids"] }] } });
    return (await container.create()).code === 0 ? "found" : "not found";
  }),
  startContainer("startContainer-path", "MUST", "The `startContainer` hooks' path MUST resolve in the container namespace.", { inside: "found", "host only": "not found" }, async (bench) => {
    const inside = bench.container({ hooks: { startContainer: [{ path: "/bin/probe", args: ["probe", "create:/home/hook"] }] } });
    await inside.begin();
    await inside.ended();
    const other = bench.container({
      process: { args: ["/bin/probe", "create:/home/ran"] }, hooks: { startContainer: [{ path: bench.probe, args: ["probe", "ids"] }] },
    });
    await other.create();
    const { code, err } = await other.start();
    await other.ended();
    const said = /could not be executed|no such file/.test(err);
    const ran = existsSync(`${other.rootfs}/home/ran`);
    return { inside: existsSync(`${inside.rootfs}/home/hook`) ? "found" : "not found", "host only": !ran && said ? "not found" : { code, err, ran } };
  }),
  startContainer("startContainer-before-program", "MUST", "The `startContainer` hooks MUST be called before the user-specified process is executed", "hook,program", async (bench) => {
    const say = (word: string): Patch => ({ path: "/bin/sh", args: ["sh", "-c", `echo ${word} >> /home/order`] });
    const container = bench.container({ process: { args: ["/bin/sh", "-c", "echo program >> /home/order"] }, hooks: { startContainer: [say("hook")] } });
    await container.begin();
    await container.ended();
    return readFileSync(`${container.rootfs}/home/order`, "utf8").trim().replace("\n", ",");
  }),
  poststart("poststart-after-program", "MUST", "The `poststart` hooks MUST be called after the user-specified process is executed but before the `start` operation returns.", "/bin/probe", async (bench) => {
    // A start that takes its time: the program must have been executed all the same when the hook looks.
    const container = bench.container(merge(place(bench), {
      process: { args: ["/bin/probe", "pause"] }, hooks: {
        startContainer: [{ path: "/bin/sleep", args: ["sleep", "0.2"] }],
        poststart: [{ path: "/bin/sh", args: ["sh", "-c", `pid=$(sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p'); tr '\\0' ' ' < /proc/$pid/cmdline > ${bench.directory}/log/exe`], env: ["PATH=/usr/bin:/bin"] }],
      },
    }));
    await container.begin();
    return readFileSync(`${bench.directory}/log/exe`, "utf8").split(" ")[0];
  }),
  poststop("poststop-after-delete", "MUST", "The `poststop` hooks MUST be called after the container is deleted but before the `delete` operation returns.", { called: true, cgroup: "gone", process: "gone" }, async (bench) => {
    const container = bench.container(merge(place(bench), { hooks: { poststop: [shell(bench, "poststop", `find /sys/fs/cgroup -maxdepth 4 -path "*${bench.cgroup}/c0" > ${bench.directory}/log/groups`)] } }));
    await container.begin();
    await container.ended();
    await container.delete();
    return {
      called: names(bench).includes("poststop"), cgroup: readFileSync(`${bench.directory}/log/groups`, "utf8") === "" ? "gone" : "there",
      process: existsSync(`/proc/${container.pid}`) ? "there" : "gone",
    };
  }),
];

const FAILURES: readonly Case[] = [
  lifecycle("fail-prestart", "MUST", "If any `prestart` hook fails, the runtime MUST generate an error, stop the container, and continue the lifecycle at step 12.",
    { failed: "create", ran: false, status: "absent", hooks: ["prestart 1", "poststop"] }, (bench) => failing(bench, "prestart")),
  lifecycle("fail-createRuntime", "MUST", "If any `createRuntime` hook fails, the runtime MUST generate an error, stop the container, and continue the lifecycle at step 12.",
    { failed: "create", ran: false, status: "absent", hooks: ["prestart", "createRuntime 1", "poststop"] }, (bench) => failing(bench, "createRuntime")),
  lifecycle("fail-createContainer", "MUST", "If any `createContainer` hook fails, the runtime MUST generate an error, stop the container, and continue the lifecycle at step 12.",
    { failed: "create", ran: false, status: "absent", hooks: ["prestart", "createRuntime", "createContainer 1", "poststop"] }, (bench) => failing(bench, "createContainer")),
  lifecycle("fail-startContainer", "MUST", "If any `startContainer` hook fails, the runtime MUST generate an error, stop the container, and continue the lifecycle at step 12.",
    { failed: "start", ran: false, status: "absent", hooks: ["prestart", "createRuntime", "createContainer", "startContainer 1", "poststop"] },
    (bench) => failing(bench, "startContainer")),
  lifecycle("fail-poststart", "MUST", "If any `poststart` hook fails, the runtime MUST generate an error, stop the container, and continue the lifecycle at step 12.",
    { failed: "start", status: "absent", hooks: [...PHASES.slice(0, 4), "poststart 1", "poststop"] }, (bench) => failing(bench, "poststart")),
  lifecycle("fail-poststop", "MUST", "If any `poststop` hook fails, the runtime MUST log a warning, but the remaining hooks and lifecycle continue as if the hook had succeeded.",
    { failed: "nothing", ran: true, status: "absent", hooks: [...PHASES.slice(0, 5), "poststop 1", "poststop 3"] }, (bench) => failing(bench, "poststop")),
  lifecycle("fail-poststop-warning", "MUST", "the runtime MUST log a warning", "logged", async (bench) => {
    const container = bench.container({ hooks: { poststop: [{ path: "/bin/false" }] } });
    await container.begin();
    await container.ended();
    const { err } = await container.delete();
    return /hook/.test(err) ? "logged" : err;
  }),
  lifecycle("fail-absent-program", "MUST", "A hook whose program does not exist has failed.", ["error", []], async (bench) => {
    const { code } = await bench.container({ hooks: { createRuntime: [{ path: "/nowhere" }] } }).create();
    return [code === 0 ? "ok" : "error", bench.leftovers()];
  }),
  poststop("poststop-forced", "MUST", "The `poststop` hooks MUST be called: `delete --force` too", ["poststop"], async (bench) => {
    const container = bench.container(merge(place(bench), { process: { args: ["/bin/probe", "pause"] }, hooks: { poststop: [hook(bench, "poststop")] } }));
    await container.begin();
    await container.delete("--force");
    return until(() => (names(bench).length > 0 ? names(bench) : undefined), "the hook");
  }),
];

export const HOOKS: readonly Case[] = [...ORDER, ...FORM, ...STATES, ...PLACES, ...FAILURES];
