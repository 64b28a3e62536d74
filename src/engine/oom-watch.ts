/**
 * Wakes when the kernel kills in a container for want of memory: memory.events of v2 (cgroup-v2.rst), an eventfd on memory.oom_control of v1
 * (cgroup-v1/memory.rst, 10).
 *
 * Trusts: the kernel's counters. Where neither can be had there is nothing to wait for, and `count` alone says what has happened.
 */
import { POLLIN } from "../kernel/abi/constants.ts";
import { parseFlatKeyed } from "../kernel/cgroup-values.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, O, open, writeFile } from "../kernel/file.ts";
import { directoryWith, readCgroupText } from "./cgroup-files.ts";

const POLLPRI = 2;
const EFD_CLOEXEC = 0o2000000;
const scratch = new Uint8Array(4096);

export interface OomWatch {
  /** To be polled for `events`; owned by the watch. Undefined: nothing wakes. */
  readonly fd: number | undefined;
  readonly events: number;
  /** How many were killed so far; what woke is taken off the descriptor. Undefined: the cgroup is gone, or does not count. */
  count(): number | undefined;
  close(): void;
}

function readKills(directory: string, file: string): number | undefined {
  const text = readCgroupText(directory, file);
  const kills = text === undefined ? undefined : parseFlatKeyed(text).get("oom_kill");
  return kills === undefined ? undefined : Number(kills);
}

function watchUnified(directory: string): OomWatch {
  const fd = open(`${directory}/memory.events`, O.RDONLY);
  return {
    fd: fd < 0 ? undefined : fd, events: POLLPRI,
    count() {
      // kernfs answers POLLPRI until the open file is read again from its start (kernfs_generic_poll, fs/kernfs/file.c).
      if (fd >= 0) syscall(SYSCALLS.pread64, fd, address(scratch), scratch.length, 0);
      return readKills(directory, "memory.events");
    },
    close: () => void (fd >= 0 && close(fd)),
  };
}

function watchLegacy(directory: string): OomWatch {
  const control = open(`${directory}/memory.oom_control`, O.RDONLY);
  const event = control < 0 ? control : syscall(SYSCALLS.eventfd2, 0, EFD_CLOEXEC | O.NONBLOCK);
  const armed = event >= 0 && writeFile(`${directory}/cgroup.event_control`, `${event} ${control}`) === 0;
  return {
    fd: armed ? event : undefined, events: POLLIN,
    count() {
      if (event >= 0) syscall(SYSCALLS.read, event, address(scratch), 8);
      return readKills(directory, "memory.oom_control");
    },
    close() {
      for (const fd of [control, event]) if (fd >= 0) close(fd);
    },
  };
}

/** Watches the memory cgroup among `cgroups`; undefined if there is none. The caller closes it. */
export function watchOom(cgroups: readonly string[]): OomWatch | undefined {
  const legacy = directoryWith(cgroups, "memory.oom_control");
  if (legacy !== undefined) return watchLegacy(legacy);
  const unified = directoryWith(cgroups, "memory.events");
  return unified === undefined ? undefined : watchUnified(unified);
}
