/**
 * What a reboot leaves: layers and logs of containers whose records were in /run and are gone.
 *
 * An attacker controls: all that is in a layer. Taken is only what was made in an earlier boot of this machine for this very store, and has no directory there
 * any more: a container that is being made is of this boot, and one whose record cannot be read has its directory.
 */
import { LOCK } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { close, listDirectory, O, open, stat } from "../kernel/file.ts";
import { forgetOwner, ownersOf, readBoot, readOwner } from "./data-owner.ts";
import type { Boot } from "./data-owner.ts";
import { DATA, requireOwn } from "./own-directory.ts";
import { removeTree } from "./tree-removal.ts";

const [ENOENT, EINTR] = [-2, -4];
const ID = /^[0-9a-f]{64}$/;

/** Data of a container that is gone. */
export interface LostData {
  readonly id: string;
  /** Its layer and log, as far as they are there. */
  readonly paths: readonly string[];
  readonly root: string;
}

function isLost(data: string, root: string, id: string, now: Boot): boolean {
  const owner = readOwner(data, id);
  const directory = `${root}/containers/${id}`;
  if (owner === undefined || owner.machine !== now.machine || owner.boot === now.boot || owner.directory !== directory) return false;
  return stat(directory, { noFollow: true }) === ENOENT;
}

/** Data below `data` of containers that the store `root` had in an earlier boot. */
export function findLostData(data: string, root: string): LostData[] {
  const now = readBoot();
  const entries = listDirectory(ownersOf(data));
  if (now === undefined || typeof entries === "number") return [];
  const ids = entries.map(({ name }) => name).filter((id) => ID.test(id) && isLost(data, root, id, now));
  const isThere = (path: string): boolean => stat(path, { noFollow: true }) !== ENOENT;
  const pathsOf = (id: string): string[] => [`${data}/layers/${id}`, `${data}/logs/${id}`].filter(isThere);
  return ids.map((id) => ({ id, root: data, paths: pathsOf(id) }));
}

/**
 * Finds such data and hands it to `take`, while nobody else does: a tree takes one removal at a time. Throws POSSIBLE_ATTACK for a data directory
 * that others can write.
 */
export function withLostData<T>(data: string, root: string, uid: number, take: (lost: readonly LostData[]) => T): T {
  requireOwn(data, uid, DATA);
  const fd = open(ownersOf(data), O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  let locked = syscall(SYSCALLS.flock, fd, LOCK.EX);
  while (locked === EINTR) locked = syscall(SYSCALLS.flock, fd, LOCK.EX);
  try {
    return take(locked < 0 ? [] : findLostData(data, root));
  } finally {
    if (fd >= 0) close(fd);
  }
}

/** Removes all of it. Returns paths that could not be removed. */
export function removeLostData({ id, paths, root }: LostData): string[] {
  const left = paths.filter((path) => removeTree(path) < 0);
  if (left.length === 0) forgetOwner(root, id);
  return left;
}
