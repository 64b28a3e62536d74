/** What the container's mount table and the paths in it must be. Pure. */
import { errnoName } from "../kernel/abi/errno.ts";
import type { Mount } from "../kernel/mountinfo.ts";
import type { KernelObject } from "../kernel/object.ts";
import type { Layer } from "../report/layer.ts";
import { unreadText } from "./compare-tasks.ts";
import type { PathFacts, Posture } from "./posture.ts";
import type { MountPromise, Wall } from "./promise.ts";

const ENOENT = -2;
const ENOTDIR = -20;
const KIND = 0o170000;
const DIRECTORY = 0o040000;
const CHARACTER = 0o020000;
const REGULAR = 0o100000;

const absent = (facts: PathFacts): boolean => facts.object === ENOENT || facts.object === ENOTDIR;

function under(path: string, tree: string): boolean {
  return tree === "/" || path === tree || path.startsWith(`${tree}/`);
}

/** What is wrong with one path: "no" and "unknown" are kept apart. */
export interface Fault {
  readonly ok: "no" | "unknown";
  readonly text: string;
}

function listLayer(name: string, promised: string, evidence: string, faults: readonly Fault[], good: string): Layer {
  const worst = faults.some((fault) => fault.ok === "no") ? "no" : "unknown";
  const shown = faults.filter((fault) => fault.ok === worst);
  if (shown.length === 0) return { name, promised, found: good, ok: "yes", evidence };
  const text = shown.slice(0, 3).map((fault) => fault.text).join("; ");
  return { name, promised, found: shown.length > 3 ? `${text}; and ${shown.length - 3} more` : text, ok: worst, evidence };
}

function readOnly(mount: Mount): boolean {
  return mount.options.includes("ro") || mount.superOptions.includes("ro");
}

/** Covered: the null device itself, or an empty file or directory of a read-only tmpfs, looked at through the container's own root. */
export function maskFault(path: string, facts: PathFacts | undefined, mounts: readonly Mount[]): Fault | undefined {
  if (facts === undefined) return { ok: "unknown", text: `${path} was not looked at` };
  if (absent(facts)) return undefined;
  const { object } = facts;
  if (typeof object === "number") return { ok: "unknown", text: `${path} ${unreadText(object)}` };
  const kind = object.mode & KIND;
  if (kind === CHARACTER && object.rdev.major === 1 && object.rdev.minor === 3) return undefined;
  const mount = mounts.find((m) => m.id === object.mountId);
  if (mount?.type === "tmpfs" && readOnly(mount) && object.mountRoot) {
    if (kind === REGULAR && object.size === 0) return undefined;
    if (kind === DIRECTORY && facts.empty === true) return undefined;
    if (kind === DIRECTORY && facts.empty === undefined) return { ok: "unknown", text: `${path} could not be listed` };
  }
  return { ok: "no", text: `${path} is open` };
}

function readonlyFault(path: string, facts: PathFacts | undefined, mounts: readonly Mount[]): Fault | undefined {
  if (facts === undefined) return { ok: "unknown", text: `${path} was not looked at` };
  if (absent(facts)) return undefined;
  const { object } = facts;
  if (typeof object === "number") return { ok: "unknown", text: `${path} ${unreadText(object)}` };
  const mount = mounts.find((m) => m.id === object.mountId);
  if (mount === undefined) return { ok: "unknown", text: `${path} is on no mount of the table` };
  if (!readOnly(mount)) return { ok: "no", text: `${path} can be written` };
  const below = mounts.find((m) => m.id !== mount.id && under(m.mountPoint, path) && !readOnly(m));
  return below === undefined ? undefined : { ok: "no", text: `${below.mountPoint} below it can be written` };
}

