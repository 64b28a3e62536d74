/** pause, resume, ps, update, events and kill --all on real containers; what runc answers to the same is what is expected. */
import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import type { Config } from "../../src/spec/runtime-config.ts";
import { needs } from "../parts.ts";
import { untilSync } from "../until.ts";
import { create, makeBundle, running, start } from "./bundle.ts";
import type { Container } from "./bundle.ts";
import { messageOf, PIDBOX_OCI, run, RUNC } from "./runtime.ts";

const RUNTIMES: readonly (readonly [name: string, program: string])[] = [["pidbox-oci", PIDBOX_OCI], ["runc", RUNC]];

function status(container: Container): string {
  return (JSON.parse(container.call("state", "ID").out) as { status: string }).status;
}

/** What runc says while processes of a cgroup that it removes are dying. */
const RETRIES = /^.*Failed to remove cgroup \(will retry\).*\n/gm;

/** Exit code and message. */
function answer(container: Container, ...words: readonly string[]): readonly [number, string | undefined] {
  const result = container.call(...words);
  const [code, err] = [result.code, result.err.replaceAll(RETRIES, "")];
  return [code, err === "" ? undefined : (messageOf(err) ?? err)];
}

function limited(resources: NonNullable<Config["linux"]>["resources"]): (config: Config) => Config {
  return (config) => ({ ...config, linux: { ...config.linux, ...(resources === undefined ? {} : { resources }) } });
}

function withoutPids(config: Config): Config {
  return { ...config, linux: { ...config.linux, namespaces: (config.linux?.namespaces ?? []).filter(({ type }) => type !== "pid") } };
}

/** State letter of a process in /proc. */
function processState(pid: number): string {
  return /\) ([A-Za-z])/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "";
}

for (const [name, program] of RUNTIMES) {
  describe(`of ${name}`, () => {
    needs("root", "runc", "busybox")("pause stops all processes and resume lets them go on; doing either twice is an error", () => {
      using bundle = makeBundle(running("sh", "-c", "while :; do :; done"));
      using container = start(bundle, "frozen", program);
      expect(answer(container, "resume", "ID")).toEqual([1, "container not paused"]);
      expect(answer(container, "pause", "ID")).toEqual([0, undefined]);
      expect(status(container)).toBe("paused");
      // It computes without end, so it is in state R unless it stands still.
      expect(processState(container.pid)).not.toBe("R");
      expect(answer(container, "pause", "ID")).toEqual([1, "container not running"]);
      expect(container.call("delete", "ID").code).toBe(1);
      expect(answer(container, "resume", "ID")).toEqual([0, undefined]);
      expect([status(container), processState(container.pid)]).toEqual(["running", "R"]);
    });

    needs("root", "runc", "busybox")("SIGKILL ends what is paused, and delete --force removes it", () => {
      using bundle = makeBundle();
      using container = start(bundle, "paused-kill", program);
      expect(answer(container, "pause", "ID")).toEqual([0, undefined]);
      expect(answer(container, "kill", "ID", "KILL")).toEqual([0, undefined]);
      untilSync(() => status(container) === "stopped");
      for (const words of [["pause", "ID"], ["kill", "ID", "KILL"], ["update", "--pids-limit", "7", "ID"]]) {
        expect(answer(container, ...words)).toEqual([1, "container not running"]);
      }
      expect(answer(container, "resume", "ID")).toEqual([1, "container not paused"]);
      expect(answer(container, "events", "ID")).toEqual([1, "container with id paused-kill is not running"]);
      using second = start(bundle, "paused-delete", program);
      expect(answer(second, "pause", "ID")).toEqual([0, undefined]);
      expect(answer(second, "delete", "--force", "ID")).toEqual([0, undefined]);
      expect(existsSync(`/proc/${second.pid}/root/bin`)).toBe(false);
    });

    needs("root", "runc", "busybox")("ps lists the processes of the container, as PIDs and as ps(1) shows them", () => {
      using bundle = makeBundle(running("sh", "-c", "sleep 1000 & sleep 1000 & wait"));
      using container = start(bundle, "ps", program);
      const pids = (): number[] => JSON.parse(container.call("ps", "--format", "json", "ID").out) as number[];
      untilSync(() => pids().length === 3);
      expect(pids()).toContain(container.pid);
      const table = container.call("ps", "ID", "-o", "pid,comm").out.split("\n");
      expect(table.map((line) => line.trim().split(/\s+/)[1])).toEqual(["COMMAND", "sh", "sleep", "sleep", undefined]);
      expect(container.call("ps", "ID").out.split("\n")[0]).toMatch(/^UID +PID +PPID/);
      expect(answer(container, "ps", "ID", "-o", "comm")).toEqual([1, "couldn't find PID field in ps output"]);
      expect(answer(container, "ps", "-f", "xml", "ID")).toEqual([1, "invalid format option"]);
      expect(answer(container, "ps", "ID", "--bogus")[1]).toStartWith("exit status 1: error: unknown gnu long option");
    });

    needs("root", "runc", "busybox")("kill sends to the first process, kill --all to every one", () => {
      const script = 'sh -c "trap \\"echo child >> /log; exit\\" USR1; while :; do sleep 1; done" & trap "echo first >> /log" USR1; echo up >> /log; while :; do wait; done';
      using bundle = makeBundle(running("sh", "-c", script), (config) => ({ ...config, root: { path: "rootfs" } }));
      using container = start(bundle, "all", program);
      const log = (): string => (existsSync(`${bundle.path}/rootfs/log`) ? readFileSync(`${bundle.path}/rootfs/log`, "utf8") : "");
      const logged = (text: string): true => untilSync(() => log().includes(text), `${text} in the log`);
      logged("up");
      expect(answer(container, "kill", "ID", "USR1")).toEqual([0, undefined]);
      logged("first");
      expect(log()).not.toContain("child");
      expect(answer(container, "kill", "--all", "ID", "SIGUSR1")).toEqual([0, undefined]);
      logged("child");
    });

    needs("root", "runc", "busybox")("kill --all and delete --force leave nobody of a container in the host's PID namespace", () => {
      using bundle = makeBundle(running("sh", "-c", "sleep 1000 & sleep 1000 & wait"), withoutPids);
      for (const words of [["kill", "--all", "ID", "KILL"], ["delete", "--force", "ID"]]) {
        using container = start(bundle, `shared-${words[0]}`, program);
        const pids = (): number[] => JSON.parse(container.call("ps", "-f", "json", "ID").out) as number[];
        untilSync(() => pids().length === 3);
        const found = pids();
        expect(answer(container, ...words)).toEqual([0, undefined]);
        untilSync(() => found.every((pid) => !existsSync(`/proc/${pid}/root/bin`)));
      }
    });

    needs("root", "runc", "busybox")("update changes the limits that are named, from options and from JSON, and refuses what is no limit", () => {
      using bundle = makeBundle(limited({ pids: { limit: 50 }, memory: { limit: 64 << 20 } }));
      using container = start(bundle, "update", program);
      const stats = (): { pids: { limit?: number }; memory: { usage: { limit: number } } } =>
        (JSON.parse(container.call("events", "--stats", "ID").out) as { data: { pids: { limit?: number }; memory: { usage: { limit: number } } } }).data;
      expect([stats().pids.limit, stats().memory.usage.limit]).toEqual([50, 64 << 20]);
      expect(answer(container, "update", "--memory", "100M", "--pids-limit", "60", "ID")).toEqual([0, undefined]);
      expect([stats().pids.limit, stats().memory.usage.limit]).toEqual([60, 100 << 20]);
      expect(container.call("update", "--memory", "much", "ID").code).toBe(1);
      expect(container.call("update", "--cpu-quota", "x", "ID").code).toBe(1);
      expect(container.call("update", "--resources", "/nonexistent-file", "ID").code).toBe(1);
      expect(answer(container, "update", "--l3-cache-schema", "L3:0=1", "ID")[0]).toBe(1);
      expect([stats().pids.limit, stats().memory.usage.limit]).toEqual([60, 100 << 20]);
    });
  });
}

