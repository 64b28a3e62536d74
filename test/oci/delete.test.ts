/** What delete leaves of a real container: no process, cgroup or state, and poststop hooks that have run. */
import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from "node:fs";
import type { Hook } from "../../src/spec/runtime-config.ts";
import { needs } from "../parts.ts";
import { create, makeBundle, running, start } from "./bundle.ts";
import { messageOf, PIDBOX_OCI } from "./runtime.ts";

function cgroupsOf(root: string, id: string): string[] {
  return (JSON.parse(readFileSync(`${root}/${id}/state.json`, "utf8")) as { cgroups: string[] }).cgroups;
}

describe("delete", () => {
  needs("root", "busybox")("takes processes, cgroups and state away", () => {
    using bundle = makeBundle(running("sh", "-c", "sleep 1000 & sleep 1000 & wait"));
    using container = start(bundle, "gone");
    const cgroups = cgroupsOf(bundle.root, "gone");
    expect(cgroups.length).toBeGreaterThan(0);
    for (const cgroup of cgroups) expect(existsSync(cgroup)).toBe(true);
    expect(container.call("delete", "--force", "ID")).toEqual({ code: 0, out: "", err: "" });
    for (const path of [...cgroups, `${bundle.root}/gone`, `/proc/${container.pid}/root/`]) expect(existsSync(path)).toBe(false);
  });

  needs("root", "busybox")("runs poststop hooks in order, with the state, a clean environment and their own timeout; a failure is a warning", () => {
    const script = 'echo "$0 $(cat) $(env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | tr "\\n" ,)" >> log';
    const hook = (name: string, more: Partial<Hook> = {}): Hook => ({ path: "/bin/sh", args: [name, "-c", script], env: ["PATH=/bin:/usr/bin"], ...more });
    const failing = { path: "/bin/sh", args: ["sh", "-c", "echo why >&2; exit 3"] };
    const hooks = [hook("first"), failing, hook("slow", { args: ["slow", "-c", "sleep 1000"], timeout: 1 }), hook("last")];
    using bundle = makeBundle((config) => ({ ...config, annotations: { a: "b" }, hooks: { poststop: hooks } }));
    using container = create(bundle, "hooked");
    // Later edits of config.json change nothing.
    writeFileSync(`${bundle.path}/config.json`, "{}");
    const { code, out, err } = container.call("delete", "ID");
    expect([code, out]).toEqual([0, ""]);
    const lines = readFileSync(`${bundle.path}/log`, "utf8").trim().split("\n");
    const document = { ociVersion: "1.3.0", id: "hooked", status: "stopped", bundle: bundle.path, annotations: { a: "b" } };
    expect(lines).toEqual(["first", "last"].map((name) => `${name} ${JSON.stringify(document)} PATH=/bin:/usr/bin,`));
    const [status, timeout] = err.split("\n").map((line) => messageOf(`${line}\n`));
    expect(status).toBe('error running poststop hook "/bin/sh": exit status 3, stdout+stderr: why');
    expect(timeout).toBe('error running poststop hook "/bin/sh": it took longer than 1 s');
  });

  needs("root", "busybox")("leaves a container whose state cannot be read: it is not gone", () => {
    using bundle = makeBundle();
    using container = start(bundle, "unread");
    const path = `${bundle.root}/unread/state.json`;
    renameSync(path, `${path}.away`);
    mkdirSync(path);
    const { code, err } = container.call("delete", "--force", "ID");
    rmdirSync(path);
    expect([code, messageOf(err)]).toEqual([1, `Cannot read ${JSON.stringify(path)}: is a directory`]);
    expect(existsSync(`/proc/${container.pid}/root/`)).toBe(true);
    renameSync(`${path}.away`, path);
    expect(container.call("delete", "--force", "ID")).toEqual({ code: 0, out: "", err: "" });
  });

  needs("root", "busybox")("of one container by many at once is done by one", async () => {
    using bundle = makeBundle();
    using container = start(bundle, "many");
    const remove = (): Promise<number> => Bun.spawn([PIDBOX_OCI, "--root", bundle.root, "delete", "--force", container.id], { stderr: "ignore" }).exited;
    expect(await Promise.all(Array.from({ length: 8 }, remove))).toEqual(Array.from({ length: 8 }, () => 0));
    expect(existsSync(`${bundle.root}/many`)).toBe(false);
  });
});
