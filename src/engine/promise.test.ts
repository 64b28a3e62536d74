import { expect, test } from "bun:test";
import { capabilityMask } from "../kernel/abi/capabilities.ts";
import type { Config, Process } from "../spec/runtime-config.ts";
import { planWall, strictWall, type Wall } from "./promise.ts";
import type { ContainerState } from "./store.ts";

const MAPPING = { uid: [{ containerID: 0, hostID: 1000, size: 100 }], gid: [{ containerID: 0, hostID: 2000, size: 100 }], writer: { kind: "direct" } } as const;
const NAMESPACES = [{ type: "user" }, { type: "pid" }, { type: "mount" }] as const;

type Parts = Partial<ContainerState["blueprint"]>;

function wall(config: Partial<Config>, parts: Parts = {}, state: Partial<ContainerState> = {}): Wall {
  const whole: Config = { ociVersion: "1.3.0", ...config, linux: { namespaces: NAMESPACES, ...config.linux } };
  const blueprint: ContainerState["blueprint"] = {
    id: "a".repeat(64), config: whole, rootfs: { kind: "overlay", source: "/r", hidden: ["/etc/shadow"] }, mapping: MAPPING, init: true,
    stdio: { kind: "inherit" }, seccomp: "strict",
    idmapped: true, landlock: true, interruptTwice: true, title: "t", unsafe: [], degraded: [], ...parts,
  };
  const hierarchy = { version: 2, controllers: ["pids"], mountPoint: "/cg", directory: "/cg/x", name: "unified" } as const;
  const placement = { hierarchy, limits: [{ controller: "pids", file: "pids.max", value: "9", from: "" }] };
  return planWall({
    version: 1, id: blueprint.id, name: "t", verb: "do", command: [], created: 0, unsafe: blueprint.unsafe, degraded: blueprint.degraded,
    remove: true, cgroups: ["/cg/x"], names: [],
    reservations: [], labels: {}, blueprint, ...state,
  }, [placement]);
}

const process = (capabilities: readonly string[], noNewPrivileges: boolean): Process => ({
  cwd: "/", noNewPrivileges, user: { uid: 5, gid: 6 }, capabilities: { bounding: capabilities, effective: [], permitted: [] },
});

test("planWall() promises what the blueprint says: namespaces, maps, filter, limits", () => {
  expect(wall({})).toMatchObject({
    against: "plan", namespaces: [{ type: "user", joined: false }, { type: "pid", joined: false }, { type: "mnt", joined: false }], seccomp: "strict",
    ids: "all",
    uidMap: [{ inside: 0, outside: 1000, count: 100 }], gidMap: [{ inside: 0, outside: 2000, count: 100 }], root: { type: "overlay", options: ["nodev"] },
    hidden: { source: "/r", paths: ["/etc/shadow"] }, cgroups: ["/cg/x"], limits: [{ name: "pids.max", path: "/cg/x/pids.max", value: "9" }],
    init: true, ownProc: true,
  });
});

test("planWall() promises no more capabilities than a set-uid program could bring back", () => {
  const names = ["CAP_KILL"];
  const mask = capabilityMask(names);
  expect(wall({ process: process(names, true) }).capabilities).toEqual({ bounding: mask, permitted: 0n, effective: 0n, inheritable: 0n, ambient: 0n });
  expect(wall({ process: process(names, false) }).capabilities).toEqual({ bounding: mask, permitted: mask, effective: mask, inheritable: 0n, ambient: 0n });
});

test("planWall() promises one user only where nothing can change it", () => {
  expect(wall({ process: process(["CAP_KILL"], true) }).user).toEqual({ uid: 5, gid: 6 });
  expect(wall({ process: process(["CAP_SETUID"], true) }).user).toBeUndefined();
  expect(wall({ process: process(["CAP_KILL"], false) }).user).toBeUndefined();
});

test("planWall() promises each mount with the options that keep something out", () => {
  const mounts = [
    { destination: "/proc", type: "proc", options: ["nosuid", "noexec", "subset=pid"] },
    { destination: "/data", type: "bind", source: "/d", options: ["rbind", "ro", "nodev", "idmap"] },
    { destination: "/old", type: "bind", source: "/d", options: ["bind", "ro", "rw"] },
    { destination: "/sys/fs/cgroup", type: "cgroup", options: ["ro"] },
  ];
  expect(wall({ mounts }).mounts).toEqual([
    { destination: "/proc", type: "proc", options: ["nosuid", "noexec"], superOptions: ["subset=pid"], recursive: false },
    { destination: "/data", options: ["ro", "nodev", "idmapped"], superOptions: [], recursive: true },
    { destination: "/old", options: [], superOptions: [], recursive: false },
    { destination: "/sys/fs/cgroup", options: ["ro"], superOptions: [], recursive: true },
  ]);
  expect(wall({ mounts: mounts.slice(1, 2) }, { degraded: ["idmap"] }).mounts).toMatchObject([{ options: ["ro", "nodev"] }]);
});

test("planWall() of a bind root asks for an id map on it, of an assembled one for a read-only tmpfs", () => {
  expect(wall({}, { rootfs: { kind: "bind", source: "/r" } }).root).toEqual({ options: ["nodev", "idmapped"] });
  const entries = [{ kind: "bind", path: "/usr" }, { kind: "link", path: "/bin", target: "usr/bin" }] as const;
  const assembled = wall({ root: { path: "/", readonly: true } }, { rootfs: { kind: "assembled", entries } });
  expect(assembled.root).toEqual({ type: "tmpfs", options: ["nodev", "ro"] });
  expect(assembled.mounts).toEqual([{ destination: "/usr", options: ["ro", "nosuid", "nodev"], superOptions: [], recursive: true }]);
});

test("planWall() of a joined user namespace promises that one, and no map of its own", () => {
  const joined = wall({ linux: { namespaces: [{ type: "user", path: "/proc/9/ns/user" }, { type: "pid", path: "/proc/9/ns/pid" }] } });
  expect(joined.namespaces).toEqual([{ type: "user", joined: true }, { type: "pid", joined: true }]);
  expect(joined.uidMap).toBeUndefined();
});

test("planWall() names what was given up", () => {
  const waived = [{ flag: "--unsafe", name: "mount" }, { flag: "--allow-degraded", name: "proc" }];
  expect(wall({}, { unsafe: ["mount"], degraded: ["proc"] })).toMatchObject({ waived, ownProc: false });
});

test("strictWall() asks for every namespace that this kernel has, and for no capability", () => {
  const strict = strictWall({ user: 1, pid: 2, mnt: 3 });
  expect(strict.namespaces.map((n) => n.type)).toEqual(["user", "pid", "mnt"]);
  expect(Object.values(strict.capabilities ?? { none: 1n })).toEqual([0n, 0n, 0n, 0n, 0n]);
});
