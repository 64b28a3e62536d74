/** Waiting for the end of a container, from beside. Its record is read through a descriptor that was opened in time: one with --rm is gone a moment later. */
import { PidboxError } from "../base/error.ts";
import { POLLIN } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { close, O, open, readDescriptor } from "../kernel/file.ts";
import { IN, openInotify, readChanges, watchPath } from "../kernel/inotify.ts";
import { pollAll } from "../kernel/wait.ts";
import { LOST_CODE } from "./lost.ts";
import { parseStatus, readState } from "./store.ts";
import type { ContainerStatus } from "./store.ts";
import { awaitClosing, closeHandles, openHandles } from "./stopping.ts";
import { lifeOf } from "./stored.ts";

const SEEK_SET = 0;

export interface Ending {
  readonly code: number;
  /** Nobody has seen the end: the code is that of the signal that the kernel sent. */
  readonly lost: boolean;
}

function statusOf(fd: number): ContainerStatus | undefined {
  syscall(SYSCALLS.lseek, fd, 0, SEEK_SET);
  const bytes = readDescriptor(fd, 4096);
  return typeof bytes === "number" ? undefined : parseStatus(bytes);
}

/** A restart changes what `started` says: then the end that was waited for has been. */
function endedSince(before: ContainerStatus | undefined, now: ContainerStatus | undefined): boolean {
  return now?.state === "ended" && (before?.state !== "ended" || now.started !== before.started);
}

function watch(fd: number, directory: string, before: ContainerStatus | undefined, notify: number): Ending {
  for (;;) {
    const handles = openHandles(directory);
    try {
      const status = statusOf(fd);
      if (endedSince(before, status)) {
        awaitClosing(directory);
        return { code: status?.code ?? 0, lost: false };
      }
      const life = lifeOf(directory, readState(directory), status);
      if (life === "lost") return { code: LOST_CODE, lost: true };
      // It waited to be started again, and will not be.
      if (life === "ended" && handles.supervisor === undefined) return { code: statusOf(fd)?.code ?? 0, lost: false };
      pollAll([notify, ...(handles.supervisor === undefined ? [] : [handles.supervisor])].map((fd) => ({ fd, events: POLLIN })), 1000);
      readChanges(notify);
    } finally {
      closeHandles(handles);
    }
  }
}

/** The next end of a container, once its supervisor has dealt with it; or at once its last one if it does not run; 0 if it never did. Throws IO. */
export function waitForEnd(directory: string): Ending {
  const fd = open(`${directory}/status`, O.RDONLY);
  if (fd < 0) return { code: 0, lost: false };
  const notify = openInotify();
  if (notify < 0) {
    close(fd);
    throw new PidboxError("IO", `Cannot wait for the container: inotify: ${errnoName(notify)}`, { hint: "fs.inotify.max_user_instances limits how many wait at once", context: { errno: errnoName(notify) } });
  }
  watchPath(notify, `${directory}/status`, IN.MODIFY | IN.DELETE_SELF | IN.ATTRIB);
  try {
    const status = statusOf(fd);
    const life = lifeOf(directory, readState(directory), status);
    if (life === "ended") awaitClosing(directory);
    // Read again, for it may have ended since.
    if (life === "ended" || life === "created") return { code: statusOf(fd)?.code ?? 0, lost: false };
    return watch(fd, directory, status, notify);
  } finally {
    close(fd);
    close(notify);
  }
}
