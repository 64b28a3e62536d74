/** The table of layers against real containers: whole ones, ones that were tampered with, and those of other programs. */
import { describe, expect, test } from "bun:test";
import { chownSync, readFileSync, writeFileSync } from "node:fs";
import type { ContainerState } from "../../src/engine/store.ts";
import { MASKED_PATHS, READONLY_PATHS } from "../../src/plan/defaults.ts";
import type { Layer } from "../../src/report/layer.ts";
import { needs } from "../parts.ts";
import { busyboxRoot, type How, initOf, pidbox, type Running, start, startBox, temporary } from "./box.ts";

interface Report {
  readonly id: string;
  readonly against: string;
  readonly verdict: string;
  readonly holds: boolean;
  readonly layers: readonly Layer[];
}

function verify(reference: string | number, how: How = {}): { code: number | null; report: Report; faults: string[] } {
  const { code, out, err } = pidbox(["verify", "--format=json", String(reference)], how);
  if (out === "") throw new Error(err);
  const report = JSON.parse(out) as Report;
  return { code, report, faults: report.layers.filter((layer) => layer.ok !== "yes").map((layer) => `${layer.name} ${layer.ok}`) };
}

let count = 0;
const freshName = (): string => `verify-${process.pid}-${++count}`;
const stateFile = (id: string): string => `/run/pidbox/containers/${id}/state.json`;
const readState = (id: string): ContainerState => JSON.parse(readFileSync(stateFile(id), "utf8")) as ContainerState;

/** Runs a command in namespaces of a container, from outside: without its filter, its cgroups, its capabilities. */
function enter(init: number, namespaces: readonly string[], command: readonly string[]): readonly string[] {
  return ["nsenter", `--target=${init}`, ...namespaces.map((name) => `--${name}`), "--", ...command];
}

