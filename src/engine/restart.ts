/** Restart policies without a daemon: when the supervisor starts its container again, and after how long. In docker's numbers. Pure. */
import { SIGNAL } from "../kernel/abi/constants.ts";
import type { EndRecord } from "./end-record.ts";
import type { ContainerStatus, RestartPolicy } from "./store.ts";

// restartmanager of moby: 100 ms, doubled for each restart up to a minute; after ten seconds of running it begins anew.
const FIRST_DELAY = 100;
const LONGEST_DELAY = 60_000;
const SETTLED = 10_000;

/** Whether the supervisor was asked to end: it passes these on, and a container that ends of them was stopped. */
export function wasAsked(status: Pick<ContainerStatus, "forwarded">, stopSignal: number | undefined): boolean {
  const wishes: readonly (number | undefined)[] = [SIGNAL.TERM, SIGNAL.INT, SIGNAL.QUIT, SIGNAL.KILL, stopSignal];
  return wishes.includes(status.forwarded);
}

/** Milliseconds until the next start, or undefined for none. `before` is what was known of the end before this one. */
export function restartDelay(
  policy: RestartPolicy, status: Pick<ContainerStatus, "code" | "started" | "ended">, before: Pick<EndRecord, "restarts" | "delay">, stopped: boolean,
): number | undefined {
  if (stopped || policy.name === "no") return undefined;
  if (policy.name === "on-failure" && (status.code === 0 || (policy.retries > 0 && before.restarts >= policy.retries))) return undefined;
  if (status.ended - status.started >= SETTLED || before.delay === undefined) return FIRST_DELAY;
  return Math.min(before.delay * 2, LONGEST_DELAY);
}