/** Gone, or another file of the same name that the program made for itself: overlay shows a file of its lower layer with that file's inode and mode. */
function hiddenFault(path: string, posture: Posture): Fault | undefined {
  const facts = posture.paths.get(path);
  if (facts === undefined) return { ok: "unknown", text: `${path} was not looked at` };
  if (absent(facts)) return undefined;
  const { object } = facts;
  if (typeof object === "number") return { ok: "unknown", text: `${path} ${unreadText(object)}` };
  const source = posture.sources.get(path);
  if (source === ENOENT || source === ENOTDIR) return undefined;
  if (typeof source !== "object") return { ok: "unknown", text: `${path} on the host ${unreadText(source ?? ENOENT)}` };
  return source.inode === object.inode && source.mode === object.mode ? { ok: "no", text: `${path} is open` } : undefined;
}

/** The mount that a promised destination is, as the container's own look-up finds it. */
function mountOf(promise: MountPromise, posture: Posture, mounts: readonly Mount[]): { readonly mount: Mount; readonly object: KernelObject } | Fault {
  const object = posture.paths.get(promise.destination)?.object;
  if (object === undefined) return { ok: "unknown", text: `${promise.destination} was not looked at` };
  if (object === ENOENT || object === ENOTDIR) return { ok: "no", text: `${promise.destination} is not there` };
  if (typeof object === "number") return { ok: "unknown", text: `${promise.destination} ${unreadText(object)}` };
  const mount = mounts.find((m) => m.id === object.mountId);
  if (mount === undefined || !object.mountRoot) return { ok: "no", text: `nothing is mounted on ${promise.destination}` };
  return { mount, object };
}

function mountFault(promise: MountPromise, posture: Posture, mounts: readonly Mount[]): Fault | undefined {
  const found = mountOf(promise, posture, mounts);
  if ("ok" in found) return found;
  const { mount } = found;
  if (promise.type !== undefined && mount.type !== promise.type) return { ok: "no", text: `${promise.destination} is ${mount.type}, not ${promise.type}` };
  const without = (wanted: readonly string[], found: readonly string[]): string[] => wanted.filter((option) => !found.includes(option));
  const missing = [...without(promise.options, mount.options), ...without(promise.superOptions, mount.superOptions)];
  return missing.length === 0 ? undefined : { ok: "no", text: `${promise.destination} is without ${missing.join(", ")}` };
}

/** Where a mount may be without a promise of its own: below what came as a tree, or one of the nodes of /dev. */
function explained(mount: Mount, wall: Wall, known: ReadonlySet<number>, trees: readonly string[]): boolean {
  if (mount.mountPoint === "/" || known.has(mount.id) || trees.some((tree) => under(mount.mountPoint, tree))) return true;
  const node = /^\/dev\/(null|zero|full|random|urandom|tty|console)$/.test(mount.mountPoint);
  return wall.deviceBinds && node && (mount.type === "devtmpfs" || mount.type === "devpts" || mount.type === "tmpfs");
}

function otherMounts(wall: Wall, posture: Posture, mounts: readonly Mount[], promises: readonly MountPromise[]): Fault[] {
  const known = new Set<number>();
  const trees: string[] = [];
  for (const path of [...wall.masked, ...wall.readonlyPaths]) {
    const object = posture.paths.get(path)?.object;
    if (typeof object === "object" && object.mountRoot) known.add(object.mountId);
  }
  for (const promise of promises) {
    const found = mountOf(promise, posture, mounts);
    if ("ok" in found) continue;
    known.add(found.mount.id);
    if (promise.recursive) trees.push(found.mount.mountPoint);
  }
  // A mask may lie under another one where two names lead to one place: what is covered on its own mount point cannot be reached.
  const reachable = mounts.filter((mount) => !mounts.some((upper) => upper.parent === mount.id && upper.mountPoint === mount.mountPoint));
  return reachable.filter((mount) => !explained(mount, wall, known, trees)).map((mount) => ({ ok: "no", text: `${mount.mountPoint} (${mount.type} of ${mount.source}, ${mount.root})` }));
}

