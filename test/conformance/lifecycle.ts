/** runtime.md: the state, the operations and their errors. Hooks are in hooks.ts. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Bench, Container } from "./bench.ts";
import { type Case, clause } from "./case.ts";
import { merge, mounted, type Patch } from "./config.ts";
import { schemaErrors } from "./schema.ts";

const scope = clause("runtime.md#scopeOfAContainer");
const state = clause("runtime.md#state");
const lifecycle = clause("runtime.md#lifecycle");
const errors = clause("runtime.md#errors");
const operations = clause("runtime.md#operations");
const query = clause("runtime.md#query-state");
const create = clause("runtime.md#create");
const start = clause("runtime.md#start");
const kill = clause("runtime.md#kill");
const remove = clause("runtime.md#delete");

/** A program that says `ready` and then waits for signals until it is killed. */
const WAITS: Patch = { process: { args: ["/bin/probe", "wait", "wait", "wait", "pause"] } };
const word = (code: number): string => (code === 0 ? "ok" : "error");

async function running(bench: Bench, patch: Patch = {}): Promise<Container> {
  const container = bench.container(merge(WAITS, patch));
  await container.begin();
  await container.wrote("ready");
  return container;
}

async function stopped(bench: Bench, patch: Patch = {}): Promise<Container> {
  const container = bench.container(patch);
  await container.begin();
  await container.ended();
  return container;
}

async function created(bench: Bench, patch: Patch = {}): Promise<Container> {
  const container = bench.container(patch);
  const { code, err } = await container.create();
  if (code !== 0) throw new Error(err.trim());
  return container;
}

/** What a container in each state answers to an operation, and the state that it has afterwards. */
async function inEachState(bench: Bench, operation: (container: Container) => Promise<{ code: number }>): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, make] of Object.entries({ created: () => created(bench, WAITS), running: () => running(bench), stopped: () => stopped(bench) })) {
    const container = await make();
    const { code } = await operation(container);
    found[name] = `${word(code)}, ${String(await container.status())}`;
  }
  return found;
}

const STATE: readonly Case[] = [
  scope("scope-operations", "MUST", "the entity using a runtime to create a container MUST be able to use the operations defined in this specification against that same container.",
    ["created", "running", "stopped", "absent"], async (bench) => {
      const container = await created(bench, WAITS);
      const seen = [await container.status()];
      await container.start();
      seen.push(await container.status());
      await container.kill("KILL");
      await container.ended();
      seen.push(await container.status());
      await container.delete();
      return [...seen, await container.status()];
    }),
  state("state-properties", "MUST", "The state of a container includes `ociVersion`, `id`, `status`, `pid` and `bundle`.",
    { ociVersion: "a version", id: "c0", status: "running", pid: "its process", bundle: "absolute", schema: [] }, async (bench) => {
      const container = await running(bench);
      const found = await container.state();
      return {
        ociVersion: /^1\.\d+\.\d+/.test(String(found?.ociVersion)) ? "a version" : found?.ociVersion, id: found?.id, status: found?.status,
        pid: found?.pid === container.pid && readFileSync(`/proc/${container.pid}/cmdline`, "utf8").startsWith("/bin/probe") ? "its process" : found?.pid,
        bundle: found?.bundle === container.bundle ? "absolute" : found?.bundle, schema: schemaErrors("state-schema.json", found),
      };
    }),
  state("state-schema", "MUST", "When serialized in JSON, the format MUST adhere to the JSON Schema.", { created: [], running: [], stopped: [] }, async (bench) => ({
    created: schemaErrors("state-schema.json", await (await created(bench)).state()), running: schemaErrors("state-schema.json", await (await running(bench)).state()),
    stopped: schemaErrors("state-schema.json", await (await stopped(bench)).state()),
  })),
  state("state-bundle-absolute", "MUST", "`bundle` is the absolute path to the container's bundle directory.", "absolute", async (bench) => {
    const container = bench.container();
    await bench.run(["create", "--bundle", container.bundle.slice(bench.directory.length + 1), container.id], { cwd: bench.directory });
    const found = (await container.state())?.bundle;
    return found === container.bundle ? "absolute" : found;
  }),
  state("state-id-unique", "MUST", "`id` MUST be unique across all containers on this host.", { while: "error", after: "ok", first: "running" }, async (bench) => {
    const first = await running(bench);
    const second = bench.container({}, first.id);
    const during = await second.create();
    const status = await first.status();
    await first.delete("--force");
    return { while: word(during.code), after: word((await second.create()).code), first: status };
  }),
  state("state-annotations", "MUST", "`annotations` contains the list of annotations associated with the container.", { myKey: "myValue", other: "" }, async (bench) =>
    (await (await created(bench, { annotations: { myKey: "myValue", other: "" } })).state())?.annotations),
  state("state-new-values", "MUST", "Additional values MUST be used to represent new runtime states not defined above.", ["paused", "running"], async (bench) => {
    const container = await running(bench);
    await bench.run(["pause", container.id]);
    const paused = await container.status();
    await bench.run(["resume", container.id]);
    return [paused, await container.status()];
  }),
  state("state-created", "MUST", "`created`: the container process has neither exited nor executed the user-specified program", "created", async (bench) =>
    (await created(bench)).status()),
  state("state-stopped", "MUST", "`stopped`: the container process has exited", { exited: "stopped", "killed while created": "stopped" }, async (bench) => {
    const early = await created(bench);
    process.kill(early.pid, "SIGKILL");
    await early.ended();
    return { exited: await (await stopped(bench)).status(), "killed while created": await early.status() };
  }),
];

