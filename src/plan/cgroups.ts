/**
 * Stage: the container's cgroups and their limits, on v1, v2 and hybrid hosts (Documentation/admin-guide/cgroup-v1, cgroup-v2.rst). Pure.
 */
import { AT, CLONE, ERRNO, OPEN } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Limit } from "./cgroup-limit.ts";
import { moveIn, openBirthPlace } from "./birth.ts";
import type { BirthPlace } from "./birth.ts";
import { attachDeviceProgram, containerDevices } from "./cgroup-devices.ts";
import { delegateCgroup } from "./cgroup-owner.ts";
import { cgroupBase, cgroupPath, devicePlacement, placementsOf } from "./cgroup-placement.ts";
import type { CgroupPath, CgroupPlacement } from "./cgroup-placement.ts";
import { deviceWrites } from "./device-rules.ts";
import type { DevicePolicy } from "./device-rules.ts";
import { writeFile, writeText } from "./file.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import type { Label } from "./writer.ts";

/** What the container's own ops need to enter its cgroups, and what the clean-up removes. */
export interface CgroupHandles {
  /** Registers of `tasks` files to join (v1). */
  readonly join: readonly number[];
  /** The v2 cgroup. */
  readonly into: BirthPlace | undefined;
  readonly directories: readonly string[];
  /** Data addresses of 1 for each directory that this plan made: others stay after a failure. Absent: all are its own. */
  readonly made?: readonly number[];
  readonly placements: readonly CgroupPlacement[];
}

function openFile(c: Compilation, dir: number, file: string, flags: number = OPEN.WRONLY): number {
  const fd = c.writer.register();
  c.writer.call(SYSCALLS.openat, dir, c.writer.text(file), flags | OPEN.CLOEXEC).into(fd);
  return fd;
}

/** `limit.file`, or its other name where the kernel does not have that. */
function writeLimit(c: Compilation, dir: number, limit: Limit): void {
  const { writer: w } = c;
  w.from(limit.from);
  if (limit.otherwise === undefined) return writeFile(w, dir, limit.file, limit.value);
  const [other, done] = [w.label(), w.label()];
  const fd = openFile(c, dir, limit.file);
  w.tolerate(ERRNO.ENOENT).jumpError(other, fd);
  writeText(w, fd, limit.value).close(fd).jump(done).place(other);
  writeFile(w, dir, limit.otherwise.file, limit.otherwise.value);
  w.place(done);
}

/** The supervisor leaves a delegated cgroup for a leaf of it, because one with processes cannot hand controllers down (v2, "no internal processes"). */
function moveToLeaf(c: Compilation, leaf: string): void {
  const { writer: w } = c;
  w.from("cgroup.subtree_control");
  w.call(SYSCALLS.mkdirat, AT.FDCWD, w.text(leaf), 0o755).tolerate(ERRNO.EEXIST);
  const dir = openDirectory(c, leaf);
  writeFile(w, dir, "cgroup.procs", "0");
  w.close(dir);
}

interface WantedControllers {
  /** What limits need, and what counts memory and tasks. */
  readonly needed: readonly string[];
  /** Good to have: one that the kernel does not hand down here (cpu beside real-time tasks, cpuset without memory nodes) is passed over. */
  readonly welcome: readonly string[];
}

/** Hands down what the directory at `path` does not hand down yet. A write that changes nothing would still wait for every dying cgroup below. */
function enableControllers(c: Compilation, path: string, wanted: WantedControllers, handedDown: readonly string[]): void {
  const { writer: w } = c;
  const [needed, welcome] = [wanted.needed, wanted.welcome].map((names) => names.filter((name) => !handedDown.includes(name)).map((name) => `+${name}`));
  if (needed === undefined || welcome === undefined || needed.length + welcome.length === 0) return;
  w.from("cgroup.subtree_control");
  const dir = openDirectory(c, path);
  if (needed.length > 0) writeFile(w, dir, "cgroup.subtree_control", needed.join(" "));
  if (welcome.length > 0) {
    const fd = openFile(c, dir, "cgroup.subtree_control");
    const [all, result] = [welcome.join(" "), w.register()];
    const done = w.label();
    w.call(SYSCALLS.write, fd, w.text(all), all.length).flags(FLAG.IGNORE).into(result);
    const each = w.label();
    w.jumpError(each, result).jump(done).place(each);
    for (const word of welcome.length > 1 ? welcome : []) w.call(SYSCALLS.write, fd, w.text(word), word.length).flags(FLAG.IGNORE);
    w.place(done).close(fd).release(result);
  }
  w.close(dir);
}

