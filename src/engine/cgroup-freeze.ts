/**
 * Pausing a container: the freezer of v1 (cgroup-v1/freezer-subsystem.rst) and cgroup.freeze of v2 (cgroup-v2.rst).
 *
 * Either all processes stop before the deadline or all go on: nothing is left half frozen. A frozen v1 cgroup keeps even SIGKILL waiting until it thaws.
 */
import { PidboxError } from "../base/error.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { close, O, open, readDescriptor, writeFile } from "../kernel/file.ts";
import { parseFlatKeyed } from "../kernel/cgroup-values.ts";
import { pause, pollOne } from "../kernel/wait.ts";
import { directoryWith, readCgroupText } from "./cgroup-files.ts";

/** `absent`: no cgroup of the container has a freezer. A container that stands still because a cgroup above it is frozen counts as thawed. */
export type FreezerState = "frozen" | "thawed" | "absent";

const V1_STATE = "freezer.state";
const V2_STATE = "cgroup.freeze";
/** As long as runc tries. Milliseconds. */
const DEADLINE = 10_000;

interface Freezer {
  readonly version: 1 | 2;
  readonly directory: string;
}

function findFreezer(cgroups: readonly string[]): Freezer | undefined {
  const v1 = directoryWith(cgroups, V1_STATE);
  if (v1 !== undefined) return { version: 1, directory: v1 };
  const v2 = directoryWith(cgroups, V2_STATE);
  return v2 === undefined ? undefined : { version: 2, directory: v2 };
}

function write({ version, directory }: Freezer, frozen: boolean): number {
  return version === 1 ? writeFile(`${directory}/${V1_STATE}`, frozen ? "FROZEN" : "THAWED") : writeFile(`${directory}/${V2_STATE}`, frozen ? "1" : "0");
}

/** Whether the container was paused. One that is still being frozen counts as frozen: whoever froze it says so, or thaws it. */
export function readFreezer(cgroups: readonly string[]): FreezerState {
  const freezer = findFreezer(cgroups);
  if (freezer === undefined) return "absent";
  const own = readCgroupText(freezer.directory, freezer.version === 1 ? "freezer.self_freezing" : V2_STATE);
  return own === "1\n" ? "frozen" : "thawed";
}

function fileError(action: string, { version, directory }: Freezer, errno: number): PidboxError {
  const path = `${directory}/${version === 1 ? V1_STATE : V2_STATE}`;
  return new PidboxError("IO", `Cannot ${action} the container: writing ${path} failed: ${errnoName(errno)}`, { context: { path, errno: errnoName(errno) } });
}

const POLLPRI = 2;

/** v2: cgroup.events says when the last process has stopped, and wakes whoever polls it. */
function waitFrozen(directory: string, deadline: number): boolean {
  for (;;) {
    // The file is opened anew for each look: readDescriptor reads from where the last one ended.
    const fd = open(`${directory}/cgroup.events`, O.RDONLY);
    if (fd < 0) return false;
    const text = readDescriptor(fd, 4096);
    const frozen = typeof text !== "number" && parseFlatKeyed(new TextDecoder().decode(text)).get("frozen") === 1;
    const left = deadline - performance.now();
    if (!frozen && left > 0) pollOne(fd, POLLPRI, Math.min(left, 100));
    close(fd);
    if (frozen || left <= 0) return frozen;
  }
}

/**
 * v1: FREEZING lasts while a process is in the kernel, and for ever where new ones keep coming; writing the state again makes the kernel try again, and a
 * short thaw lets a process go on that another one waits for (runc, libcontainer/cgroups/fs/freezer.go).
 */
function insistFrozen(freezer: Freezer, deadline: number): boolean {
  for (let tries = 1; ; tries++) {
    if (readCgroupText(freezer.directory, V1_STATE) === "FROZEN\n") return true;
    if (performance.now() > deadline) return false;
    if (tries % 50 === 0) {
      write(freezer, false);
      pause(10);
    } else if (tries % 10 === 0) pause(1);
    write(freezer, true);
  }
}

/** Stops all processes, or none. Returns whether they stand still: false also where there is no freezer. */
export function tryFreeze(cgroups: readonly string[], timeout: number): boolean {
  const freezer = findFreezer(cgroups);
  return freezer !== undefined && write(freezer, true) >= 0 && settle(freezer, timeout);
}

function settle(freezer: Freezer, timeout: number): boolean {
  const deadline = performance.now() + timeout;
  const frozen = freezer.version === 1 ? insistFrozen(freezer, deadline) : waitFrozen(freezer.directory, deadline);
  if (!frozen) write(freezer, false);
  return frozen;
}

/** Stops all processes of the container. Throws HOST_UNSUPPORTED without a freezer, IO if not all have stopped in time; they go on then. */
export function freezeCgroups(cgroups: readonly string[], timeout = DEADLINE): void {
  const freezer = findFreezer(cgroups);
  if (freezer === undefined) {
    throw new PidboxError("HOST_UNSUPPORTED", "Cannot pause the container: none of its cgroups has a freezer (freezer.state of v1, cgroup.freeze of v2)", {
      hint: "Mount the v1 controller `freezer`, or use cgroup v2", context: { feature: "cgroup-freezer" },
    });
  }
  const written = write(freezer, true);
  if (written < 0) throw fileError("pause", freezer, written);
  if (settle(freezer, timeout)) return;
  throw new PidboxError("IO", `Cannot pause the container: its processes did not stop within ${timeout} ms, so they run on`, {
    hint: "A process may be waiting for a device or a network filesystem (state D in ps)", context: { path: freezer.directory },
  });
}

/** Lets them go on. Nothing happens to a container that is not paused, or has no freezer. Throws IO. */
export function thawCgroups(cgroups: readonly string[]): void {
  const freezer = findFreezer(cgroups);
  const written = freezer === undefined ? 0 : write(freezer, false);
  // The cgroup is gone, and with it whatever was frozen.
  if (freezer !== undefined && written < 0 && written !== -2 && written !== -19) throw fileError("resume", freezer, written);
}
