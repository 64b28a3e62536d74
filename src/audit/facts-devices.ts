/** Which devices a container may use: programs of its v2 cgroup, and the nodes that are there. Lists of the v1 controller are with the cgroup files. */
import { isServedType } from "../engine/posture-paths.ts";
import { effectiveDevicePrograms, type LoadedProgram, readDeviceProgram } from "../kernel/device-program.ts";
import { close, listDirectory, O, stat } from "../kernel/file.ts";
import { openInRoot } from "../kernel/inroot.ts";
import type { Mount } from "../kernel/mountinfo.ts";
import { isLocalType, under } from "./mount-tree.ts";

export interface DeviceNode {
  readonly path: string;
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly mode: number;
}

export interface DeviceFacts {
  /** All that are asked of the first process; every one of them must allow. Empty: no program, which denies nothing. */
  readonly programs: readonly LoadedProgram[] | number;
  /** Device nodes in /dev and the directories in it. */
  readonly nodes: readonly DeviceNode[] | number;
}

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const DIRECTORY = 4;
const MOST_NODES = 2000;
const EREMOTE = -66;
const ENOENT = -2;

/** A reader of the device programs that hold in a v2 cgroup, which asks for each program once. */
export function programReader(): (directory: string | undefined) => DeviceFacts["programs"] {
  const known = new Map<number, LoadedProgram | number>();
  return (directory) => {
    if (directory === undefined) return [];
    const ids = effectiveDevicePrograms(directory);
    if (typeof ids === "number") return ids;
    const programs = ids.map((id): LoadedProgram => {
      const program = known.get(id) ?? readDeviceProgram(id);
      known.set(id, program);
      return typeof program === "number" ? { id, name: "", code: program } : program;
    });
    return programs;
  };
}

/** The device nodes in an open directory; names of directories in it go to `deeper`. */
function nodesIn(fd: number, path: string, nodes: DeviceNode[], deeper: string[] | undefined): void {
  const entries = listDirectory(".", MOST_NODES, fd);
  for (const { name, type } of typeof entries === "number" ? [] : entries) {
    if (nodes.length >= MOST_NODES) return;
    if (type === DIRECTORY) deeper?.push(name);
    if (type === DIRECTORY || type === 8 || type === 10) continue;
    // What is mounted on a node may be a file of a server that never answers.
    const status = stat(name, { noFollow: true, noSync: true, dirfd: fd });
    if (typeof status === "number") continue;
    const kind = status.mode & S_IFMT;
    if (kind !== S_IFCHR && kind !== S_IFBLK) continue;
    nodes.push({ path: `${path}/${name}`, type: kind === S_IFBLK ? "b" : "c", ...status.rdev, mode: status.mode & 0o7777 });
  }
}

/** What makes two /dev the same: the mounts at and below it, and that which it is on. */
function sameAs(mounts: readonly Mount[], top: Mount): string {
  const inside = mounts.filter(({ mountPoint }) => under(mountPoint, "/dev"));
  return [top, ...inside].map(({ mountPoint, device, root }) => `${mountPoint} ${device.major}:${device.minor} ${root}`).join("\n");
}

/** A reader of the device nodes of containers: what the host's own /dev has is read once, however many have it. */
export function nodeReader(): (root: number, mounts: readonly Mount[]) => DeviceFacts["nodes"] {
  const known = new Map<string, DeviceFacts["nodes"]>();
  return (root, mounts) => {
    const top = mounts.findLast((one) => one.mountPoint === "/dev") ?? mounts.findLast((one) => one.mountPoint === "/");
    if (root < 0 || top === undefined) return root < 0 ? root : EREMOTE;
    const key = sameAs(mounts, top);
    const nodes = known.get(key) ?? readDeviceNodes(root, mounts, top);
    known.set(key, nodes);
    return nodes;
  };
}

/** The device nodes in /dev below the root open as `root`, and one directory further down where that is on the same mount or a local one. */
function readDeviceNodes(root: number, mounts: readonly Mount[], top: Mount): DeviceFacts["nodes"] {
  // A link in /dev would be followed to anywhere; a server could keep the caller waiting.
  if (!isLocalType(top.type) || mounts.some(({ mountPoint, type }) => mountPoint === "/" && isServedType(type))) return EREMOTE;
  const served = (path: string): boolean => mounts.some((one) => one.mountPoint === path && !isLocalType(one.type));
  const fd = openInRoot(root, "/dev", O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.NONBLOCK);
  if (fd < 0) return fd === ENOENT ? [] : fd;
  const nodes: DeviceNode[] = [];
  const deeper: string[] = [];
  nodesIn(fd, "/dev", nodes, deeper);
  close(fd);
  for (const name of deeper) {
    if (served(`/dev/${name}`)) continue;
    const below = openInRoot(root, `/dev/${name}`, O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.NONBLOCK);
    if (below < 0) continue;
    nodesIn(below, `/dev/${name}`, nodes, undefined);
    close(below);
  }
  return nodes.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
