/** The same specification for a caller without privileges: a user namespace that maps its own ID alone, and no cgroups. */
import { chownSync, existsSync } from "node:fs";
import { answers, type Bench, type Container } from "./bench.ts";
import { type Case, clause } from "./case.ts";
import { merge, mounted, type Patch } from "./config.ts";

const CALLER = 20_001;
const AS = ["setpriv", `--reuid=${CALLER}`, `--regid=${CALLER}`, "--clear-groups"];

const runtime = clause("runtime.md#operations");
const spaces = clause("config-linux.md#configLinuxUserNamespaceMappings");
const process_ = clause("config.md#configLinuxProcess");
const mounts = clause("config.md#configMounts");
const masks = clause("config-linux.md#configLinuxMaskedPaths");
const devices = clause("config-linux.md#configLinuxDefaultDevices");
const hooks = clause("config.md#configHooks");
const seccomp = clause("config-linux.md#configLinuxSeccomp");

const ROOTLESS: Patch = {
  linux: {
    namespaces: [{ type: "pid" }, { type: "mount" }, { type: "ipc" }, { type: "uts" }, { type: "user" }], cgroupsPath: undefined,
    uidMappings: [{ containerID: 0, hostID: CALLER, size: 1 }], gidMappings: [{ containerID: 0, hostID: CALLER, size: 1 }],
  },
};

/** A container whose bundle belongs to the caller, and who may keep state below the bench's directory. */
function rootless(bench: Bench, patch: Patch): Container {
  chownSync(bench.directory, CALLER, CALLER);
  const container = bench.container(merge(ROOTLESS, patch));
  Bun.spawnSync(["chown", "-Rh", `${CALLER}:${CALLER}`, container.bundle]);
  container.before = AS;
  return container;
}

async function look(bench: Bench, patch: Patch, queries: readonly string[]): Promise<Record<string, string>> {
  const { code, out, err } = await rootless(bench, merge(patch, { process: { args: ["/bin/probe", ...queries] } })).run();
  if (code !== 0) throw new Error(err);
  return answers(out);
}

const all = (...names: readonly string[]): Patch => Object.fromEntries(["bounding", "effective", "permitted"].map((set) => [set, names]));

export const ROOTLESS_CASES: readonly Case[] = [
  runtime("rootless-operations", "MUST", "OCI compliant runtimes MUST support the following operations", ["created", "running", "stopped", "absent"], async (bench) => {
    const container = rootless(bench, { process: { args: ["/bin/probe", "pause"] } });
    const created = await container.create();
    if (created.code !== 0) throw new Error(created.err);
    const seen = [await container.status()];
    await container.start();
    await container.wrote("ready");
    seen.push(await container.status());
    await container.kill("KILL");
    await container.ended();
    seen.push(await container.status());
    await container.delete();
    return [...seen, await container.status()];
  }),
  runtime("rootless-exit-code", "MUST", "specifies the container process: `run` ends as it does", 7, async (bench) => (await rootless(bench, { process: { args: ["/bin/probe", "exit:7"] } }).run()).code),
  runtime("rootless-no-trace", "MUST", "Deleting a container MUST delete the resources that were created during the `create` step.", [], async (bench) => {
    await rootless(bench, {}).run();
    return bench.leftovers();
  }),
  spaces("rootless-mappings", "MUST", "describes the user namespace uid mappings from the host to the container.", { ids: "0 0 0, 0 0 0,", "read:/proc/self/uid_map": "0 20001 1", "read:/proc/self/setgroups": "deny", "create:/home/x": "ok" }, async (bench) => {
    const found = await look(bench, {}, ["ids", "read:/proc/self/uid_map", "read:/proc/self/setgroups", "create:/home/x"]);
    return { ...found, ids: found["ids"]?.replace(/, [\d ]*$/, ","), "read:/proc/self/uid_map": found["read:/proc/self/uid_map"]?.trim().replace(/\s+/g, " ") };
  }),
  process_("rootless-capabilities", "MUST", "`capabilities` specifies the sets of capabilities for the process.", { caps: "bounding 21 effective 21 permitted 21 inheritable 0 ambient 0", nnp: "1" },
    (bench) => look(bench, { process: { capabilities: all("CAP_CHOWN", "CAP_KILL"), noNewPrivileges: true } }, ["caps", "nnp"])),
  mounts("rootless-mounts", "MUST", "The runtime MUST mount entries in the listed order.", { "mount:/home": "tmpfs", "create:/home/x": "ok", "create:/mnt/x": "EROFS" }, async (bench) => {
    const patch = mounted({ destination: "/home", type: "tmpfs", source: "tmpfs" },
      { destination: "/mnt", type: "none", source: "/usr", options: ["rbind", "ro"] });
    const found = await look(bench, patch, ["mount:/home", "create:/home/x", "create:/mnt/x"]);
    return { ...found, "mount:/home": found["mount:/home"]?.split("|")[0] };
  }),
  mounts("rootless-root-readonly", "MUST", "If true then the root filesystem MUST be read-only inside the container", { "create:/home/x": "EROFS" }, (bench) => look(bench, { root: { readonly: true } }, ["create:/home/x"])),
  masks("rootless-masks", "MUST", "`maskedPaths`, `readonlyPaths`", { "read:/proc/version": "", "create:/etc/x": "EROFS" },
    (bench) => look(bench, { linux: { maskedPaths: ["/proc/version"], readonlyPaths: ["/etc"] } }, ["read:/proc/version", "create:/etc/x"])),
  devices("rootless-devices", "MUST", "the runtime MUST also supply: devices that can be used", { "write:/dev/null:x": "ok", "open:/dev/zero:r": "ok", "write:/dev/full:x": "ENOSPC" },
    (bench) => look(bench, {}, ["write:/dev/null:x", "open:/dev/zero:r", "write:/dev/full:x"])),
  hooks("rootless-hooks", "MUST", "Hooks MUST be called", { createRuntime: true, poststop: true }, async (bench) => {
    const touch = (name: string): Patch => ({ path: "/bin/sh", args: ["sh", "-c", `echo > ${bench.directory}/${name}`] });
    const { code, err } = await rootless(bench, { hooks: { createRuntime: [touch("created")], poststop: [touch("stopped")] } }).run();
    if (code !== 0) throw new Error(err);
    return { createRuntime: existsSync(`${bench.directory}/created`), poststop: existsSync(`${bench.directory}/stopped`) };
  }),
  seccomp("rootless-seccomp", "MUST", "`SCMP_ACT_ERRNO`", { "sys:140:0:0": "EPERM", "sys:24": "ok" }, (bench) =>
    look(bench, { linux: { seccomp: { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["getpriority"], action: "SCMP_ACT_ERRNO" }] } } },
      ["sys:140:0:0", "sys:24"])),
  runtime("rootless-exec", "MUST", "a process that joins the container", { ids: "0 0 0, 0 0 0,", pid: "in the container" }, async (bench) => {
    const container = rootless(bench, { process: { args: ["/bin/probe", "pause"] } });
    await container.begin();
    const { code, out, err } = await container.exec(["/bin/probe", "ids", "read:/proc/1/cmdline"]);
    if (code !== 0) throw new Error(err);
    const found = answers(out);
    return { ids: found["ids"]?.replace(/, [\d ]*$/, ","), pid: found["read:/proc/1/cmdline"]?.includes("pause") === true ? "in the container" : "elsewhere" };
  }),
];
