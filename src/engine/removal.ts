/** Ends what is left of a container and takes it off the host. Every step may be done already, by the supervisor or by another pidbox. */
import { SYSCALLS } from "../kernel/abi/host.ts";
import { SIGNAL } from "../kernel/abi/constants.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { listDirectory, readText, stat, writeFile } from "../kernel/file.ts";
import { readLink } from "../kernel/file.ts";
import type { ContainerState } from "./store.ts";
import { removeDirectory, unlink } from "./store.ts";

const EBUSY = -16;
const TRIES = 500;

function pause(milliseconds: number): void {
  const time = new BigInt64Array([0n, BigInt(milliseconds) * 1_000_000n]);
  syscall(SYSCALLS.nanosleep, address(time));
}

/** The processes of a cgroup and of those below it. */
function processes(cgroup: string): number[] {
  const text = readText(`${cgroup}/cgroup.procs`, 4 << 20);
  const own = typeof text === "string" ? text.split("\n").filter((line) => line !== "").map(Number) : [];
  return [...own, ...children(cgroup).flatMap(processes)];
}

function children(cgroup: string): string[] {
  const entries = listDirectory(cgroup, 1 << 16);
  return typeof entries === "number" ? [] : entries.filter((entry) => entry.type === 4).map((entry) => `${cgroup}/${entry.name}`);
}

/** Kills all processes of a cgroup: at once where the kernel can (cgroup.kill, 5.14), else one by one until none is new. */
export function killCgroup(cgroup: string): void {
  if (writeFile(`${cgroup}/cgroup.kill`, "1") === 0) return;
  for (const pid of processes(cgroup)) if (pid > 0) syscall(SYSCALLS.kill, pid, SIGNAL.KILL);
}

/** Removes a cgroup and those below it, killing what is in them. Returns whether it is gone. */
export function removeCgroup(cgroup: string): boolean {
  for (let tries = 0; tries < TRIES; tries++) {
    for (const child of children(cgroup)) removeCgroup(child);
    const result = removeDirectory(cgroup);
    if (result === 0 || result === -2) return true;
    if (result !== EBUSY) return false;
    killCgroup(cgroup);
    pause(tries < 50 ? 1 : 10);
  }
  return false;
}

/** Removes cgroups and reservations, and unless `keep` the record too. Returns paths that could not be removed. */
export function removeContainer(directory: string, state: ContainerState | undefined, keep: boolean): string[] {
  const left = (state?.cgroups ?? []).filter((cgroup) => !removeCgroup(cgroup));
  const id = directory.slice(directory.lastIndexOf("/") + 1);
  // Links are taken back only if they still lead to this container.
  const own = (link: string): boolean => readLink(link) === id;
  for (const link of state?.reservations ?? []) if (own(link)) unlink(link);
  if (keep || left.length > 0) return left;
  for (const link of state?.names ?? []) if (own(link)) unlink(link);
  for (const file of ["state.json", "status"]) unlink(`${directory}/${file}`);
  return removeDirectory(directory) < 0 && typeof stat(directory) !== "number" ? [directory] : [];
}
