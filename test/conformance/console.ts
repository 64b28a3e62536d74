/** The far end of a container's terminal: a console socket whose server (console.c) is a process of its own. */
import { readFileSync, rmSync } from "node:fs";
import { until, within } from "../until.ts";
import { answers, type Bench, spawn } from "./bench.ts";

export interface Console {
  /** Path for `--console-socket`. */
  readonly socket: string;
  type(text: string): void;
  /** What was shown until the terminal was closed, as answers of the probe. */
  answers(): Promise<Record<string, string>>;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Runs `body` with a console socket; its server is ended afterwards. */
export async function withConsole<T>(bench: Bench, body: (console: Console) => Promise<T>): Promise<T> {
  const socket = `${bench.directory}/console.sock`;
  const base = `${bench.directory}/console`;
  rmSync(socket, { force: true });
  const server = spawn([`${bench.programs}/console`, socket], { stdin: "pipe", stdout: Bun.file(`${base}.out`), stderr: Bun.file(`${base}.err`) });
  await until(() => textOf(`${base}.err`).includes("listening"), "the console socket");
  try {
    return await body({
      socket,
      type(text) {
        const input = server.stdin as Bun.FileSink;
        void input.write(text);
        void input.flush();
      },
      async answers() {
        await within(server.exited, "the end of the terminal");
        return answers(textOf(`${base}.out`).replaceAll("\r", ""));
      },
    });
  } finally {
    server.kill("SIGKILL");
    await server.exited;
  }
}