const ALWAYS_V2 = ["pids", "memory"];

/** A controller that is switched on is on for the siblings too, so `do` and `run` want only what they use; other engines expect all, as runc gives. */
function wantedControllers({ hierarchy, limits }: CgroupPlacement, every: boolean): WantedControllers {
  const limited = limits.map((limit) => limit.controller);
  const needed = hierarchy.controllers.filter((name) => limited.includes(name) || (!every && ALWAYS_V2.includes(name)));
  return { needed, welcome: every ? hierarchy.controllers.filter((name) => !needed.includes(name)) : [] };
}

function openDirectory(c: Compilation, path: string): number {
  const dir = c.writer.register();
  c.writer.call(SYSCALLS.openat, AT.FDCWD, c.writer.text(path), OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).into(dir);
  return dir;
}

/** A v1 cpuset begins empty, and takes neither processes nor values that its parent lacks (cgroup-v1/cpusets.rst). One that has values keeps them. */
function inheritCpuset(c: Compilation, path: string): void {
  const { writer: w } = c;
  const [dir, length] = [openDirectory(c, path), w.register()];
  const value = w.room(4096);
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    const own = openFile(c, dir, file, OPEN.RDWR);
    const there = w.label();
    // An empty list is a newline alone.
    w.call(SYSCALLS.pread64, own, value, 1, 1).into(length).jumpSet(there, length);
    const parent = openFile(c, dir, `../${file}`, OPEN.RDONLY);
    w.call(SYSCALLS.read, parent, value, 4096).into(length).close(parent);
    w.call(SYSCALLS.write, own, value, length);
    w.place(there).close(own);
  }
  w.close(dir).release(length);
}

/** The byte at `offset` of a file must be `wanted`; an empty file is "". */
function expectByte(c: Compilation, dir: number, file: string, offset: number, wanted: string): void {
  const { writer: w } = c;
  const [fd, found, byte] = [openFile(c, dir, file, OPEN.RDONLY), w.register(), w.room(8)];
  w.call(SYSCALLS.pread64, fd, byte, 1, offset).into(found).close(fd);
  if (wanted === "") w.expect(found, 0);
  else w.load(found, byte, 1).expect(found, wanted.charCodeAt(0));
  w.release(found);
}

/** A cgroup that was there before is taken if nobody is in it and it is not frozen: the container would share limits, or never get to its exec. */
function takeExisting(c: Compilation, path: string, { hierarchy }: CgroupPlacement): void {
  const { writer: w } = c;
  const dir = openDirectory(c, path);
  w.from(`cgroup in use: ${path}`);
  if (hierarchy.version === 2) expectByte(c, dir, "cgroup.events", "populated ".length, "0");
  else expectByte(c, dir, "cgroup.procs", 0, "");
  w.from(`cgroup frozen: ${path}`);
  if (hierarchy.version === 2) expectByte(c, dir, "cgroup.freeze", 0, "0");
  else if (hierarchy.controllers.includes("freezer")) expectByte(c, dir, "freezer.state", 0, "T");
  w.close(dir);
}

interface MadeDirectory {
  readonly path: string;
  /** Data address of 1 if it was not there before. */
  readonly made: number | undefined;
}

/** Makes the container's directory in one hierarchy, with those on the way to it. */
function makeDirectories(c: Compilation, placement: CgroupPlacement, { absolute, parts }: CgroupPath): MadeDirectory {
  const { writer: w, blueprint } = c;
  const { hierarchy } = placement;
  const every = blueprint.runtime !== undefined;
  const wanted = hierarchy.version === 2 ? wantedControllers(placement, every) : { needed: [], welcome: [] };
  let path = cgroupBase(hierarchy, { absolute, parts });
  let made: number | undefined;
  parts.forEach((part, i) => {
    enableControllers(c, path, wanted, hierarchy.handedDown?.[path] ?? []);
    path = `${path}/${part}`;
    w.from(`cgroup ${hierarchy.name}`);
    const last = i === parts.length - 1;
    if (last && every) {
      // Noted before it is made, so that there is no moment at which it would stay.
      made = w.room(8);
      const [result, there, done] = [w.register(), w.label(), w.label()];
      w.store(made, 1, 4).call(SYSCALLS.mkdirat, AT.FDCWD, w.text(path), 0o755).tolerate(ERRNO.EEXIST).into(result).jumpError(there, result).jump(done);
      w.place(there).store(made, 0, 4).release(result);
      // systemd has made the scope, and its holder is in it.
      if (blueprint.runtime?.scope === undefined) takeExisting(c, path, placement);
      w.place(done);
    } else w.call(SYSCALLS.mkdirat, AT.FDCWD, w.text(path), 0o755);
    if (!last) w.tolerate(ERRNO.EEXIST);
    if (hierarchy.version === 1 && hierarchy.controllers.includes("cpuset")) inheritCpuset(c, path);
  });
  return { path, made };
}