function rootLayer(wall: Wall, posture: Posture, mounts: readonly Mount[], evidence: string): Layer {
  const { type, options } = wall.root;
  const promised = [type ?? "a root of its own", ...options].join(", ");
  const object = posture.tasks.find((task) => task.pid === posture.initPid)?.root;
  const root = typeof object === "object" ? mounts.find((mount) => mount.id === object.mountId) : undefined;
  if (typeof object !== "object" || root === undefined) {
    const found = typeof object === "number" ? unreadText(object) : object === undefined ? "the first process could not be read" : "its root is on no mount of its table";
    return { name: "root filesystem", promised, found, ok: typeof object === "object" ? "no" : "unknown", evidence };
  }
  const missing = options.filter((option) => !root.options.includes(option));
  const wrong = (type !== undefined && root.type !== type) || missing.length > 0 || !object.mountRoot;
  return { name: "root filesystem", promised, found: `${root.type}, ${root.options.join(",")}${object.mountRoot ? "" : ", not the root of its mount"}`, ok: wrong ? "no" : "yes", evidence };
}

function procLayer(posture: Posture, evidence: string): Layer {
  const own = posture.tasks.find((task) => task.pid === posture.initPid)?.namespaces.pid;
  const faults = [...posture.procfs].flatMap(([path, inode]): Fault[] => {
    if (own === undefined) return [{ ok: "unknown", text: "the PID namespace could not be read" }];
    if (inode < 0) return [{ ok: "unknown", text: `${path}: PID 1 in it is not readable: ${errnoName(inode)}` }];
    if (inode === posture.host.pid) return [{ ok: "no", text: `${path} shows the processes of the host` }];
    return inode === own ? [] : [{ ok: "no", text: `${path} shows another PID namespace` }];
  });
  const good = posture.procfs.size === 0 ? "there is no procfs" : `${[...posture.procfs.keys()].join(", ")} of pid:[${own ?? "?"}]`;
  return listLayer("procfs", "of the container's own PID namespace", evidence, faults, good);
}

/** The layers that the mount table and the paths in it make. */
export function compareMounts(wall: Wall, posture: Posture): Layer[] {
  const evidence = `/proc/${posture.initPid}/mountinfo`;
  const tree = `/proc/${posture.initPid}/root`;
  const { mounts } = posture;
  if (typeof mounts === "number") return [{ name: "mounts", promised: "the mount table of the plan", found: unreadText(mounts), ok: "unknown", evidence }];
  const layers = [rootLayer(wall, posture, mounts, evidence)];
  const covered = new Set(wall.masked);
  if (wall.mounts !== undefined) {
    const promises = wall.mounts.filter((promise) => !covered.has(promise.destination));
    const faults = promises.map((promise) => mountFault(promise, posture, mounts)).filter((fault) => fault !== undefined);
    layers.push(listLayer("mounts", `${promises.length} with their options`, evidence, faults, `${promises.length}, all as promised`));
    layers.push(listLayer("other mounts", "none", evidence, otherMounts(wall, posture, mounts, promises), "none"));
  }
  if (!wall.sharedMounts) {
    const shared = mounts.filter((mount) => mount.shared !== undefined).map((mount): Fault => ({ ok: "no", text: `${mount.mountPoint} is shared` }));
    layers.push(listLayer("propagation", "no mount is shared", evidence, shared, `${mounts.length} mounts, none shared`));
  }
  const masks = wall.masked.map((path) => maskFault(path, posture.paths.get(path), mounts)).filter((fault) => fault !== undefined);
  if (wall.masked.length > 0) layers.push(listLayer("masked paths", `${wall.masked.length} covered or absent`, tree, masks, `${wall.masked.length} covered or absent`));
  const { hidden } = wall;
  const seen = hidden.paths.map((path) => hiddenFault(path, posture)).filter((fault) => fault !== undefined);
  if (hidden.paths.length > 0) layers.push(listLayer("hidden paths", `${hidden.paths.length} of the host not to be seen`, tree, seen, `${hidden.paths.length}, none seen`));
  const writable = wall.readonlyPaths.map((path) => readonlyFault(path, posture.paths.get(path), mounts)).filter((fault) => fault !== undefined);
  if (wall.readonlyPaths.length > 0) layers.push(listLayer("read-only paths", `${wall.readonlyPaths.length} read-only or absent`, tree, writable, `${wall.readonlyPaths.length} read-only or absent`));
  if (wall.ownProc) layers.push(procLayer(posture, evidence));
  return layers;
}
