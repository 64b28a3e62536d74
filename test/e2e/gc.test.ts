/** What is left when a supervisor is killed, and that gc takes all of it and nothing else. Other containers may run on this host meanwhile. */
import { describe, expect, test } from "bun:test";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, symlinkSync, utimesSync } from "node:fs";
import { basename, dirname } from "node:path";
import { readHost } from "../../src/engine/host.ts";
import type { ContainerState } from "../../src/engine/store.ts";
import { needs } from "../parts.ts";
import { busyboxRoot, initOf, pidbox, recorded, startBox, temporary } from "./box.ts";

const STORE = "/run/pidbox";
const PIDBOX = new URL("../../dist/pidbox", import.meta.url).pathname;

interface Removed {
  readonly kind: string;
  readonly id: string;
  readonly path: string;
  readonly left?: readonly string[];
}

/** What gc says of one container. */
function gc(id: string, ...flags: readonly string[]): Removed[] {
  const { out } = pidbox(["gc", "--format=json", ...flags]);
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Removed).filter((garbage) => garbage.id === id);
}

function idOf(name: string): string {
  const { out, err } = pidbox(["ps", "-a", "-q", "--no-trunc", "--filter", `name=${name}`]);
  if (!/^[0-9a-f]{64}\n$/.test(out)) throw new Error(`${out}${err}`);
  return out.trim();
}

const stateOf = (id: string): ContainerState => JSON.parse(readFileSync(`${STORE}/containers/${id}/state.json`, "utf8")) as ContainerState;

/** Everything that a container has on the host. */
function traces(state: ContainerState): string[] {
  const links = [...state.names, ...state.reservations].filter((path) => readdirSync(dirname(path)).includes(basename(path)));
  return [...[`${STORE}/containers/${state.id}`, ...state.cgroups].filter((path) => existsSync(path)), ...links];
}

/** A file of /proc that may go at any moment. */
function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const isAlive = (pid: number): boolean => /^State:\t[^ZX]/m.test(text(`/proc/${pid}/status`));
const freshName = (what: string): string => `gc-${what}-${process.pid}`;