function restrictDevices(c: Compilation, dir: number, { hierarchy }: CgroupPlacement, policy: DevicePolicy): void {
  const { writer: w } = c;
  w.from("/linux/resources/devices");
  if (hierarchy.version === 2) return attachDeviceProgram(c, dir, policy);
  let [fd, open]: [number, string] = [0, ""];
  for (const { file, value } of deviceWrites(policy)) {
    if (file !== open) {
      if (open !== "") w.close(fd);
      fd = openFile(c, dir, file);
      open = file;
    }
    writeText(w, fd, value);
  }
  w.close(fd);
}

/** Supervisor's ops: make the directories, write the limits, open what the container joins by. */
export function makeCgroups(c: Compilation): CgroupHandles {
  const { writer: w, blueprint } = c;
  const placements = placementsOf(blueprint, c.facts);
  const path = cgroupPath(blueprint);
  const devices = containerDevices(blueprint, c.facts);
  const restricting = devices === undefined ? undefined : devicePlacement(placements);
  const [join, directories, made]: [number[], string[], number[]] = [[], [], []];
  let into: BirthPlace | undefined;
  for (const placement of placements) {
    const { hierarchy, limits } = placement;
    if (hierarchy.leaf !== undefined && !path.absolute) moveToLeaf(c, hierarchy.leaf);
    const directory = makeDirectories(c, placement, path);
    directories.push(directory.path);
    if (directory.made !== undefined) made.push(directory.made);
    const dir = openDirectory(c, directory.path);
    for (const limit of limits) writeLimit(c, dir, limit);
    if (devices !== undefined && placement === restricting) restrictDevices(c, dir, placement, devices);
    w.from(`cgroup ${hierarchy.name}`);
    if (hierarchy.version === 2) {
      delegateCgroup(c, dir);
      into = blueprint.runtime === undefined ? { into: dir } : openBirthPlace(c, dir);
    } else {
      // The container's process has one thread, so `tasks` is the same as cgroup.procs to it; but a thread that moves itself there does not take the lock
      // against all forks of the system, whose first writer waits for an RCU grace period (9a3284fad42f "cgroup: Optimize single thread migration"): 8 ms here.
      join.push(openFile(c, dir, "tasks"));
      w.close(dir);
    }
  }
  return { join, into, directories, placements, ...(made.length === directories.length ? { made } : {}) };
}

/** Container's ops: enter the v1 cgroups (v2 happened at clone), then make that place the root of a new cgroup namespace. */
export function enterCgroups(c: Compilation, handles: CgroupHandles, namespace: boolean): void {
  const { writer: w } = c;
  moveIn(c, handles.into);
  w.from("cgroup");
  const zero = w.text("0");
  for (const fd of handles.join) {
    w.call(SYSCALLS.write, fd, zero, 1).flags(FLAG.FULL);
    w.close(fd);
  }
  if (namespace) w.from("/linux/namespaces/cgroup").call(SYSCALLS.unshare, CLONE.NEWCGROUP);
}

export interface CgroupRemoval {
  /** After a failure those stay that were there before. */
  readonly failed: boolean;
  /** Where it goes on when one does not go; absent: whatever else failed. */
  readonly stuck?: Label;
}

/** Supervisor's ops at the end: the directories go. */
export function removeCgroups(c: Compilation, { directories, made }: CgroupHandles, { failed, stuck }: CgroupRemoval): void {
  const { writer: w } = c;
  w.from("cgroup");
  const flag = w.register();
  directories.forEach((directory, i) => {
    const [own, stays] = [w.label(), w.label()];
    const mark = failed ? made?.[i] : undefined;
    if (mark !== undefined) w.load(flag, mark, 4).jumpSet(own, flag).jump(stays).place(own);
    w.call(SYSCALLS.unlinkat, AT.FDCWD, w.text(directory), AT.REMOVEDIR).flags(FLAG.BUSY | FLAG.IGNORE);
    if (stuck !== undefined) w.into(flag).jumpError(stuck, flag);
    w.place(stays);
  });
  w.release(flag);
}
