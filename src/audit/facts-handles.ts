/** What the descriptors of a container lead to beyond what their links say: targets of pidfds, and sockets of the host's network namespace. */
import type { Container } from "../engine/discover.ts";
import type { TaskFacts } from "../engine/posture.ts";
import { close, O, open, readText } from "../kernel/file.ts";
import { readPidAncestry } from "../kernel/namespaces.ts";
import { openProcess } from "../kernel/process-list.ts";

export interface HandleFacts {
  /** Host PIDs of processes outside of the container's PID namespace (and of those below it) that it has pidfds of, by `PID/THREAD/FD`. */
  readonly pidfds: ReadonlyMap<string, number>;
  /** Sockets that belong to the host's network namespace though the container has one of its own: what they are, by inode. */
  readonly hostSockets: ReadonlyMap<number, string>;
}

const PIDFD = "anon_inode:[pidfd]";
const MOST_PIDFDS = 1000;

/** The `Pid:` line of /proc/PID/fdinfo/FD (pidfd_open(2)) in the reader's PID namespace: 0 and -1 are processes that are outside of it, or have ended. */
export function parsePidfd(text: string): number | undefined {
  const word = /^Pid:\t(-?[0-9]{1,10})$/m.exec(text)?.[1];
  return word === undefined ? undefined : Number(word);
}

/** The PID that a pidfd stands for; undefined: it was closed or given to something else meanwhile, or that process has ended. */
function readPidfd(task: TaskFacts, number: number): number | undefined {
  const process = openProcess(task.pid);
  const dirfd = process < 0 ? process : open(`task/${task.thread}`, O.PATH | O.DIRECTORY, 0, process);
  if (process >= 0) close(process);
  if (dirfd < 0) return undefined;
  const text = readText(`fdinfo/${number}`, 1 << 16, dirfd);
  close(dirfd);
  const pid = typeof text === "number" ? undefined : parsePidfd(text);
  return pid === undefined || pid <= 0 ? undefined : pid;
}

/** Whether a process is of the container: one of those that were found, or a newer one in its PID namespace or below. */
function isMember(pid: number, { namespaces, processes, strays, sharedWithHost }: Container): boolean {
  if (processes.includes(pid) || strays.includes(pid)) return true;
  const dirfd = openProcess(pid);
  if (dirfd < 0) return true;
  const ancestry = readPidAncestry(dirfd);
  close(dirfd);
  return !sharedWithHost.includes("pid") && namespaces.pid !== undefined && ancestry.includes(namespaces.pid);
}

/** A reader for containers of one host; `socket` tells of the host's own sockets. */
export function handleReader(socket: (inode: number) => string | undefined) {
  return (container: Container, tasks: readonly TaskFacts[]): HandleFacts => {
    const pidfds = new Map<string, number>();
    const hostSockets = new Map<number, string>();
    const ownNet = !container.sharedWithHost.includes("net") && !container.unknown.includes("net");
    for (const task of tasks) {
      for (const { number, link } of typeof task.descriptors === "number" ? [] : task.descriptors) {
        const target = link === PIDFD && pidfds.size < MOST_PIDFDS ? readPidfd(task, number) : undefined;
        if (target !== undefined && !isMember(target, container)) pidfds.set(`${task.pid}/${task.thread}/${number}`, target);
        const inode = ownNet ? /^socket:\[([0-9]{1,15})\]$/.exec(link)?.[1] : undefined;
        const text = inode === undefined ? undefined : socket(Number(inode));
        if (inode !== undefined && text !== undefined) hostSockets.set(Number(inode), text);
      }
    }
    return { pidfds, hostSockets };
  };
}