describe("pidbox verify", () => {
  needs("root", "busybox")("finds every layer of do and run, by name, id and PID", async () => {
    using directory = temporary();
    const image = [`dir:${busyboxRoot(directory.path)}`];
    const boxes: readonly (readonly [readonly string[], readonly string[]])[] = [
      [["do"], []], [["run", "-i", "--rm", "--read-only", "--memory=64m", "--cpus=0.5", "--cpuset-cpus=0", "--tmpfs=/scratch", `-v=${directory.path}:/data:ro`], image],
      [["run", "-i", "--rm", "--init=false", "--user=1000:1000", "--ulimit=nofile=100:200", "--cap-drop=ALL", "--rw=/"], image],
    ];
    for (const [flags, root] of boxes) {
      const name = freshName();
      await using box = await startBox([flags[0] ?? "", `--name=${name}`, ...flags.slice(1)], root);
      const { code, report, faults } = verify(name);
      expect([faults, code, report.holds, report.against]).toEqual([[], 0, true, "plan"]);
      expect(report.layers.length).toBeGreaterThan(25);
      expect(verify(report.id).report.verdict).toBe(report.verdict);
      expect(verify(initOf(box.pid)).report.id).toBe(report.id);
      expect(pidbox(["verify", name]).out).toContain(`${report.layers.length} layers, all hold.`);
    }
  });

  needs("root")("finds each promise that the container does not keep", async () => {
    const name = freshName();
    await using _box = await startBox(["do", `--name=${name}`]);
    const { id } = verify(name).report;
    const original = readState(id);
    const { blueprint } = original;
    const { config } = blueprint;
    const linux = config.linux ?? {};
    const changes: readonly (readonly [Partial<ContainerState["blueprint"]>, readonly string[]])[] = [
      [{ config: { ...config, linux: { ...linux, resources: { ...linux.resources, pids: { limit: 100 } } } } }, ["pids.max no"]],
      [{ config: { ...config, linux: { ...linux, maskedPaths: [...(linux.maskedPaths ?? []), "/etc/passwd"] } } }, ["masked paths no"]],
      [{ config: { ...config, linux: { ...linux, readonlyPaths: [...(linux.readonlyPaths ?? []), "/etc"] } } }, ["read-only paths no"]],
      [{ config: { ...config, mounts: [...(config.mounts ?? []), { destination: "/etc", type: "tmpfs", options: ["ro"] }] } }, ["mounts no"]],
      [{ config: { ...config, mounts: (config.mounts ?? []).filter((mount) => mount.destination !== "/tmp") } }, ["other mounts no"]],
      [{ config: { ...config, root: { path: "/", readonly: true } } }, ["root filesystem no"]],
      [{ config: { ...config, process: { cwd: "/", ...config.process, rlimits: [{ type: "RLIMIT_NOFILE", soft: 10, hard: 10 }] } } }, ["process limits no"]],
      [{ config: { ...config, process: { cwd: "/", ...config.process, user: { uid: 7, gid: 7 } } } }, ["users and groups no"]],
      [{ config: { ...config, process: { cwd: "/", ...config.process, oomScoreAdj: 999 } } }, ["out-of-memory score no"]],
      [{ rootfs: { kind: "overlay", source: "/", hidden: ["/etc/passwd"] } }, ["hidden paths no"]],
      [{ mapping: { uid: [{ containerID: 0, hostID: 5, size: 10 }], gid: [], writer: { kind: "direct" } } }, ["user map no", "group map no"]],
    ];
    for (const [change, expected] of changes) {
      writeFileSync(stateFile(id), JSON.stringify({ ...original, blueprint: { ...blueprint, ...change } }));
      const { code, faults, report } = verify(name);
      expect([faults, code, report.holds]).toEqual([[...expected], 2, false]);
    }
    writeFileSync(stateFile(id), JSON.stringify(original));
    expect(verify(name).faults).toEqual([]);
  });

  needs("root", "busybox")("finds capabilities beyond those that were promised", async () => {
    using directory = temporary();
    const name = freshName();
    await using _box = await startBox(["run", "-i", "--rm", `--name=${name}`], [`dir:${busyboxRoot(directory.path)}`]);
    const state = readState(verify(name).report.id);
    const text = JSON.stringify(state).replaceAll(',"CAP_KILL"', "");
    writeFileSync(stateFile(state.id), text);
    expect(verify(name).faults).toEqual(["capabilities no"]);
  });

  needs("root")("finds a process that came in from outside, whatever namespaces it joined", async () => {
    const name = freshName();
    await using box = await startBox(["do", `--name=${name}`]);
    const init = initOf(box.pid);
    const say = ["/bin/sh", "-c", "echo up; exec cat"];
    {
      await using _inside = await start(enter(init, ["user", "mount", "pid", "net", "ipc", "uts", "cgroup", "time"], say));
      const { code, faults } = verify(name);
      expect(code).toBe(2);
      for (const layer of ["seccomp no", "no new privileges no", "capabilities no", "cgroups no", "process limits no"]) expect(faults).toContain(layer);
    }
    {
      await using _half = await start(enter(init, ["pid"], say));
      const { faults } = verify(name);
      for (const layer of ["mount namespace no", "user namespace no", "root and directory no", "users and groups no"]) expect(faults).toContain(layer);
    }
    expect(verify(name).faults).toEqual([]);
  });

  needs("root")("finds a process of the host that was put into the container's cgroup", async () => {
    const name = freshName();
    await using _box = await startBox(["do", `--name=${name}`]);
    const [cgroup] = readState(verify(name).report.id).cgroups;
    await using stranger = await start(["/bin/sh", "-c", "echo up; exec cat"]);
    writeFileSync(`${cgroup ?? ""}/cgroup.procs`, String(stranger.pid));
    const { faults } = verify(name);
    expect(faults).toContain("membership no");
    expect(faults).toContain("PID namespace no");
  });

  needs("root")("finds a limit that was raised, and a mount that was made, behind the container's back", async () => {
    const name = freshName();
    await using box = await startBox(["do", `--name=${name}`]);
    const { cgroups } = readState(verify(name).report.id);
    const file = cgroups.map((directory) => `${directory}/pids.max`).find((path) => readFileSync(path, { encoding: "utf8", flag: "r" }) !== "") ?? "";
    writeFileSync(file, "5000");
    expect(verify(name).faults).toEqual(["pids.max no"]);
    writeFileSync(file, "10");
    expect(verify(name).faults).toEqual([]);
    const mounted = Bun.spawnSync([...enter(initOf(box.pid), ["mount"], ["mount", "-t", "tmpfs", "none", "/usr/local"])]);
    expect(mounted.stderr.toString()).toBe("");
    expect(verify(name).faults).toEqual(["other mounts no"]);
  });

  needs("root")("lists what was given up, and then does not call the wall whole", async () => {
    const name = freshName();
    await using _box = await startBox(["do", `--name=${name}`, "--unsafe=uts-host", "--uts=host"]);
    const { code, report, faults } = verify(name);
    expect([code, report.holds, faults]).toEqual([2, false, ["unsafe: uts-host no"]]);
    expect(report.verdict).toEndWith("1 given up at the start by name");
    expect(pidbox(["ps", "--filter", `name=${name}`]).out).toContain("unsafe: uts-host");
  });

  needs("root")("does not blame a container for one that joined its PID namespace", async () => {
    const [host, guest] = [freshName(), freshName()];
    await using _host = await startBox(["do", `--name=${host}`]);
    await using _guest = await startBox(["do", `--name=${guest}`, `--pid=container:${host}`]);
    expect([verify(host).faults, verify(guest).faults]).toEqual([[], []]);
  });

  needs("root", "uidmap")("is the same for a user without privileges", async () => {
    using directory = temporary();
    chownSync(directory.path, 65534, 65534);
    const how = { through: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], env: { XDG_RUNTIME_DIR: directory.path } };
    const name = freshName();
    await using _box = await startBox(["do", `--name=${name}`, "--allow-degraded=cgroups"], [], how);
    const { code, report, faults } = verify(name, how);
    expect([code, faults, report.against]).toEqual([2, ["allow-degraded: cgroups no"], "plan"]);
    expect(report.layers.filter((layer) => layer.ok === "yes").length).toBeGreaterThan(20);
    // Root has another state directory, so it knows no plan; the kernel tells it the same all the same.
    const asRoot = verify(report.id.slice(0, 12) === "" ? name : initOf(_box.pid));
    expect(asRoot.report.against).toBe("strict profile");
    expect(asRoot.faults).toEqual(expect.arrayContaining(["pids limit no", "memory limit no"]));
  });

  test("has nothing to say of a container that is not there", () => {
    expect(pidbox(["verify", "no-such-container"])).toMatchObject({ code: 1, out: "" });
  });
});

