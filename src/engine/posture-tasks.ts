/**
 * Reads every thread of every process of a container.
 *
 * An open /proc/PID/task/TID is a handle on that very thread: what vanishes answers ESRCH and is not taken for another. Trusts: procfs.
 * An attacker controls: how many threads there are and when they come and go, labels, names, descriptors. Nothing here opens what they opened.
 */
import { parseSelfCgroup } from "../kernel/cgroup.ts";
import { close, listDirectory, O, open, readLink, readText } from "../kernel/file.ts";
import { readNamespaces, readPidAncestry } from "../kernel/namespaces.ts";
import { statObject } from "../kernel/object.ts";
import { listPids, openProcess, type ProcessSummary, readSummary } from "../kernel/process-list.ts";
import { parseProcessStatus } from "../kernel/process-status.ts";
import { type DescriptorFacts, parseLimits, type TaskFacts } from "./posture.ts";

const ESRCH = -3;
const ENOENT = -2;
const EFBIG = -27;
const TEXT = 1 << 20;
/** More than this in one container are not read, and the table says that it is not known. */
const MOST_TASKS = 20_000;
const MOST_DESCRIPTORS = 200_000;
const ROUNDS = 5;

/** What a walk over the processes of a container gives. */
export interface TaskWalk {
  readonly tasks: readonly TaskFacts[];
  readonly zombies: number;
  readonly vanished: number;
  readonly settled: boolean;
  readonly unreadable: readonly { readonly pid: number; readonly errno: number }[];
}

function readDescriptors(dirfd: number, budget: { left: number }): readonly DescriptorFacts[] | number {
  const entries = listDirectory("fd", budget.left, dirfd);
  if (typeof entries === "number") return entries;
  budget.left -= entries.length;
  if (budget.left <= 0) return EFBIG;
  const found: DescriptorFacts[] = [];
  for (const { name } of entries) {
    const link = readLink(`fd/${name}`, dirfd);
    if (link === ENOENT) continue; // closed meanwhile
    found.push({ number: Number(name), link: typeof link === "number" ? "" : link, object: typeof link === "number" ? link : statObject(`fd/${name}`, dirfd) });
  }
  return found;
}

/** A parser that remembers its last text: most threads of a host have the same limits, and those of a container the same cgroups. Results are shared. */
function remembering<T>(parse: (text: string) => T): (text: string | number) => T | number {
  let last: { readonly text: string; readonly value: T } | undefined;
  return (text) => {
    if (typeof text === "number") return text;
    if (last?.text !== text) last = { text, value: parse(text) };
    return last.value;
  };
}

const limitsOf = remembering(parseLimits);
const cgroupsOf = remembering(parseSelfCgroup);

/** Everything of one thread, or -errno when it is gone or hidden. */
function readTask(pid: number, thread: number, process: number, budget: { left: number }): TaskFacts | number {
  const dirfd = open(`task/${thread}`, O.PATH | O.DIRECTORY, 0, process);
  if (dirfd < 0) return dirfd;
  try {
    const status = readText("status", TEXT, dirfd);
    if (typeof status === "number") return status;
    const cgroups = readText("cgroup", TEXT, dirfd);
    const label = readText("attr/current", 4096, dirfd);
    const limits = readText("limits", TEXT, dirfd);
    const oom = readText("oom_score_adj", 64, dirfd);
    const facts: TaskFacts = {
      pid, thread, status: parseProcessStatus(status), namespaces: readNamespaces(pid, dirfd), root: statObject("root", dirfd), cwd: statObject("cwd", dirfd),
      descriptors: readDescriptors(dirfd, budget), label: typeof label === "number" ? label : label.replace(/[\0\n]+$/, ""),
      limits: limitsOf(limits), cgroups: cgroupsOf(cgroups),
      oomScoreAdj: typeof oom === "string" && /^-?[0-9]{1,4}\n$/.test(oom) ? Number(oom) : undefined,
    };
    // What ended while it was read has answered ESRCH somewhere on the way; a thread that still answers was there all the time.
    const still = readText("stat", TEXT, dirfd);
    return typeof still === "number" ? still : facts;
  } finally {
    close(dirfd);
  }
}

const isGone = (errno: number): boolean => errno === ESRCH || errno === ENOENT;

class Walk {
  readonly tasks: TaskFacts[] = [];
  readonly unreadable: { pid: number; errno: number }[] = [];
  readonly seen = new Set<string>();
  zombies = 0;
  vanished = 0;
  readonly budget = { left: MOST_DESCRIPTORS };

  /** Reads the threads of a process that were not read yet; returns how many there were. */
  process(pid: number): number {
    const dirfd = openProcess(pid);
    if (dirfd < 0) return 0;
    let fresh = 0;
    const threads = listDirectory("task", MOST_TASKS, dirfd);
    for (const { name } of typeof threads === "number" ? [] : threads) {
      const key = `${pid}/${name}`;
      if (this.seen.has(key) || this.tasks.length >= MOST_TASKS) continue;
      this.seen.add(key);
      fresh++;
      const task = readTask(pid, Number(name), dirfd, this.budget);
      if (typeof task !== "number" && "ZX".includes(task.status.state)) this.zombies++;
      else if (typeof task !== "number") this.tasks.push(task);
      else if (isGone(task)) this.vanished++;
      else this.unreadable.push({ pid, errno: task });
    }
    if (typeof threads === "number" && !isGone(threads)) this.unreadable.push({ pid, errno: threads });
    close(dirfd);
    return fresh;
  }
}

/** Whether a PID namespace is `ancestor` or below it, by asking the kernel for parents (ioctl_nsfs(2)). Remembers answers. */
export class Descent {
  readonly #known = new Map<number, boolean>();
  readonly #ancestor: number;

  constructor(ancestor: number) {
    this.#ancestor = ancestor;
    this.#known.set(ancestor, true);
  }

  includes(summary: ProcessSummary): boolean {
    const inode = summary.pidNamespace;
    if (inode === undefined) return false;
    const known = this.#known.get(inode);
    if (known !== undefined) return known;
    const dirfd = openProcess(summary.pid);
    if (dirfd < 0) return false;
    const answer = readPidAncestry(dirfd).includes(this.#ancestor);
    close(dirfd);
    this.#known.set(inode, answer);
    return answer;
  }
}

/** Reads the tasks of processes that are known already, once: what comes meanwhile is not looked for. */
export function readTasks(pids: readonly number[]): Omit<TaskWalk, "settled"> {
  const walk = new Walk();
  for (const pid of pids) walk.process(pid);
  const { tasks, unreadable, zombies, vanished } = walk;
  return { tasks, unreadable, zombies, vanished };
}

/** Reads all tasks for which `isMember` holds, again and again until a look over the whole host finds none that is new. */
export function walkTasks(isMember: (summary: ProcessSummary) => boolean): TaskWalk {
  const walk = new Walk();
  let settled = false;
  for (let round = 0; round < ROUNDS && !settled; round++) {
    const pids = listPids();
    if (typeof pids === "number") break;
    let fresh = 0;
    for (const pid of pids) {
      const summary = readSummary(pid);
      if (summary !== undefined && !summary.kernelThread && isMember(summary)) fresh += walk.process(pid);
    }
    settled = fresh === 0 && walk.tasks.length < MOST_TASKS;
  }
  const { tasks, unreadable, zombies, vanished } = walk;
  return { tasks, unreadable, zombies, vanished, settled };
}
