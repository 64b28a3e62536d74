/** Sockets of the host that give power over it: who answers on them, and what file they are, for a container may have it under another name. */
import { RESOLVE } from "../kernel/abi/constants.ts";
import type { ProcessSummary } from "../kernel/process-list.ts";
import { close, listDirectory, O, open, readLink, readText } from "../kernel/file.ts";
import { openInRoot } from "../kernel/inroot.ts";
import { type Mount, readMountinfo } from "../kernel/mountinfo.ts";
import { type KernelObject, statObject } from "../kernel/object.ts";
import { openProcess } from "../kernel/process-list.ts";
import { readUnixSockets, type UnixSocket } from "../kernel/unix-sockets.ts";
import { type FilePlace, isLocalType, MountTree, placeOf, sameDevice, treeOf } from "./mount-tree.ts";

export interface EngineSocket {
  /** `docker`, `containerd`, ... */
  readonly engine: string;
  /** The path that it was bound to, on the host. */
  readonly path: string;
  readonly device: { readonly major: number; readonly minor: number };
  readonly inode: number;
  /** Host PID of the process that answers; null: known by its path alone. */
  readonly pid: number | null;
  /** Where it is in its filesystem; null: on no mount of the host's table. */
  readonly place: FilePlace | null;
}

/** Programs whose sockets are an engine's, by the name of their process. */
const DAEMONS: Readonly<Record<string, string>> = {
  "dockerd": "docker", "containerd": "containerd", "crio": "cri-o", "podman": "podman", "buildkitd": "buildkit", "kubelet": "kubelet",
  "cri-dockerd": "docker", "lxd": "lxd", "incusd": "incus", "k3s-server": "k3s", "nomad": "nomad",
};

