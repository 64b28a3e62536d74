/**
 * Stage: a filter whose calls another program answers (seccomp_unotify(2); config-linux.md, "The Container Process State").
 *
 * The process that loads the filter cannot be relied on to send the listener away, for the filter may stop just that call. It says the descriptor's number
 * by write(2), which no filter may hand to a listener, and the supervisor fetches the descriptor and sends it. Pure.
 */
import { PR, SECCOMP_SET_MODE_FILTER } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Blueprint } from "./blueprint.ts";
import { connectUnix, receive, send, sendBytes } from "./handover.ts";
import type { Compilation } from "./names.ts";
import { FLAG } from "./op.ts";
import { stateParts, writeDocument } from "./state-document.ts";

const NEW_LISTENER = 8;

export function hasListener(c: Compilation): boolean {
  return c.blueprint.seccomp?.listener !== undefined;
}

/** Ops of the process that becomes the program: loads the filter and waits until the listener has its place. `link` is its end of the supervisor's socket. */
export function loadListening(c: Compilation, program: number, flags: number, link: number): void {
  const { writer: w } = c;
  const [self, listener] = [w.register(), w.register()];
  const number = w.cells(0);
  w.call(SYSCALLS.getpid).into(self).call(SYSCALLS.pidfd_open, self, 0).into(self);
  send(c, link, [self]);
  // Without the host's rights the supervisor may look into this process only if it is dumpable (ptrace(2)); nobody else is in the container yet.
  if (!c.facts.privileged) w.call(SYSCALLS.prctl, PR.SET_DUMPABLE, 1);
  w.close(self).call(SYSCALLS.seccomp, SECCOMP_SET_MODE_FILTER, flags | NEW_LISTENER, program).into(listener);
  w.store(number, listener, 4).call(SYSCALLS.write, link, number, 4).flags(FLAG.FULL);
  const answer = w.register();
  w.call(SYSCALLS.read, link, number, 1).into(answer).expect(answer, 1).release(answer);
  w.close(listener);
}

/** What goes with the descriptor, before, between and behind the PIDs in it. */
function documentParts({ runtime, seccomp }: Blueprint, [head, tail]: readonly [string, string]): string[] {
  const { metadata } = seccomp?.listener ?? {};
  const { ociVersion } = runtime?.document ?? {};
  const outer = JSON.stringify({ ociVersion, fds: ["seccompFd"], ...(metadata === undefined ? {} : { metadata }) }).slice(0, -1);
  return [`${outer},"pid":`, `,"state":${head}`, `${tail}}`];
}

/** Supervisor's ops: fetches the listener of the process that loads the filter, and sends it on. `pid` is the register of the container's PID. */
export function handListener(c: Compilation, link: number, pid: number, status: "creating" | "running"): void {
  const { writer: w } = c;
  const listener = c.blueprint.seccomp?.listener;
  if (listener === undefined) return;
  const [loader, found] = [w.register(), w.register()];
  const number = w.cells(0);
  w.from("/linux/seccomp/listenerPath");
  receive(c, link, [loader]);
  w.call(SYSCALLS.read, link, number, 4).into(found).expect(found, 4).load(found, number, 4);
  w.call(SYSCALLS.pidfd_getfd, loader, found, 0).into(found).close(loader);
  const socket = connectUnix(c, "/linux/seccomp/listenerPath", listener.path);
  const { address, length } = writeDocument(w, documentParts(c.blueprint, stateParts(c.blueprint, status)), pid);
  sendBytes(c, socket, { address, length }, [found]);
  w.close(found, socket);
  send(c, link, []);
}
