/** What an audit reads once of each process of a container. An attacker controls all of it but `stat`. */
import { close, readLink, readStart, readText } from "../kernel/file.ts";
import { statObject } from "../kernel/object.ts";
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
      program: readLink("exe", dirfd), executable: statObject("exe", dirfd),
      variables: typeof variables === "number" ? variables : parseVariables(variables),
    };
  } finally {
    close(dirfd);
  }
}
