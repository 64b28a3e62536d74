/**
 * What pidbox keeps of a container on disk: one directory each, no daemon. The supervisor holds a lock on `status` for as long as it lives, which is how the
 * living are told from the dead; names and id ranges are reserved by symbolic links, which are made whole or not at all.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { F, LOCK } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { AT_FDCWD, close, cString, listDirectory, O, open, readBytes, readLink, readText, replaceFile, stat, unlink, writeFile } from "../kernel/file.ts";
import { RECORD } from "../plan/op.ts";
import type { Blueprint, Keeping } from "../plan/blueprint.ts";
import { closeToOthers, makeDirectory, requireOwn, STATE } from "./own-directory.ts";

/** How what the container writes is kept. Sizes in bytes; without `maxSize` the file grows for ever. */
export interface LogSettings {
  readonly driver: "json-file" | "k8s-file" | "none";
  readonly maxSize?: number;
  readonly maxFiles?: number;
}

/** When a container that has ended is started again by its supervisor. `retries` 0 is any number. */
export interface RestartPolicy {
  readonly name: "no" | "on-failure" | "always" | "unless-stopped";
  readonly retries: number;
}

/** What a container needs to go on without its caller, and to be started again. */
export interface KeptSettings {
  readonly input: Keeping["input"];
  readonly log: LogSettings;
  readonly restart: RestartPolicy;
  /** The seccomp filter in base64, unless it is the built-in one of its name. */
  readonly filter?: string;
  /** Id of the container whose PID namespace it shares. */
  readonly shares?: string;
}

/** state.json. */
export interface ContainerState {
  readonly version: 1;
  readonly id: string;
  readonly name: string;
  readonly verb: string;
  readonly command: readonly string[];
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly unsafe: readonly string[];
  readonly degraded: readonly string[];
  readonly remove: boolean;
  /** Directories of its cgroups. */
  readonly cgroups: readonly string[];
  readonly names: readonly string[];
  readonly reservations: readonly string[];
  readonly cidfile?: string;
  /** Directory of its log, if it has one, and of its changes to the root filesystem on disk. */
  readonly logs?: string;
  readonly layer?: string;
  readonly kept?: KeptSettings;
  readonly labels: Readonly<Record<string, string>>;
  /** What was promised: the config, and what OCI has no words for. */
  readonly blueprint: Omit<Blueprint, "seccomp" | "state" | "executable" | "events"> & { readonly seccomp?: string };
}

/** The status file (struct plan_record). Times are milliseconds since the epoch, CPU times microseconds, `peak` KiB. */
export interface ContainerStatus {
  readonly state: "running" | "ended";
  readonly pid: number;
  readonly code: number;
  readonly signal: number;
  readonly core: boolean;
  /** Last signal that the supervisor passed on, and the PID that sent it (0: the kernel, such as Ctrl-C). */
  readonly forwarded: number;
  readonly sender: number;
  readonly started: number;
  readonly ended: number;
  readonly user: number;
  readonly system: number;
  readonly peak: number;
  /** PID of the supervisor. */
  readonly supervisor: number;
  /** Log entries that could not be written. */
  readonly lost: number;
}

const MAGIC = 0x786f6270;

/** The status file's bytes; undefined if the container never ran. Pure. */
export function parseStatus(bytes: Uint8Array): ContainerStatus | undefined {
  if (bytes.length < RECORD.size) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const i32 = (at: number): number => view.getInt32(at, true);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  const state = i32(RECORD.state);
  if (view.getUint32(RECORD.magic, true) !== MAGIC || (state !== 1 && state !== 2)) return undefined;
  return {
    state: state === 1 ? "running" : "ended", pid: i32(RECORD.pid), code: i32(RECORD.code), signal: i32(RECORD.signal), core: i32(RECORD.core) !== 0,
    forwarded: i32(RECORD.forwarded), sender: i32(RECORD.sender), started: Math.floor(u64(RECORD.started) / 1e6), ended: Math.floor(u64(RECORD.ended) / 1e6),
    user: u64(RECORD.user), system: u64(RECORD.system), peak: u64(RECORD.peak), supervisor: i32(RECORD.supervisor), lost: view.getUint32(RECORD.lost, true),
  };
}

