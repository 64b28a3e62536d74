/** `pidbox-oci start`: the word to a created container to run its program (runtime.md, "Start"). */
import { PidboxError } from "../../base/error.ts";
import { quote } from "../../base/text.ts";
import { runHook } from "../../engine/hooks.ts";
import { planInImage } from "../../engine/launch.ts";
import { lockContainer } from "../../engine/runtime-store.ts";
import type { RuntimeInit } from "../../engine/runtime-store.ts";
import { POLLIN } from "../../kernel/abi/constants.ts";
import { errnoName } from "../../kernel/abi/errno.ts";
import { SYSCALLS } from "../../kernel/abi/host.ts";
import { address, syscall } from "../../kernel/ffi.ts";
import { close, O, open, readDescriptor, unlink } from "../../kernel/file.ts";
import { decodePlan } from "../../plan/decode.ts";
import { failureError } from "../../plan/failure.ts";
import { parseContainerId } from "../../spec/name.ts";
import { hookState, loadContainer, observe } from "./container.ts";
import type { LoadedContainer } from "./container.ts";
import { killContainer } from "./kill.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciContext, OciOutcome, OciVerb } from "./verb.ts";

const REPORT_SIZE = 16;
const IMAGE_LIMIT = 80 << 20;

function failed(action: string, result: number): PidboxError {
  return new PidboxError("IO", `Cannot start the container: ${action}: ${errnoName(result)}`, { context: { errno: errnoName(result) } });
}

function hasStopped(): PidboxError {
  return new PidboxError("CONFLICT", "cannot start a container that has stopped");
}

/** The report that is in the fifo, none if exec has closed it: one read, for the writer may live on for a moment and a second one would find nothing yet. */
function readReport(fd: number): Uint8Array {
  const bytes = new Uint8Array(REPORT_SIZE);
  return bytes.subarray(0, Math.max(0, syscall(SYSCALLS.read, fd, address(bytes), REPORT_SIZE)));
}

/** Gives the word and waits until exec has closed the other end of the report, or a failed op was written to it. Returns the report's bytes. */
function giveWord(directory: string): Uint8Array {
  const report = open(`${directory}/report`, O.RDONLY | O.NONBLOCK | O.NOFOLLOW);
  if (report < 0) throw failed("report", report);
  const start = open(`${directory}/start`, O.WRONLY | O.NONBLOCK | O.NOFOLLOW);
  // ENXIO: it has been killed since its status was read.
  if (start === -6) throw hasStopped();
  if (start < 0) throw failed("start", start);
  const written = syscall(SYSCALLS.write, start, address(new Uint8Array(1)), 1);
  close(start);
  if (written !== 1) throw failed("start", written);
  unlink(`${directory}/start`);
  const poll = new Int32Array([report, POLLIN]);
  while (syscall(SYSCALLS.ppoll, address(poll), 1, 0, 0, 8) < 0);
  const bytes = readReport(report);
  close(report);
  unlink(`${directory}/report`);
  return bytes;
}

/** Why the program does not run, by the plan that the first process was still running before it. */
function explain(image: Uint8Array | number, report: Uint8Array): PidboxError {
  if (typeof image === "number") return new PidboxError("LAUNCH_FAILED", "Cannot start the container: its first process ended before the program ran");
  const view = new DataView(report.buffer, report.byteOffset, report.byteLength);
  const found = { op: view.getUint32(0, true), error: view.getInt32(4, true), value: Number(view.getBigInt64(8, true)) };
  return failureError(decodePlan(planInImage(image)), found);
}

function poststart(container: LoadedContainer, { pid }: RuntimeInit): void {
  const { state } = container;
  for (const hook of state.config.hooks?.poststart ?? []) {
    const why = runHook(hook, hookState(state, "running", pid), state.bundle);
    if (why === undefined) continue;
    // runtime.md, step 9: the container is stopped. Whoever made it deletes it.
    killContainer(observe(container));
    throw new PidboxError("LAUNCH_FAILED", `error running poststart hook ${quote(hook.path)}: ${why}`, { context: { from: "/hooks/poststart" } });
  }
}

function startContainer(id: string, context: OciContext): OciOutcome {
  const locked = lockContainer(context.root, id);
  const container = loadContainer(context, id);
  const { status, init } = observe(container);
  if (status !== "created" || init === undefined) {
    throw status === "stopped" ? hasStopped() : new PidboxError("CONFLICT", `cannot start a container in the ${status} state`);
  }
  // The launcher's own image: only a report of a failure needs it, and the process is gone by then.
  const exe = open(`/proc/${init.pid}/exe`, O.RDONLY);
  const report = giveWord(locked.directory);
  if (report.length >= REPORT_SIZE) throw explain(exe < 0 ? exe : readDescriptor(exe, IMAGE_LIMIT), report);
  if (exe >= 0) close(exe);
  // A hook may call other commands about the container.
  close(locked.lock);
  poststart(container, init);
  return { exit: 0 };
}

/** What the shortcut of `start` calls when the program did not run (plan/shortcut.ts). Not for people. */
export const startFailed: OciVerb = {
  name: "__oci-start-failed", summary: "For pidbox itself", usage: "", description: "Called by the shortcut.", options: [],
  operands: [{ name: "IMAGE", help: "Descriptor of the launcher's image", required: true }, { name: "REPORT", help: "Descriptor of the report", required: true }],
  run(args) {
    const [image = -1, report = -1] = args.operands.map(Number);
    const bytes = readReport(report);
    if (bytes.length < REPORT_SIZE) throw explain(-1, new Uint8Array(0));
    throw explain(readDescriptor(image, IMAGE_LIMIT), bytes);
  },
};

export const start: OciVerb = {
  name: "start",
  summary: "executes the user defined process in a created container",
  usage: "<container-id>",
  description: "The start command executes the user defined process in a created container.",
  options: [],
  operands: [CONTAINER_ID],
  run: (args, context) => startContainer(parseContainerId(args.operands[0] ?? ""), context),
};