describe("pidbox gc", () => {
  needs("root")("after SIGKILL of the supervisor: removes state, cgroups, name and id range, and says so", async () => {
    const name = freshName("killed");
    await using box = await startBox(["do", `--name=${name}`]);
    const state = stateOf(idOf(name));
    const init = initOf(box.pid);
    expect(gc(state.id, "--all")).toEqual([]);
    expect(traces(state).length).toBeGreaterThan(4);
    process.kill(box.pid, "SIGKILL");
    await box.ended;
    expect(pidbox(["ps", "-a", "--filter", `name=${name}`]).out).toContain("its supervisor was killed: pidbox gc removes it");
    expect(gc(state.id, "--dry-run")).toMatchObject([{ kind: "container" }]);
    expect(existsSync(`${STORE}/containers/${state.id}`)).toBe(true);
    expect(gc(state.id)).toEqual([{ kind: "container", path: `${STORE}/containers/${state.id}`, id: state.id, why: "its supervisor was killed" } as Removed]);
    expect([traces(state), isAlive(init), gc(state.id)]).toEqual([[], false, []]);
    expect(pidbox(["do", `--name=${name}`, "true"])).toMatchObject({ code: 0 });
  });

  needs("root")("kills processes that outlived the supervisor in a PID namespace that is not their own", async () => {
    const [host, guest] = [freshName("host"), freshName("guest")];
    await using _host = await startBox(["do", `--name=${host}`]);
    const script = "sh -c 'echo up; exec sleep 1000' & wait";
    const child = Bun.spawn([PIDBOX, "do", `--name=${guest}`, `--pid=container:${host}`, "sh", "-c", script], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
    await child.stdout.getReader().read();
    const state = stateOf(idOf(guest));
    const procs = (cgroup: string): string => (existsSync(cgroup) ? readFileSync(`${cgroup}/cgroup.procs`, "utf8") : "");
    const members = (): string[] => state.cgroups.flatMap((cgroup) => procs(cgroup).split("\n").filter((word) => word !== ""));
    await recorded(child.pid);
    process.kill(child.pid, "SIGKILL");
    await child.exited;
    // The main child dies with its supervisor; its own child does not.
    expect(members().length).toBeGreaterThan(0);
    expect(gc(state.id)).toMatchObject([{ kind: "container" }]);
    expect([traces(state), members()]).toEqual([[], []]);
    expect(pidbox(["verify", host]).code).toBe(0);
  });

  needs("root", "busybox")("keeps the record of a container that ended, until all are to go", () => {
    using directory = temporary();
    const name = freshName("ended");
    const image = `dir:${busyboxRoot(directory.path)}`;
    expect(pidbox(["run", `--name=${name}`, image, "sh", "-c", "exit 3"]).code).toBe(3);
    const state = stateOf(idOf(name));
    expect(pidbox(["ps", "-a", "--filter", `name=${name}`]).out).toContain("Exited (3)");
    expect(pidbox(["ps", "--filter", `name=${name}`, "-q"]).out).toBe("");
    expect(gc(state.id)).toEqual([]);
    expect(pidbox(["run", `--name=${name}`, image, "true"]).err).toContain("CONFLICT");
    expect(gc(state.id, "--all")).toMatchObject([{ kind: "record" }]);
    expect(traces(state)).toEqual([]);
    expect(pidbox(["run", "--rm", `--name=${name}`, image, "true"]).code).toBe(0);
  });

  needs("root")("removes cgroups, names and directories that belong to no container, once they are not fresh", () => {
    const id = "f".repeat(60) + process.pid.toString(16).padStart(4, "0").slice(-4);
    const [hierarchy] = readHost().facts.cgroups;
    const cgroup = `${hierarchy?.directory ?? ""}/pidbox/${id}`;
    const directory = `${STORE}/containers/${id}`;
    mkdirSync(cgroup, { recursive: true });
    try {
      expect(gc(id)).toEqual([]);
      utimesSync(cgroup, 1, 1);
      symlinkSync(id, `${STORE}/names/${freshName("link")}`);
      expect(gc(id).map((garbage) => garbage.kind)).toEqual(["cgroup", "name"]);
      expect(existsSync(cgroup)).toBe(false);
      mkdirSync(directory);
      expect(gc(id)).toEqual([]);
      utimesSync(directory, 1, 1);
      expect(gc(id)).toMatchObject([{ kind: "directory", path: directory }]);
    } finally {
      for (const path of [cgroup, directory]) if (existsSync(path)) rmdirSync(path);
    }
  });

  needs("root")("SIGKILL at any moment of a start leaves nothing after it", async () => {
    using directory = temporary();
    // A store of its own, so that nothing of other containers on this host is touched or waited for.
    const through = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /run && exec "$@"', directory.path];
    for (let i = 0; i < 24; i++) {
      const child = Bun.spawn([...through, PIDBOX, "do", `--name=moment-${i}`, "sleep", "1000"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
      // From before the state directory is there to after the program runs.
      const late = setTimeout(() => child.kill("SIGKILL"), i * 2);
      await child.exited;
      clearTimeout(late);
    }
    // How far the others came is up to the machine, and each start looks after some of those before it; this one runs.
    const last = await startBox(["do", "--name=moment-last"], [], { through });
    process.kill(last.pid, "SIGKILL");
    await last.ended;
    const store = `${directory.path}/pidbox`;
    const ids = readdirSync(`${store}/containers`);
    expect(ids.length).toBeGreaterThan(0);
    // Those that had not begun to run are told from a start in progress by their age alone.
    for (const id of ids) utimesSync(`${store}/containers/${id}`, 1, 1);
    expect(pidbox(["gc"], { through })).toMatchObject({ code: 0, err: "" });
    expect(["containers", "names", "ids"].flatMap((folder) => readdirSync(`${store}/${folder}`))).toEqual([]);
    expect(readHost().facts.cgroups.flatMap((hierarchy) => ids.filter((id) => existsSync(`${hierarchy.directory}/pidbox/${id}`)))).toEqual([]);
    const cgroupsOf = (pid: string): string => text(`/proc/${pid}/cgroup`);
    const living = readdirSync("/proc").filter((pid) => /^[0-9]+$/.test(pid) && isAlive(Number(pid)));
    expect(living.filter((pid) => ids.some((id) => cgroupsOf(pid).includes(id)))).toEqual([]);
  });

  needs("root", "uidmap")("cleans up for a user without privileges, and leaves root's containers alone", async () => {
    using directory = temporary();
    chownSync(directory.path, 65534, 65534);
    const how = { through: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], env: { XDG_RUNTIME_DIR: directory.path } };
    const [name, other] = [freshName("rootless"), freshName("other")];
    await using _other = await startBox(["do", `--name=${other}`]);
    await using box = await startBox(["do", `--name=${name}`, "--allow-degraded=cgroups"], [], how);
    const init = initOf(box.pid);
    process.kill(box.pid, "SIGKILL");
    await box.ended;
    expect(pidbox(["gc"], how).out).toContain("its supervisor was killed");
    expect([isAlive(init), readdirSync(`${directory.path}/pidbox/containers`), readdirSync(`${directory.path}/pidbox/names`)]).toEqual([false, [], []]);
    expect(pidbox(["verify", other]).code).toBe(0);
  });

  test("has nothing to do where pidbox never ran", () => {
    using directory = temporary();
    const through = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
    expect(pidbox(["gc"], { through, env: { XDG_RUNTIME_DIR: `${directory.path}/none` } })).toEqual({ code: 0, out: "Nothing was left behind.\n", err: "" });
  });
});