const LIFECYCLE: readonly Case[] = [
  lifecycle("lifecycle-error", "MUST", "If the runtime is unable to create the environment specified in the `config.json`, it MUST generate an error.",
    { mount: "error", namespace: "error", cgroup: "error" }, async (bench) => ({
      mount: word((await bench.container(mounted({ destination: "/mnt", type: "none", source: "/nowhere", options: ["bind"] })).create()).code),
      namespace: word((await bench.container({ linux: { namespaces: [{ type: "mount" }, { type: "network", path: "/nowhere" }] } }).create()).code),
      cgroup: word((await bench.container({ linux: { resources: { cpu: { cpus: "4096" } } } }).create()).code),
    })),
  lifecycle("lifecycle-program-not-run", "MUST NOT", "the user-specified program MUST NOT be run at this time.", { before: false, after: true }, async (bench) => {
    const container = await created(bench, { process: { args: ["/bin/probe", "create:/home/ran"] } });
    const before = existsSync(`${container.rootfs}/home/ran`);
    await container.start();
    await container.ended();
    return { before, after: existsSync(`${container.rootfs}/home/ran`) };
  }),
  lifecycle("lifecycle-updates", "MUST NOT", "Any updates to `config.json` after this step MUST NOT affect the container.", { program: "old", hook: "old", state: { a: "old" } }, async (bench) => {
    const log = `${bench.directory}/log`;
    const config = (age: string): Patch => ({
      process: { args: ["/bin/echo", age] }, annotations: { a: age }, hooks: { poststop: [{ path: "/bin/sh", args: ["sh", "-c", `echo ${age} > ${log}`] }] },
    });
    const container = await created(bench, config("old"));
    container.config = merge(container.config, config("new"));
    container.write();
    await container.start();
    await container.ended();
    const annotations = (await container.state())?.annotations;
    container.write("{");
    await container.delete();
    return { program: container.output.trim(), hook: readFileSync(log, "utf8").trim(), state: annotations };
  }),
  lifecycle("lifecycle-program-run", "MUST", "The runtime MUST run the user-specified program, as specified by `process`.", "exit 7", async (bench) => {
    const container = bench.container({ process: { args: ["/bin/probe", "exit:7"] } });
    await container.begin();
    return container.ended();
  }),
  lifecycle("lifecycle-destroy", "MUST", "The container MUST be destroyed by undoing the steps performed during create phase (step 2).", [], async (bench) => {
    const container = await stopped(bench,
      merge(mounted({ destination: "/mnt", type: "tmpfs", source: "tmpfs" }), { linux: { resources: { pids: { limit: 20 } } } }));
    const { code, err } = await container.delete();
    return code === 0 ? bench.leftovers() : err;
  }),
  errors("errors-no-trace", "MUST", "generating an error MUST leave the state of the environment as if the operation were never attempted",
    { mount: [], process: [], cgroup: [], hook: [] }, async (bench) => {
      const found: Record<string, unknown> = {};
      for (const [name, patch] of Object.entries<Patch>({
        mount: mounted({ destination: "/mnt", type: "tmpfs", source: "tmpfs" }, { destination: "/mnt/x", type: "none", source: "/nowhere", options: ["bind"] }),
        process: { process: { rlimits: [{ type: "RLIMIT_NOFILE", soft: 20, hard: 10 }] } },
        cgroup: { linux: { resources: { cpu: { cpus: "4096" } } } }, hook: { hooks: { createRuntime: [{ path: "/bin/false" }] } },
      })) found[name] = (await bench.container(patch).create()).code === 0 ? "accepted" : bench.leftovers();
      return found;
    }),
  operations("operations-supported", "MUST", "OCI compliant runtimes MUST support the following operations", { state: "ok", create: "ok", start: "ok", kill: "ok", delete: "ok" }, async (bench) => {
    const container = bench.container(WAITS);
    const found: Record<string, string> = { create: word((await container.create()).code) };
    found["state"] = (await container.state()) === undefined ? "error" : "ok";
    found["start"] = word((await container.start()).code);
    await container.wrote("ready");
    found["kill"] = word((await container.kill("KILL")).code);
    await container.ended();
    return { ...found, delete: word((await container.delete()).code) };
  }),
];