describe("pidbox verify of other programs' containers, against the strict profile", () => {
  async function faultsOf(container: Running): Promise<string[]> {
    const { code, report, faults } = verify(initOf(container.pid));
    expect([code, report.against]).toEqual([2, "strict profile"]);
    expect(faults.filter((fault) => fault.endsWith("unknown"))).toEqual([]);
    return Promise.resolve(faults);
  }

  needs("root", "bubblewrap")("bubblewrap: namespaces but no filter, no limits, no masks", async () => {
    await using container = await start(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "/bin/sh", "-c", "echo up; exec cat"]);
    const faults = await faultsOf(container);
    expect(faults).toEqual(expect.arrayContaining(["seccomp no", "masked paths no", "pids limit no", "user map no", "time namespace no"]));
    expect(faults).not.toContain("network namespace no");
    expect(faults).not.toContain("procfs no");
  });

  needs("root")("unshare: a host root that sees its own processes only", async () => {
    await using container = await start(["unshare", "--pid", "--fork", "--mount-proc", "/bin/sh", "-c", "echo up; exec cat"]);
    expect(await faultsOf(container)).toEqual(expect.arrayContaining(["user namespace no", "network namespace no", "capabilities no", "user map no", "seccomp no"]));
  });

  needs("root")("unshare without a procfs of its own: the host's shows through", async () => {
    await using container = await start(["unshare", "--pid", "--mount", "--fork", "/bin/sh", "-c", "echo up; exec cat"]);
    expect(await faultsOf(container)).toContain("procfs no");
  });

  needs("root", "runc", "busybox")("runc: masked paths that a config leaves open", async () => {
    using directory = temporary();
    busyboxRoot(directory.path);
    const mounts = [{ destination: "/proc", type: "proc", source: "proc" }, { destination: "/dev", type: "tmpfs", source: "tmpfs" }];
    const own = { args: ["/bin/sh", "-c", "echo up; exec cat"], cwd: "/", user: { uid: 0, gid: 0 }, env: ["PATH=/bin"], terminal: false, noNewPrivileges: true };
    const linux = (masks: boolean): object => ({
      namespaces: ["pid", "mount", "ipc", "uts", "network", "cgroup"].map((type) => ({ type })), cgroupsPath: `/pidbox-verify-${process.pid}`, resources: { pids: { limit: 50 } },
      ...(masks ? { maskedPaths: MASKED_PATHS, readonlyPaths: READONLY_PATHS } : {}),
    });
    for (const masks of [false, true]) {
      writeFileSync(`${directory.path}/config.json`, JSON.stringify({ ociVersion: "1.0.2", process: own, root: { path: "rootfs", readonly: true }, mounts, linux: linux(masks) }));
      await using container = await start(["runc", "--root", `${directory.path}/state`, "run", `verify-${process.pid}`], { cwd: directory.path });
      const faults = await faultsOf(container);
      expect(faults).toEqual(expect.arrayContaining(["user namespace no", "seccomp no", "memory limit no"]));
      for (const fault of ["pids limit no", "capabilities no", "no new privileges no", "network namespace no"]) expect(faults).not.toContain(fault);
      expect([faults.includes("masked paths no"), faults.includes("read-only paths no")]).toEqual([!masks, !masks]);
    }
  });
});

