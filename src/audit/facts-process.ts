/** What an audit reads once of each process of a container. An attacker controls all of it but `stat`. */
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, readLink, readStart, readText } from "../kernel/file.ts";
import { openProcess, parseCommandLine } from "../kernel/process-list.ts";
import { parseProcessStat } from "../kernel/process-status.ts";
import type { ProcessFacts } from "./facts.ts";

const ENVIRONMENT = 64 * 1024;
const COMMAND = 4096;
const MOST_VARIABLES = 2000;

/** Names of the variables in an environ file. Words without `=` are left out, and values are never kept. */
export function parseVariables(bytes: Uint8Array): string[] {
  const words = new TextDecoder().decode(bytes).split("\0", MOST_VARIABLES);
  return words.flatMap((word) => {
    const end = word.indexOf("=");
    return end <= 0 ? [] : [word.slice(0, end)];
  });
}

const PR_SCHED_CORE = 62;

function readCoreCookie(pid: number): bigint | number {
  const cookie = new BigUint64Array(1);
  // PR_SCHED_CORE_GET of one thread (PIDTYPE_PID); it stores a u64 at the address, which stays referenced until the call returns.
  const result = syscall(SYSCALLS.prctl, PR_SCHED_CORE, 0, pid, 0, address(cookie));
  return result < 0 ? result : (cookie[0] ?? 0n);
}

/** The facts of a process, or undefined when there is none of that PID (any more). */
export function readProcess(pid: number): ProcessFacts | undefined {
  const dirfd = openProcess(pid);
  if (dirfd < 0) return undefined;
  try {
    const stat = readText("stat", 4096, dirfd);
    const command = readStart("cmdline", COMMAND, dirfd);
    const variables = readStart("environ", ENVIRONMENT, dirfd);
    return {
      pid, stat: typeof stat === "number" ? stat : parseProcessStat(stat), command: typeof command === "number" ? [] : parseCommandLine(command),
      program: readLink("exe", dirfd), coreCookie: readCoreCookie(pid), variables: typeof variables === "number" ? variables : parseVariables(variables),
    };
  } finally {
    close(dirfd);
  }
}