/** Paths that engines and the system's manager use. */
const PATHS: readonly (readonly [pattern: RegExp, engine: string])[] = [
  [/\/(docker|balena-engine|cri-dockerd|dockershim)\.sock$/, "docker"],
  [/\/containerd(-debug)?\.sock(\.ttrpc)?$/, "containerd"], [/^\/run\/containerd\/s\//, "containerd"],
  [/\/crio\.sock$/, "cri-o"], [/\/podman\.sock$/, "podman"], [/\/buildkitd\.sock$/, "buildkit"], [/\/kubelet\.sock$/, "kubelet"],
  [/\/lxd\/unix\.socket$/, "lxd"], [/\/incus\/unix\.socket$/, "incus"], [/^\/run\/systemd\/private$/, "systemd"], [/\/dbus\/system_bus_socket$/, "D-Bus"],
];

/** The engine whose socket usually has this path. */
export function engineOfPath(path: string): string | undefined {
  const plain = path.replace(/^\/var\/run\//, "/run/");
  return PATHS.find(([pattern]) => pattern.test(plain))?.[1];
}

const S_IFMT = 0o170000;
const S_IFSOCK = 0o140000;
const MOST_DESCRIPTORS = 4096;
const TABLE_LIMIT = 32 << 20;

/** Inodes of the sockets that a process holds. */
function socketsOf(pid: number): number[] {
  const dirfd = openProcess(pid);
  if (dirfd < 0) return [];
  const entries = listDirectory("fd", MOST_DESCRIPTORS, dirfd);
  const inodes = (typeof entries === "number" ? [] : entries).flatMap(({ name }) => {
    const link = readLink(`fd/${name}`, dirfd);
    const inode = typeof link === "number" ? undefined : /^socket:\[([0-9]{1,15})\]$/.exec(link)?.[1];
    return inode === undefined ? [] : [Number(inode)];
  });
  close(dirfd);
  return inodes;
}

/** The socket at `path` below `root`; undefined: there is none. */
function socketAt(root: number, path: string, resolve = 0): KernelObject | undefined {
  const fd = openInRoot(root, path, O.PATH, resolve);
  const object = fd < 0 ? fd : statObject("", fd);
  if (fd >= 0) close(fd);
  return typeof object === "number" || (object.mode & S_IFMT) !== S_IFSOCK ? undefined : object;
}

interface Listener {
  readonly inode: number;
  readonly path: string;
}

const ACCEPTS = 0x10000;

/** The listening sockets with a path in a table such as /proc/net/unix (proc_net(5)): `Num RefCount Protocol Flags Type St Inode Path`. */
export function parseUnixTable(text: string): Listener[] {
  return text.split("\n").flatMap((line) => {
    const [, flags, inode, path] = /^[0-9a-f]{1,16}: [0-9A-F]{8} [0-9A-F]{8} ([0-9A-F]{8}) [0-9A-F]{4} [0-9A-F]{2} +([0-9]{1,15}) (\/.*)$/.exec(line) ?? [];
    return path === undefined || (Number.parseInt(flags ?? "", 16) & ACCEPTS) === 0 ? [] : [{ inode: Number(inode), path }];
  });
}

/** The sockets of an engine that is in another network namespace, as rootless ones are: by its own table, and the paths in it below its own root. */
function separateSockets(pid: number, engine: string, inodes: readonly number[], mounts: readonly Mount[]): EngineSocket[] {
  const dirfd = openProcess(pid);
  if (dirfd < 0) return [];
  const root = open("root", O.PATH | O.DIRECTORY, 0, dirfd);
  const text = readText("net/unix", TABLE_LIMIT, dirfd);
  const table = readMountinfo(pid, dirfd);
  close(dirfd);
  const tree = new MountTree(typeof table === "number" ? [] : table);
  const local = ({ path }: Listener): boolean => isLocalType(tree.at(path)?.type ?? "");
  const listeners = typeof text === "number" || root < 0 ? [] : parseUnixTable(text).filter((one) => inodes.includes(one.inode) && local(one));
  const found = listeners.flatMap(({ path }): EngineSocket[] => {
    const object = socketAt(root, path);
    if (object === undefined) return [];
    return [{ engine, path, device: object.device, inode: object.inode, pid, place: placeOf(path, typeof table === "number" ? mounts : table) ?? null }];
  });
  if (root >= 0) close(root);
  return found;
}

/** Sockets that rootless engines have in network namespaces of their own, and others that sock_diag did not show: by their usual places. */
const USUAL = ["/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock", "/run/buildkit/buildkitd.sock"];

function namedSockets(known: readonly EngineSocket[], mounts: readonly Mount[]): EngineSocket[] {
  const users = listDirectory("/run/user", 1000);
  const paths = [...USUAL, ...(typeof users === "number" ? [] : users).flatMap(({ name }) => [`/run/user/${name}/docker.sock`, `/run/user/${name}/podman/podman.sock`])];
  const root = open("/", O.PATH | O.DIRECTORY);
  const found = paths.flatMap((path): EngineSocket[] => {
    // Users own what is there: a link or a filesystem of theirs could keep the caller waiting.
    const object = root >= 0 && isLocalType(treeOf(mounts).at(path)?.type ?? "") ? socketAt(root, path, RESOLVE.NO_SYMLINKS) : undefined;
    if (object === undefined) return [];
    const { device, inode } = object;
    if (known.some((one) => one.inode === inode && sameDevice(one.device, device))) return [];
    return [{ engine: engineOfPath(path) ?? "engine", path, device, inode, pid: null, place: placeOf(path, mounts) ?? null }];
  });
  if (root >= 0) close(root);
  return found;
}

/** The engines' sockets on this host, or -errno. `processes` are those of the host, by whose names an engine is known. */
export function readEngineSockets(processes: Iterable<ProcessSummary>, mounts: readonly Mount[]): readonly EngineSocket[] | number {
  const sockets = readUnixSockets();
  if (typeof sockets === "number") return sockets;
  const owners = new Map<number, { readonly pid: number; readonly engine: string }>();
  const own = readLink("/proc/self/ns/net");
  const separate: EngineSocket[] = [];
  for (const { pid, name, pids } of processes) {
    const engine = DAEMONS[name];
    if (engine === undefined) continue;
    const inodes = socketsOf(pid);
    for (const inode of inodes) owners.set(inode, { pid, engine });
    // One in a container's PID namespace is that container's, with a tree that an attacker may have made.
    if (pids.length === 1 && readLink(`/proc/${pid}/ns/net`) !== own) separate.push(...separateSockets(pid, engine, inodes, mounts));
  }
  const found = sockets.flatMap((socket): EngineSocket[] => {
    const owner = owners.get(socket.inode);
    const engine = owner?.engine ?? engineOfPath(socket.name);
    if (!socket.listening || socket.file === undefined || engine === undefined) return [];
    const { major, minor, inode } = socket.file;
    return [{ engine, path: socket.name, device: { major, minor }, inode, pid: owner?.pid ?? null, place: placeOf(socket.name, mounts) ?? null }];
  });
  const known = [...found, ...separate];
  return [...known, ...namedSockets(known, mounts)];
}

/** Inodes in a table such as /proc/net/tcp (proc_net(5)): the tenth column. Lines of another form are left out. */
export function parseSocketInodes(text: string): number[] {
  return text.split("\n").flatMap((line) => {
    const inode = line.trim().split(/ +/)[9];
    return inode !== undefined && /^[1-9][0-9]{0,14}$/.test(inode) && line.includes(":") ? [Number(inode)] : [];
  });
}

const TABLES = ["tcp", "tcp6", "udp", "udp6"] as const;

function unixText(socket: UnixSocket, byInode: ReadonlyMap<number, UnixSocket>): string {
  const peer = socket.peer === undefined ? undefined : byInode.get(socket.peer);
  if (socket.name !== "") return `unix ${socket.name}`;
  return peer?.name === undefined || peer.name === "" ? "unix" : `unix, connected with ${peer.name}`;
}

/** What a socket of the host's network namespace is, by its inode: read once, when first asked. */
export function hostSocketReader(): (inode: number) => string | undefined {
  let known: Map<number, string> | undefined;
  return (inode) => {
    if (known === undefined) {
      known = new Map();
      const sockets = readUnixSockets();
      const byInode = new Map((typeof sockets === "number" ? [] : sockets).map((socket) => [socket.inode, socket]));
      for (const socket of byInode.values()) known.set(socket.inode, unixText(socket, byInode));
      for (const table of TABLES) {
        const text = readText(`/proc/net/${table}`, TABLE_LIMIT);
        for (const one of typeof text === "number" ? [] : parseSocketInodes(text)) known.set(one, table);
      }
    }
    return known.get(inode);
  };
}