describe("--verify of do and run", () => {
  needs("root", "busybox")("prints the table first and then starts the program", () => {
    using directory = temporary();
    const image = `dir:${busyboxRoot(directory.path)}`;
    for (const flags of [["do", "--verify"], ["run", "--rm", "--verify", "--init=false", image], ["run", "--rm", "--verify", "--read-only", image]]) {
      const { code, out, err } = pidbox([...flags, "/bin/sh", "-c", "echo started; echo last >&2; exit 7"]);
      expect([code, out]).toEqual([7, "started\n"]);
      expect(err).toMatch(/^[0-9a-f]{12}: \d+ layers, all hold\.\n/);
      expect(err).toEndWith("\nlast\n");
    }
  });

  needs("root")("starts nothing when a layer does not hold, and leaves nothing behind", () => {
    const name = freshName();
    // The second tmpfs lies over the first, which was promised to be read-only.
    const { code, out, err } = pidbox(["do", "--verify", `--name=${name}`, "--tmpfs=/x:ro", "--tmpfs=/x", "echo", "started"]);
    expect([code, out]).toEqual([125, ""]);
    expect(err).toContain(`${name}: `);
    expect(err).toContain("1 does not hold");
    expect(err).toContain("/x is without ro");
    expect(err).toContain("so the program was not started [LAUNCH_FAILED]");
    expect(pidbox(["ps", "-a", "--filter", `name=${name}`, "-q"]).out).toBe("");
    expect(pidbox(["do", `--name=${name}`, "true"])).toMatchObject({ code: 0 });
  });

  needs("root")("starts what was given up by name, and shows it", () => {
    const { code, out, err } = pidbox(["do", "--verify", "--unsafe=uts-host", "--uts=host", "echo", "started"]);
    expect([code, out]).toEqual([0, "started\n"]);
    expect(err).toContain("1 given up at the start by name");
    expect(err).toContain("--unsafe=uts-host");
  });

  needs("root")("says why a container failed before it could be verified", () => {
    const { code, err } = pidbox(["do", "--verify", "--workdir=/etc/passwd", "true"]);
    expect(code).toBe(125);
    expect(err).not.toContain("layers");
  });

  needs("root", "uidmap")("works for a user without privileges", () => {
    using directory = temporary();
    chownSync(directory.path, 65534, 65534);
    const how = { through: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], env: { XDG_RUNTIME_DIR: directory.path } };
    const { code, out, err } = pidbox(["do", "--verify", "--allow-degraded=cgroups", "echo", "started"], how);
    expect([code, out]).toEqual([0, "started\n"]);
    expect(err).toContain("1 given up at the start by name");
  });
});