describe("update", () => {
  needs("root", "busybox")("takes JSON from a file, a pipe and standard input, where zeros mean that nothing changes; state.json keeps it", () => {
    using bundle = makeBundle(limited({ pids: { limit: 50 }, memory: { limit: 64 << 20 } }));
    using container = start(bundle, "json");
    const config = (): unknown => (JSON.parse(readFileSync(`${bundle.root}/json/state.json`, "utf8")) as { config: Config }).config.linux?.resources;
    const call = (stdin: string, ...words: readonly string[]): number => run(PIDBOX_OCI, ["--root", bundle.root, ...words], { stdin }).code;
    // What dockerd writes: every field that Go does not leave out.
    const docker = '{"memory":{"limit":83886080,"reservation":0,"swap":0},"cpu":{"shares":0,"quota":0,"period":0,"cpus":"","mems":""},"blockIO":{"weight":0}}';
    expect(call(docker, "update", "--resources", "-", "json")).toBe(0);
    expect(config()).toEqual({ pids: { limit: 50 }, memory: { limit: 80 << 20 } });
    expect(call('{"pids":{"limit":70}}', "update", "-r", "/dev/stdin", "json")).toBe(0);
    expect(config()).toEqual({ pids: { limit: 70 }, memory: { limit: 80 << 20 } });
    for (const bad of ["", "{", "[]", '{"pids":{"limit":"x"}}', '{"unified":{"../x":"1"}}']) expect(call(bad, "update", "-r", "-", "json")).toBe(1);
    expect(config()).toEqual({ pids: { limit: 70 }, memory: { limit: 80 << 20 } });
    expect(container.call("state", "ID").code).toBe(0);
  });
});

describe("a created container", () => {
  needs("root", "busybox")("can be paused, and is deleted without a word", () => {
    using bundle = makeBundle();
    using container = create(bundle, "created");
    expect(answer(container, "pause", "ID")).toEqual([0, undefined]);
    expect(status(container)).toBe("paused");
    // It could not hear the word: without this start would wait for ever.
    expect(answer(container, "start", "ID")).toEqual([1, "cannot start a container in the paused state"]);
    expect(answer(container, "resume", "ID")).toEqual([0, undefined]);
    expect(status(container)).toBe("created");
    expect(answer(container, "start", "ID")).toEqual([0, undefined]);
    using second = create(bundle, "created-2");
    expect(answer(second, "delete", "ID")).toEqual([0, undefined]);
  });
});