const CREATE: readonly Case[] = [
  query("state-no-id", "MUST", "This operation MUST generate an error if it is not provided the ID of a container.", "error", async (bench) => word((await bench.run(["state"])).code)),
  query("state-unknown", "MUST", "Attempting to query a container that does not exist MUST generate an error.", "error", async (bench) => word((await bench.run(["state", "nobody"])).code)),
  query("state-returned", "MUST", "This operation MUST return the state of a container as specified in the State section.", "running", async (bench) => (await running(bench)).status()),
  create("create-no-id", "MUST", "This operation MUST generate an error if it is not provided ... the container ID", "error", async (bench) => {
    const container = bench.container();
    return word((await bench.run(["create", "--bundle", container.bundle])).code);
  }),
  create("create-no-bundle", "MUST", "This operation MUST generate an error if it is not provided a path to the bundle", { elsewhere: "error", "in a bundle": "error" }, async (bench) => {
    const container = bench.container();
    const elsewhere = await bench.run(["create", "other"]);
    return { elsewhere: word(elsewhere.code), "in a bundle": word((await bench.run(["create", container.id], { cwd: container.bundle })).code) };
  }),
  create("create-id-valid", "MUST", "If the ID provided is not valid, the implementation MUST generate an error and a new container MUST NOT be created.",
    { "a_b+c-d.e": "ok", "": "error", "a/b": "error", "..": "error", ".": "error", "a b": "error", "/etc": "error", "a\nb": "error", left: [] },
    async (bench) => {
      const found: Record<string, unknown> = {};
      for (const id of ["a_b+c-d.e", "", "a/b", "..", ".", "a b", "/etc", "a\nb"]) {
        const container = bench.container({ linux: { cgroupsPath: `${bench.cgroup}/x` } }, id);
        found[id] = word((await container.create()).code);
        if (found[id] === "ok") await container.destroy();
      }
      return { ...found, left: existsSync(bench.root) ? readdirSync(bench.root) : [] };
    }),
  create("create-new", "MUST", "This operation MUST create a new container.", "another process", async (bench) => {
    const [one, two] = [await created(bench), await created(bench)];
    return one.pid !== two.pid && one.pid > 0 && existsSync(`/proc/${one.pid}`) ? "another process" : "none";
  }),
  create("create-applies", "MUST", "All of the properties configured in `config.json` except for `process` MUST be applied.",
    { hostname: "applied", mount: "tmpfs", cgroup: "77", sysctl: "60000", namespaces: "own" }, async (bench) => {
      const container = await created(bench, merge(mounted({ destination: "/mnt", type: "tmpfs", source: "tmpfs" }), {
        hostname: "applied", linux: { resources: { pids: { limit: 77 } }, sysctl: { "kernel.msgmax": "60000" } },
      }));
      const inside = (...words: string[]): string => Bun.spawnSync(["nsenter", "-t", String(container.pid), ...words]).stdout.toString().trim();
      const pids = bench.cgroups(container.id)["pids"] ?? bench.cgroups(container.id)["unified"] ?? "";
      return {
        hostname: inside("-u", bench.probe, "hostname").replace("hostname=", ""), sysctl: inside("-i", "cat", "/proc/sys/kernel/msgmax"),
        mount: / \/mnt .* - (\w+) /.exec(readFileSync(`/proc/${container.pid}/mountinfo`, "utf8"))?.[1],
        cgroup: readFileSync(`${pids}/pids.max`, "utf8").trim(),
        namespaces: readFileSync(`/proc/${container.pid}/mountinfo`, "utf8") !== readFileSync("/proc/self/mountinfo", "utf8") ? "own" : "shared",
      };
    }),
  create("create-args-later", "MUST NOT", "`process.args` MUST NOT be applied until triggered by the `start` operation.", "not the program", async (bench) => {
    const container = await created(bench, WAITS);
    return readFileSync(`/proc/${container.pid}/cmdline`, "utf8").startsWith("/bin/probe") ? "the program" : "not the program";
  }),
  create("create-cannot-apply", "MUST", "If the runtime cannot apply a property, it MUST generate an error and a new container MUST NOT be created.", ["error", "absent"], async (bench) => {
    const container = bench.container({ linux: { sysctl: { "kernel.nothing-of-that-name": "1" } } });
    return [word((await container.create()).code), await container.status()];
  }),
  create("create-status", "MUST", "Upon successful completion the `status` property of this container is `created`.", "created", async (bench) => (await created(bench)).status()),
];

