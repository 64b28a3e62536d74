/** What the launcher calls when a plan failed or a container did not simply end with 0: says why, and takes the rest off the host. Not for people. */
import { EXIT, launchExitCode, PidboxError } from "../base/error.ts";
import { planInImage } from "../engine/launch.ts";
import { endText, limitsOf, readLimitEvents, readSeccompKill } from "../engine/ending.ts";
import { readEnd, writeEnd } from "../engine/end-record.ts";
import { subjectOf, tell } from "../engine/journal.ts";
import { removeContainer } from "../engine/removal.ts";
import { readState, readStatus, rootOf } from "../engine/store.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { SYSCALLS_X64 } from "../kernel/abi/syscalls-x64.ts";
import { readDescriptor, readText } from "../kernel/file.ts";
import { syscall } from "../kernel/ffi.ts";
import { decodePlan } from "../plan/decode.ts";
import { failureError } from "../plan/failure.ts";
import type { Arguments, Context, Outcome, Verb } from "./verb.ts";

const IMAGE_LIMIT = 80 << 20;

/** The container of a failed start: kept with its error, or removed, by `what`. */
function settle(what: string | undefined, directory: string, failure: PidboxError): void {
  const state = what === undefined ? undefined : readState(directory);
  if (state === undefined) return;
  if (what === "remove") {
    removeContainer(directory, state, false);
    return;
  }
  const { delay, ...before } = readEnd(directory);
  const restarts = before.restarts - (delay === undefined ? 0 : 1);
  writeEnd(directory, { ...before, restarts, why: failure.message, failedStart: launchExitCode(failure.code) });
}

function runFailed(args: Arguments): Outcome {
  const [fd, op, error, value] = args.operands.slice(0, 4).map(Number) as [number, number, number, number];
  const [what, directory = ""] = args.operands.slice(4);
  syscall(SYSCALLS.lseek, fd, 0, 0);
  const image = readDescriptor(fd, IMAGE_LIMIT);
  if (typeof image === "number") throw new PidboxError("DEFECT", `The plan failed at op ${op} with errno ${error}, and its text cannot be read`);
  const failure = failureError(decodePlan(planInImage(image)), { op, error, value });
  settle(what, directory, failure);
  throw failure;
}

const SIGKILL = 9;
const SIGSYS = 31;

async function runEnded(args: Arguments, context: Context): Promise<Outcome> {
  const [directory = "", how = "waited"] = args.operands;
  if (how === "called-off") {
    (await import("./kept-end.ts")).callOff(directory);
    return { exit: EXIT.ok };
  }
  const state = readState(directory);
  const status = readStatus(directory);
  if (state === undefined || status === undefined) throw new PidboxError("IO", "The container's state was removed while it ran, so how it ended is not known");
  const events = readLimitEvents(state.cgroups);
  if (events.oomKills > 0) tell(rootOf(directory), subjectOf(state), ["oom"]);
  const limits = limitsOf(state);
  const call = status.signal === SIGSYS ? readSeccompKill(status.started, 0) : undefined;
  const killedCall = call === undefined ? undefined : Object.entries(SYSCALLS_X64).find(([, nr]) => nr === call)?.[0];
  const comm = status.sender === 0 ? undefined : readText(`/proc/${status.sender}/comm`, 64);
  const why = endText({
    status, events, memoryLimit: limits.memory, pidsLimit: limits.pids, killedCall, sender: typeof comm === "string" ? comm.trim() : undefined,
    stop: state.blueprint.stop,
  });
  if (why !== undefined) context.note(`${state.name}: ${why}`);
  const oomKilled = status.signal === SIGKILL && events.oomKills > 0;
  const left = how === "kept"
    ? await (await import("./kept-end.ts")).concludeKept(directory, state, { status, oomKilled, why }, context)
    : removeContainer(directory, state, !state.remove);
  for (const path of left) context.note(`could not remove ${path}: pidbox gc tries again`);
  return { exit: status.code };
}

const HIDDEN = { summary: "For pidbox itself", description: "Called by the launcher.", options: [], examples: [] } as const;

export const failed: Verb = {
  ...HIDDEN, name: "__failed", operands: [{ name: "REPORT", help: "Plan fd, op, errno, value", required: true, repeat: true }], failureExit: launchExitCode, run: runFailed,
};
export const ended: Verb = {
  ...HIDDEN, name: "__ended", failureExit: () => EXIT.launch, run: runEnded,
  operands: [{ name: "DIRECTORY", help: "State of the container, and how it was kept", required: true, repeat: true }],
};
