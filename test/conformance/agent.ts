/** A seccomp agent (listener.c), which is a process of its own. */
import { readFileSync, rmSync } from "node:fs";
import { until } from "../until.ts";
import { spawn } from "./bench.ts";

export interface Agent {
  readonly socket: string;
  /** What came over each connection so far. */
  states(): { first: number; rest: number; payload: Record<string, unknown> }[];
  /** Names of the events so far: `state`, `closed`, `notified`. */
  events(): string[];
}

/** Runs `body` while an agent listens in `directory`; `program` is listener.c, compiled. */
export async function withAgent<T>(program: string, directory: string, body: (agent: Agent) => Promise<T>): Promise<T> {
  const socket = `${directory}/agent.sock`;
  const base = `${directory}/agent`;
  rmSync(socket, { force: true });
  const server = spawn([program, socket], { stdin: "ignore", stdout: Bun.file(`${base}.out`), stderr: Bun.file(`${base}.err`) });
  const lines = (): string[] => readFileSync(`${base}.out`, "utf8").split("\n").filter((line) => line !== "");
  try {
    await until(() => readFileSync(`${base}.err`, "utf8").includes("listening"), "the agent's socket");
    return await body({
      socket,
      events: () => lines().map((line) => line.split(" ")[0] ?? ""),
      states: () => lines().filter((line) => line.startsWith("state ")).map((line) => {
        const [, first = "", rest = "", json = ""] = /^state \d+ (\d+) (\d+) (.*)$/.exec(line) ?? [];
        return { first: Number(first), rest: Number(rest), payload: JSON.parse(json) as Record<string, unknown> };
      }),
    });
  } finally {
    server.kill("SIGKILL");
    await server.exited;
  }
}