const START: readonly Case[] = [
  start("start-no-id", "MUST", "This operation MUST generate an error if it is not provided the container ID.", "error", async (bench) => word((await bench.run(["start"])).code)),
  start("start-unknown", "MUST", "Attempting to `start` a container that does not exist MUST generate an error.", "error", async (bench) => word((await bench.run(["start", "nobody"])).code)),
  start("start-not-created", "MUST", "Attempting to `start` a container that is not `created` MUST have no effect on the container and MUST generate an error.",
    { created: "ok, running", running: "error, running", stopped: "error, stopped" }, (bench) => inEachState(bench, (container) => container.start())),
  start("start-once", "MUST", "Attempting to `start` an already started container MUST have no effect", { pid: "same", lines: 1 }, async (bench) => {
    const container = await running(bench);
    const before = (await container.state())?.pid;
    await container.start();
    return { pid: (await container.state())?.pid === before ? "same" : "other", lines: container.output.trim().split("\n").length };
  }),
  start("start-runs", "MUST", "This operation MUST run the user-specified program as specified by `process`.", "/bin/probe|argv|  two words||", async (bench) => {
    const container = bench.container({ process: { args: ["/bin/probe", "argv", "  two words", ""] } });
    await container.begin();
    await container.ended();
    return container.output.split("\n")[0]?.replace("argv=", "");
  }),
  start("start-no-process", "MUST", "This operation MUST generate an error if `process` was not set.", { create: "ok", start: "error" }, async (bench) => {
    const container = bench.container({ process: undefined });
    const made = await container.create();
    return { create: word(made.code), start: word((await container.start()).code) };
  }),
  start("start-no-program", "MUST", "An executable that is not there is an error of `create` or of `start`.", { absent: "error", directory: "error", text: "error" }, async (bench) => {
    const found: Record<string, string> = {};
    for (const [name, path] of Object.entries({ absent: "/bin/nothing", directory: "/etc", text: "/etc/passwd" })) {
      const container = bench.container({ process: { args: [path] } });
      found[name] = (await container.create()).code !== 0 || (await container.start()).code !== 0 ? "error" : "ok";
    }
    return found;
  }),
];

const KILL: readonly Case[] = [
  kill("kill-no-id", "MUST", "This operation MUST generate an error if it is not provided the container ID.", "error", async (bench) => word((await bench.run(["kill"])).code)),
  kill("kill-unknown", "MUST", "Attempting to send a signal to a container that does not exist MUST generate an error.", "error", async (bench) => word((await bench.run(["kill", "nobody", "KILL"])).code)),
  kill("kill-state", "MUST", "a container that is neither `created` nor `running` MUST have no effect on the container and MUST generate an error.",
    { created: "ok", running: "ok", stopped: "error" }, async (bench) => {
      const found = await inEachState(bench, (container) => container.kill("CONT"));
      return Object.fromEntries(Object.entries(found).map(([name, text]) => [name, text.split(",")[0]]));
    }),
  kill("kill-signal", "MUST", "This operation MUST send the specified signal to the container process.",
    { TERM: "TERM", SIGUSR1: "USR1", "10": "USR1", hup: "HUP", SIGWINCH: "WINCH", "": "TERM", bogus: "error", "-1": "error", "99": "error" }, async (bench) => {
      const found: Record<string, string> = {};
      for (const name of ["TERM", "SIGUSR1", "10", "hup", "SIGWINCH", "", "bogus", "-1", "99"]) {
        const container = await running(bench);
        const { code } = await container.kill(...(name === "" ? [] : [name]));
        if (code === 0) await container.wrote("wait=");
        found[name] = code === 0 ? (/wait=(.*)/.exec(container.output)?.[1] ?? "nothing") : "error";
        await container.destroy();
      }
      return found;
    }),
  kill("kill-only-process", "MUST", "the specified signal to the container process", { init: "USR1", child: "alive" }, async (bench) => {
    const container = await running(bench, { process: { args: ["/bin/sh", "-c", "/bin/sleep 100 & exec /bin/probe wait pause"] } });
    const children = (): string => readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, "utf8").trim();
    const child = children();
    await container.kill("USR1");
    await container.wrote("wait=");
    return { init: /wait=(.*)/.exec(container.output)?.[1], child: child !== "" && children() === child ? "alive" : "gone" };
  }),
  kill("kill-stopped", "MUST", "When the process in the container is stopped, the status is `stopped`.", { kill: ["signal 9", "stopped"], created: ["signal 9", "stopped"] }, async (bench) => {
    const found: Record<string, unknown> = {};
    for (const [name, container] of Object.entries({ kill: await running(bench), created: await created(bench) })) {
      await container.kill("KILL");
      found[name] = [await container.ended(), await container.status()];
    }
    return found;
  }),
];

