/** `pidbox-oci kill`: a signal to the container's first process, or to all of its processes. */
import { PidboxError } from "../../base/error.ts";
import { openInit } from "../../engine/runtime-store.ts";
import { errnoName } from "../../kernel/abi/errno.ts";
import { SYSCALLS } from "../../kernel/abi/host.ts";
import { signalNumber } from "../../kernel/abi/signals.ts";
import { syscall } from "../../kernel/ffi.ts";
import { close } from "../../kernel/file.ts";
import { quote } from "../../base/text.ts";
import { containerId, loadContainer, observe } from "./container.ts";
import type { ObservedContainer } from "./container.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciVerb } from "./verb.ts";

const ESRCH = -3;

/** containerd takes `container not running` for "it has ended already". */
export function notRunning(): PidboxError {
  return new PidboxError("CONFLICT", "container not running");
}

/** 0 asks only whether the process is there (kill(2)). */
function parseSignal(text: string): number {
  const number = text === "0" ? 0 : signalNumber(text);
  if (number === undefined) throw new PidboxError("USAGE", `unknown signal ${quote(text)}`);
  return number;
}

/** Signals the first process through a pidfd. Throws CONFLICT if it is gone. */
export function signalInit({ init }: ObservedContainer, signal: number): void {
  if (init === undefined) throw notRunning();
  const pidfd = openInit(init);
  const result = pidfd < 0 ? pidfd : syscall(SYSCALLS.pidfd_send_signal, pidfd, signal, 0, 0);
  if (pidfd >= 0) close(pidfd);
  if (result === ESRCH) throw notRunning();
  if (result < 0) throw new PidboxError(result === -1 ? "PERMISSION" : "IO", `unable to signal init: ${errnoName(result)}`, { context: { errno: errnoName(result) } });
}

export const kill: OciVerb = {
  name: "kill",
  summary: "kill sends the specified signal (default: SIGTERM) to the container's init process",
  usage: "<container-id> [signal]",
  description: "",
  options: [{ name: "all", short: "a", help: "send the specified signal to all processes inside the container" }],
  operands: [CONTAINER_ID, { name: "signal", help: "Name with or without SIG, or number" }],
  run(args, context) {
    const container = observe(loadContainer(context, containerId(args)));
    signalInit(container, parseSignal(args.operands[1] ?? "SIGTERM"));
    return { exit: 0 };
  },
};
