/**
 * What pidbox-oci keeps of a container on disk: ROOT/ID with these files, and a lock on the directory itself (flock(2)).
 *
 * - `state.json`: written before anything runs; so later edits of config.json change nothing (runtime.md, "Lifecycle").
 * - `init`: the first process's line of /proc/PID/stat, there when the container is created; `init.new` until then, from the moment that there is a process.
 * - `start`: a fifo from which the first process reads the word to run its program; gone once that was given.
 * - `report`: a fifo by which the first process says that exec succeeded, by its end, or which op failed.
 * - `seccomp`: the compiled filter, for exec.
 * - `pid`: the first process's PID alone, and `start.plan`, `delete.plan`: for launcher/front.c (plan/shortcut.ts).
 *
 * No process stays with the container. A PID is believed only together with its start time.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { LOCK } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { AT_FDCWD, close, cString, listDirectory, O, open, readText, removeDirectory, replaceFile, stat, unlink } from "../kernel/file.ts";
import { parseProcessStat } from "../kernel/process-status.ts";
import { formatJson, parseJson } from "../spec/json.ts";
import type { Config } from "../spec/runtime-config.ts";
import { readFreezer } from "./cgroup-freeze.ts";
import { makeDirectory, makeTree, requireOwn, STATE } from "./own-directory.ts";

/** state.json. */
export interface RuntimeState {
  readonly version: 1;
  readonly id: string;
  /** Absolute path. */
  readonly bundle: string;
  /** Absolute path of the root file system on the host. */
  readonly rootfs: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** Uid of who created it. */
  readonly owner: number;
  readonly rootless: boolean;
  readonly config: Config;
  /** Directories of its cgroups, one for each hierarchy. */
  readonly cgroups: readonly string[];
  /** The transient scope of the systemd driver. */
  readonly systemdUnit?: string;
}

/** runtime.md, "State"; `paused` is runc's. */
export type RuntimeStatus = "creating" | "created" | "running" | "paused" | "stopped";

/** The first process of a container. */
export interface RuntimeInit {
  readonly pid: number;
  /** Clock ticks after boot: field 22 of proc_pid_stat(5). */
  readonly start: number;
}

/** Names in the directory; without the last one it is no container. */
export const RUNTIME_FILES: readonly string[] = [
  "init", "init.new", "pid", "start", "report", "seccomp", "start.plan", "delete.plan", "state.json.new", "state.json",
];
const RUN_ROOT = "/run/pidbox-oci";
const S_IFIFO = 0o010000;
const [ENOENT, EINTR, EEXIST, EROFS] = [-2, -4, -17, -30];

function failed(action: string, path: string, result: number): PidboxError {
  return new PidboxError("IO", `Cannot ${action} ${quote(path)}: ${errnoName(result)}`, { context: { path, errno: errnoName(result) } });
}

export function missing(id: string): PidboxError {
  return new PidboxError("NOT_FOUND", `container ${quote(id)} does not exist`);
}

/** The id map of the initial user namespace (uid_m_show, kernel/user_namespace.c). */
function isInitialNamespace(): boolean {
  const map = readText("/proc/self/uid_map", 4096);
  return typeof map === "string" && /^\s*0\s+0\s+4294967295\s*$/.test(map);
}

/**
 * Where state is without --root. Root of a user namespace, as rootless engines run a runtime, has the directory of the user that it stands for, unless USER
 * says that it means to be root (runc, rootless_linux.go).
 */
export function runtimeRoot(
  uid: number, environment: Readonly<Record<string, string | undefined>>, initial: () => boolean = isInitialNamespace,
): string {
  const runtime = environment["XDG_RUNTIME_DIR"];
  const given = runtime !== undefined && runtime.startsWith("/");
  if (uid === 0 && (!given || environment["USER"] === "root" || initial())) return RUN_ROOT;
  return given ? `${runtime}/pidbox-oci` : `/tmp/pidbox-oci-${uid}`;
}