/** The store that a container's directory is in. */
export function rootOf(directory: string): string {
  return directory.slice(0, directory.lastIndexOf("/containers/"));
}

/** What a container's root filesystem is made from, as a person would say it. */
export function imageOf({ blueprint: { rootfs } }: ContainerState): string {
  return rootfs.kind === "assembled" ? "host" : `dir:${rootfs.source}`;
}

function failed(action: string, path: string, result: number, hint?: string): PidboxError {
  const errno = errnoName(result);
  return new PidboxError("IO", `Cannot ${action} ${quote(path)}: ${errno}`, { context: { path, errno }, ...(hint === undefined ? {} : { hint }) });
}

/**
 * The directory for state: /run/pidbox for root, else in XDG_RUNTIME_DIR, else a private one in /tmp. Throws POSSIBLE_ATTACK for one that another user could
 * have prepared: what is in it says which cgroups and links to remove.
 */
export function stateRoot(uid: number, environment: Readonly<Record<string, string | undefined>>): string {
  if (uid === 0) return "/run/pidbox";
  const runtime = environment["XDG_RUNTIME_DIR"];
  const root = runtime !== undefined && runtime.startsWith("/") ? `${runtime}/pidbox` : `/tmp/pidbox-${uid}`;
  requireOwn(root, uid, STATE);
  return root;
}

/** The last one made stands for all: where it is, the others are. */
const FOLDERS = ["names", "ids", "containers"];

/** Makes the state root if need be, for its owner only. Throws IO, POSSIBLE_ATTACK. */
export function makeRoot(root: string, uid: number): void {
  // A bare root filesystem, as nested containers have, may lack /run.
  if (uid === 0) makeDirectory(root.slice(0, root.lastIndexOf("/")), 0o755);
  const make = (path: string): void => {
    const result = makeDirectory(path, 0o700);
    if (result < 0 && result !== -17) throw failed("make the state directory", path, result, "Set XDG_RUNTIME_DIR to a directory that you may write");
  };
  make(root);
  closeToOthers(root, uid, STATE);
  for (const folder of FOLDERS) make(`${root}/${folder}`);
}

/** Makes the container's directory. */
export function createDirectory(root: string, id: string, uid: number): string {
  const directory = `${root}/containers/${id}`;
  let result = makeDirectory(directory, 0o700);
  if (result === -2) {
    makeRoot(root, uid);
    result = makeDirectory(directory, 0o700);
  }
  if (result < 0) throw failed("make the state directory", directory, result);
  return directory;
}

/** Makes the link `path` -> `id`; false if there is one already. */
export function reserve(path: string, id: string): boolean {
  const result = syscall(SYSCALLS.symlinkat, address(cString(id)), AT_FDCWD, address(cString(path)));
  if (result < 0 && result !== -17) throw failed("reserve", path, result);
  return result === 0;
}

/** Takes the link `path` back if it still leads to `id`: once it was free, another container may have taken it. Returns 0, also if it does not, or -errno. */
export function release(path: string, id: string): number {
  return readLink(path) === id ? unlink(path) : 0;
}

const FULL = "Is the filesystem of the state directory full or read-only?";

export function writeState(directory: string, state: ContainerState): void {
  const path = `${directory}/state.json`;
  const json = JSON.stringify(state);
  const result = writeFile(path, json, { mode: 0o600, exclusive: true });
  if (result < 0) throw failed("write", path, result, FULL);
}

/** Puts `text` in the place of a file of the container's directory, whole or not at all. Throws IO. */
export function replaceRecord(directory: string, name: string, text: string): void {
  const path = `${directory}/${name}`;
  const result = replaceFile(path, text, 0o600);
  if (result < 0) throw failed("write", path, result, FULL);
}

function replaceState(directory: string, state: ContainerState): void {
  replaceRecord(directory, "state.json", JSON.stringify(state));
}

/** launcher/known.h writes the words of a command once. */
function whole(state: ContainerState): ContainerState {
  const process = (state.blueprint as ContainerState["blueprint"] | undefined)?.config.process;
  if (process === undefined || process.args !== undefined) return state;
  return { ...state, blueprint: { ...state.blueprint, config: { ...state.blueprint.config, process: { ...process, args: state.command } } } };
}

