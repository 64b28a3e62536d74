/** `pidbox-oci events`: what a container uses, now or again and again, and when the kernel killed in it for want of memory. */
import { PidboxError } from "../../base/error.ts";
import { readCgroupStats } from "../../engine/cgroup-stats.ts";
import { watchOom } from "../../engine/oom-watch.ts";
import type { OomWatch } from "../../engine/oom-watch.ts";
import { openInit } from "../../engine/runtime-store.ts";
import { POLLIN } from "../../kernel/abi/constants.ts";
import { pollAll } from "../../kernel/wait.ts";
import { formatJson } from "../../spec/json.ts";
import { containerId, loadContainer, observe } from "./container.ts";
import type { ObservedContainer } from "./container.ts";
import { statsDocument } from "./event-stats.ts";
import { CONTAINER_ID } from "./verb.ts";
import type { OciArguments, OciContext, OciOutcome, OciVerb } from "./verb.ts";

const EINTR = -4;

/** One event as a line, in the form of runc's types/events.go. */
function line(type: "stats" | "oom", id: string, data?: unknown): string {
  return `${formatJson({ type, id, ...(data === undefined ? {} : { data }) })}\n`;
}

function statsLine({ id, state }: ObservedContainer): string {
  return line("stats", id, statsDocument(readCgroupStats(state.cgroups)));
}

interface Sources {
  /** Of the first process: readable when that is gone. */
  readonly pidfd: number;
  readonly watch: OomWatch | undefined;
}

/** Writes events until the container or the reader is gone. */
function follow(container: ObservedContainer, interval: number, { pidfd, watch }: Sources, context: OciContext): void {
  const wanted = [{ fd: pidfd, events: POLLIN }, ...(watch?.fd === undefined ? [] : [{ fd: watch.fd, events: watch.events }])];
  let killed = watch?.count() ?? 0;
  let next = performance.now() + interval;
  for (let alive = true; alive; ) {
    const happened = pollAll(wanted, next - performance.now());
    if (happened === EINTR) continue;
    if (typeof happened === "number") throw new PidboxError("IO", `Cannot wait for events: poll: ${-happened}`);
    alive = (happened[0] ?? 0) === 0;
    const more = (watch?.count() ?? killed) - killed;
    for (let i = 0; i < more; i++) if (!context.write(line("oom", container.id))) return;
    killed += Math.max(0, more);
    if (alive && performance.now() >= next) {
      if (!context.write(statsLine(container))) return;
      next += interval;
    }
  }
}

function runEvents(args: OciArguments, context: OciContext): OciOutcome {
  const container = observe(loadContainer(context, containerId(args)));
  const interval = Number(args.value("interval")) / 1e6;
  if (!(interval > 0)) throw new PidboxError("USAGE", "duration interval must be greater than 0");
  const pidfd = container.init === undefined ? -1 : openInit(container.init);
  if (pidfd < 0) throw new PidboxError("CONFLICT", `container with id ${container.id} is not running`);
  if (args.flag("stats")) return { exit: 0, text: statsLine(container) };
  follow(container, interval, { pidfd, watch: watchOom(container.state.cgroups) }, context);
  return { exit: 0 };
}

export const events: OciVerb = {
  name: "events",
  summary: "display container events such as OOM notifications, cpu, memory, and IO usage statistics",
  usage: "<container-id>",
  description: "The events command displays information about the container. By default the information is displayed once every 5 seconds.",
  options: [
    { name: "interval", kind: "duration", initial: "5s", help: "set the stats collection interval" },
    { name: "stats", help: "display the container's stats then exit" },
  ],
  operands: [CONTAINER_ID],
  run: runEvents,
};