/**
 * The same, made if need be and the caller's alone: what is in it says which hooks to run and which processes to signal. It is made for those who only look,
 * too, for another user could make it between the check and the look. Throws POSSIBLE_ATTACK for one that another user could have prepared, IO.
 */
export function ownRuntimeRoot(uid: number, environment: Readonly<Record<string, string | undefined>>): string {
  const root = runtimeRoot(uid, environment);
  // Only root can make that one.
  if (root === RUN_ROOT) return root;
  const made = makeDirectory(root, 0o700);
  // Without a parent, or where nothing can be written, nobody has one there.
  if (requireOwn(root, uid, STATE) === undefined && made !== ENOENT && made !== EROFS) throw failed("make the state directory", root, made);
  return root;
}

/** An open, locked directory of a container. The lock ends when the descriptor is closed, by every holder of it. */
export interface LockedContainer {
  readonly directory: string;
  /** Owned by the caller. */
  readonly lock: number;
}

/** Waits for the lock of `directory`. Returns undefined if that container is gone; another one may have its place. Throws IO. */
function lock(directory: string): LockedContainer | undefined {
  const fd = open(directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (fd === ENOENT) return undefined;
  if (fd < 0) throw failed("open the state of the container", directory, fd);
  let result = syscall(SYSCALLS.flock, fd, LOCK.EX);
  while (result === EINTR) result = syscall(SYSCALLS.flock, fd, LOCK.EX);
  const [held, named] = [stat(`/proc/self/fd/${fd}`), stat(directory)];
  const same = typeof held !== "number" && typeof named !== "number" && held.inode === named.inode;
  if (result === 0 && same) return { directory, lock: fd };
  close(fd);
  if (result < 0) throw failed("lock the container", directory, result);
  return undefined;
}

/** How often an id is tried again that another command takes away between two steps. */
const TRIES = 100;

/** Reserves an id: makes its directory, locked. Throws CONFLICT if there is one, IO. */
export function reserveContainer(root: string, id: string): LockedContainer {
  makeTree(root, 0o700, (path, result) => failed("make the state directory", path, result));
  const directory = `${root}/${id}`;
  for (let tries = 0; tries < TRIES; tries++) {
    const result = makeDirectory(directory, 0o700);
    if (result === EEXIST) throw new PidboxError("CONFLICT", `container with given ID already exists: ${quote(id)}`);
    if (result < 0) throw failed("make the state directory", directory, result);
    // `delete --force` takes a directory without state for what a killed create has left.
    const locked = lock(directory);
    if (locked !== undefined) return locked;
  }
  throw failed("lock the container", directory, ENOENT);
}

/** Locks a container that exists. Throws NOT_FOUND, IO. */
export function lockContainer(root: string, id: string): LockedContainer {
  const directory = `${root}/${id}`;
  for (let tries = 0; tries < TRIES; tries++) {
    const locked = lock(directory);
    if (locked !== undefined) return locked;
    if (typeof stat(directory) === "number") throw missing(id);
  }
  throw missing(id);
}

/** Whether a command is at work on the container, or its creation is under way. The caller's own lock counts too. */
export function isLocked(directory: string): boolean {
  const fd = open(directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (fd < 0) return false;
  // Shared, so that two who ask do not take each other for such a command.
  const result = syscall(SYSCALLS.flock, fd, LOCK.SH | LOCK.NB);
  close(fd);
  return result < 0;
}

/** Writes state.json, whole or not at all. Throws IO. */
export function writeRuntimeState(directory: string, state: RuntimeState): void {
  const path = `${directory}/state.json`;
  const result = replaceFile(path, formatJson(state), 0o600);
  if (result < 0) throw failed("write", path, result);
}

/** Makes the fifos that create and start speak through. Throws IO. */
export function makeFifos(directory: string): void {
  for (const name of ["start", "report"]) {
    const result = syscall(SYSCALLS.mknodat, AT_FDCWD, address(cString(`${directory}/${name}`)), S_IFIFO | 0o600, 0);
    if (result < 0) throw failed("make", `${directory}/${name}`, result);
  }
}

/** state.json of a container. Throws NOT_FOUND if there is none, CONFIG_INVALID if it is no state, IO if nobody can tell. */
export function readRuntimeState(root: string, id: string): RuntimeState {
  const path = `${root}/${id}/state.json`;
  const text = readText(path, 32 << 20);
  if (text === ENOENT) throw missing(id);
  if (typeof text === "number") throw failed("read", path, text);
  const state = parseJson(text, "state") as RuntimeState | null;
  if (state?.version === 1 && state.id === id) return state;
  throw new PidboxError("CONFIG_INVALID", `${quote(path)} is not the state of container ${quote(id)}`, { context: { path } });
}

function readFirst(path: string): RuntimeInit | undefined {
  const text = readText(path, 4096);
  if (typeof text === "number" || !text.includes(")")) return undefined;
  const { pid, start } = parseProcessStat(text);
  return { pid, start };
}

/** The first process of a container that was created, as the launcher noted it; undefined before that. */
export function readInit(directory: string): RuntimeInit | undefined {
  return readFirst(`${directory}/init`);
}

/** The first process of a container that is being created, or whose creation was cut off. */
export function readUnfinishedInit(directory: string): RuntimeInit | undefined {
  return readFirst(`${directory}/init.new`);
}

/** Whether this very process still runs: a zombie does not. */
export function isAlive({ pid, start }: RuntimeInit): boolean {
  const text = readText(`/proc/${pid}/stat`, 4096);
  if (typeof text === "number") return false;
  const now = parseProcessStat(text);
  return now.start === start && now.state !== "Z" && now.state !== "X";
}

/**
 * A descriptor of the first process, which the caller owns, or -errno; -ESRCH (-3) if it is gone. The start time is looked at after the descriptor is there,
 * so it is this process and no other with its number.
 */
export function openInit(init: RuntimeInit): number {
  const fd = syscall(SYSCALLS.pidfd_open, init.pid, 0);
  if (fd < 0 || isAlive(init)) return fd;
  close(fd);
  return -3;
}

/**
 * Whether the first process waits for the word to start: it alone has the fifo open. A start that was killed between the word and the removal of the fifo
 * leaves one that nobody reads any more (fifo(7): ENXIO).
 */
function isWaiting(directory: string): boolean {
  const fd = open(`${directory}/start`, O.WRONLY | O.NONBLOCK | O.NOFOLLOW);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

/** Where a container is in its life. */
export interface RuntimeLife {
  readonly status: RuntimeStatus;
  /** Its first process, while that lives. */
  readonly init?: RuntimeInit;
}

export function readRuntimeLife(directory: string, cgroups: readonly string[]): RuntimeLife {
  const init = readInit(directory);
  // Whoever creates it holds its lock; without that nobody will ever finish it.
  if (init === undefined) return { status: isLocked(directory) ? "creating" : "stopped" };
  if (!isAlive(init)) return { status: "stopped" };
  // A created one that is frozen cannot be started: it would not hear the word.
  if (readFreezer(cgroups) === "frozen") return { status: "paused", init };
  return { status: isWaiting(directory) ? "created" : "running", init };
}

/** Ids of all containers below `root`, sorted. */
export function listRuntimeContainers(root: string): string[] {
  const entries = listDirectory(root);
  return typeof entries === "number" ? [] : entries.filter((entry) => entry.type === 4).map((entry) => entry.name).sort();
}

/** Removes the files and directory of a container; the caller has seen to its processes and cgroups. */
export function removeRuntimeState(directory: string): void {
  for (const file of RUNTIME_FILES) unlink(`${directory}/${file}`);
  removeDirectory(directory);
}