const DELETE: readonly Case[] = [
  remove("delete-no-id", "MUST", "This operation MUST generate an error if it is not provided the container ID.", "error", async (bench) => word((await bench.run(["delete"])).code)),
  remove("delete-unknown", "MUST", "Attempting to `delete` a container that does not exist MUST generate an error.", "error", async (bench) => word((await bench.run(["delete", "nobody"])).code)),
  remove("delete-not-stopped", "MUST", "Attempting to `delete` a container that is not `stopped` MUST have no effect on the container and MUST generate an error.",
    { created: "error, created", running: "error, running", stopped: "ok, absent" }, (bench) => inEachState(bench, (container) => container.delete())),
  remove("delete-resources", "MUST", "Deleting a container MUST delete the resources that were created during the `create` step.", { cgroup: "gone", state: "gone", left: [] }, async (bench) => {
    const container = await stopped(bench, { linux: { resources: { pids: { limit: 20 } } } });
    const before = Object.keys(bench.cgroups(container.id)).length;
    await container.delete();
    return {
      cgroup: before > 0 && Object.keys(bench.cgroups(container.id)).length === 0 ? "gone" : "there", state: existsSync(`${bench.root}/${container.id}`) ? "there" : "gone",
      left: bench.leftovers(),
    };
  }),
  remove("delete-orphans", "MUST", "Deleting a container MUST delete the resources: processes that its program left too.", [], async (bench) => {
    const container = bench.container({
      process: { args: ["/bin/sh", "-c", "/bin/sleep 100 & /bin/sleep 100 & exit 0"] }, linux: { namespaces: [{ type: "mount" }, { type: "ipc" }, { type: "uts" }] },
    });
    await container.begin();
    await container.ended();
    await container.delete();
    return bench.leftovers();
  }),
  remove("delete-others", "MUST NOT", "resources associated with the container, but not created by this container, MUST NOT be deleted.", { bundle: true, rootfs: true, source: true, namespace: true }, async (bench) => {
    const source = `${bench.directory}/source`;
    mkdirSync(source);
    writeFileSync(`${source}/file`, "kept");
    const other = await running(bench, { linux: { namespaces: [{ type: "mount" }, { type: "pid" }, { type: "network" }] } });
    const container = await stopped(bench, merge(mounted({ destination: "/mnt", type: "none", source, options: ["bind"] }), {
      linux: { namespaces: [{ type: "mount" }, { type: "network", path: `/proc/${other.pid}/ns/net` }] },
    }));
    await container.delete();
    return {
      bundle: existsSync(`${container.bundle}/config.json`), rootfs: existsSync(`${container.rootfs}/bin/busybox`), source: existsSync(`${source}/file`),
      namespace: (await other.status()) === "running",
    };
  }),
  remove("delete-id-again", "MAY", "Once a container is deleted its ID MAY be used by a subsequent container.", "ok", async (bench) => {
    const first = await stopped(bench);
    await first.delete();
    return word((await bench.container({}, first.id).create()).code);
  }),
];

export const LIFECYCLE_CASES: readonly Case[] = [...STATE, ...LIFECYCLE, ...CREATE, ...START, ...KILL, ...DELETE];