/** state.json of a directory, or undefined if it is not there or half written. */
export function readState(directory: string): ContainerState | undefined {
  const text = readText(`${directory}/state.json`, 32 << 20);
  if (typeof text === "number") return undefined;
  try {
    const state = JSON.parse(text) as ContainerState | null;
    return state?.version === 1 && typeof state.id === "string" ? whole(state) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function readStatus(directory: string): ContainerStatus | undefined {
  const bytes = readBytes(`${directory}/status`, 4096);
  return typeof bytes === "number" ? undefined : parseStatus(bytes);
}

/**
 * Changes the state of a container, whoever is in charge of it: those who change it wait for each other, by a lock on its directory (flock(2)). Throws IO,
 * NOT_FOUND if it is gone, and what `change` throws; nothing is changed then.
 */
export function changeState(directory: string, change: (state: ContainerState) => ContainerState): ContainerState {
  const fd = open(directory, O.RDONLY | O.DIRECTORY);
  if (fd >= 0) syscall(SYSCALLS.flock, fd, LOCK.EX);
  try {
    const state = fd < 0 ? undefined : readState(directory);
    if (state === undefined) throw new PidboxError("NOT_FOUND", "The container was removed meanwhile", { context: { path: directory } });
    const changed = change(state);
    if (changed !== state) replaceState(directory, changed);
    return changed;
  } finally {
    if (fd >= 0) close(fd);
  }
}

const F_WRLCK = 1;
const F_UNLCK = 2;
const EAGAIN = -11;

/** struct flock: i16 type, i16 whence, i64 start, i64 length (0: all), i32 pid. */
function lockRequest(): Int16Array {
  const request = new Int16Array(16);
  request[0] = F_WRLCK;
  return request;
}

/**
 * Whether somebody is in charge of this container: its supervisor, or a pidbox that starts or removes it. They hold the lock on its status file.
 * Asking takes no lock, so that it stands in nobody's way (F_OFD_GETLK, fcntl_locking(2)).
 */
export function isSupervised(directory: string): boolean {
  const fd = open(`${directory}/status`, O.RDONLY);
  if (fd < 0) return false;
  const request = lockRequest();
  const result = syscall(SYSCALLS.fcntl, fd, F.OFD_GETLK, address(request));
  close(fd);
  return result === 0 && request[0] !== F_UNLCK;
}

/**
 * Takes charge of a container: an open, locked status file, which the caller owns. It is the container's until the last descriptor of it is closed, in
 * whatever process that is. Undefined: somebody else is in charge, or the container is gone. Throws IO.
 */
export function takeCharge(directory: string): number | undefined {
  const path = `${directory}/status`;
  const fd = open(path, O.RDWR | O.CREAT | O.NOFOLLOW, 0o600);
  if (fd === -2) return undefined;
  if (fd < 0) throw failed("open the state of the container", path, fd);
  const result = syscall(SYSCALLS.fcntl, fd, F.OFD_SETLK, address(lockRequest()));
  // A file that was removed meanwhile is locked by nobody else, and no use.
  const [held, named] = [stat(`/proc/self/fd/${fd}`), stat(path)];
  if (result === 0 && typeof held !== "number" && typeof named !== "number" && held.inode === named.inode) return fd;
  close(fd);
  if (result < 0 && result !== EAGAIN && result !== -13) throw failed("lock", path, result);
  return undefined;
}

/** Ids of all containers in the store, at most `limit`. */
export function listContainers(root: string, limit?: number): string[] {
  const entries = listDirectory(`${root}/containers`, limit);
  return typeof entries === "number" ? [] : entries.map((entry) => entry.name);
}

/** The container id behind a name, an id, or a unique beginning of an id; undefined if there is none. Throws CONFLICT if several begin so. */
export function findContainer(root: string, reference: string): string | undefined {
  if (/^[A-Za-z0-9][A-Za-z0-9_.+-]*$/.test(reference)) {
    const named = readLink(`${root}/names/${reference}`);
    if (typeof named === "string" && /^[0-9a-f]{64}$/.test(named)) return named;
  }
  if (!/^[0-9a-f]{3,64}$/.test(reference)) return undefined;
  const found = listContainers(root).filter((id) => id.startsWith(reference));
  if (found.length > 1) throw new PidboxError("CONFLICT", `More than one container id begins with ${quote(reference)}`, { hint: "Give more digits" });
  return found[0];
}
