/** pidbox at a real terminal: a pty whose far end the test holds, and a session of its own on it. */
import { readFileSync } from "node:fs";
import type { Caller, Scene } from "./scene.ts";
import { until } from "./until.ts";

/** ICANON | ECHO | ISIG of c_lflag, and OPOST of c_oflag (termios(3)): what raw mode takes away. */
const COOKED = { local: 0o2 | 0o10 | 0o1, output: 0o1 } as const;

export interface PtyEnd {
  /** Exit code, or 128 + the signal's number. */
  readonly code: number;
  readonly text: string;
  readonly cooked: boolean;
}

export interface PtySession {
  /** PID of the command. */
  pid(): number;
  /** Waits until the output holds `wanted`. */
  until(wanted: string | RegExp): Promise<void>;
  type(keys: string): void;
  resize(columns: number, rows: number): void;
  /** Whether the terminal is as a shell wants it: line editing, echo, signal keys, newline translation. */
  cooked(): boolean;
  /** Waits until the terminal is raw or cooked again. */
  becomes(state: "raw" | "cooked"): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Waits for the end: all output, and how the terminal was left. */
  ended(): Promise<PtyEnd>;
}

/** PIDs of the children of a process, by name. */
export function childrenOf(pid: number): Map<string, number> {
  const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter((word) => word.trim() !== "").map(Number);
  return new Map(pids.map((child) => [readFileSync(`/proc/${child}/comm`, "utf8").trim(), child]));
}

// The session's leader stays until the terminal is closed, for its death would hang the terminal up before the last output was read.
const LEADER = '"$@"; printf "<end %s>" $?; read -r forever';

/** Runs a command line as the foreground job of a session on a new pty of 91 columns and 33 rows. */
export function openPty(scene: Scene, command: readonly string[], caller: Caller = "root"): PtySession {
  let text = "";
  const decoder = new TextDecoder();
  const terminal = new Bun.Terminal({
    cols: 91, rows: 33,
    data: (_terminal, bytes) => void (text += decoder.decode(bytes, { stream: true })),
  });
  const env = scene.environment(caller, { TERM: "dumb" });
  const leader = Bun.spawn(["setsid", "--ctty", "sh", "-c", LEADER, "sh", ...command], { terminal, cwd: scene.directory, env });
  scene.track(leader);
  const cooked = (): boolean => (terminal.localFlags & COOKED.local) === COOKED.local && (terminal.outputFlags & COOKED.output) === COOKED.output;
  const pid = (): number => [...childrenOf(leader.pid).values()][0] ?? 0;
  const shows = async (wanted: string | RegExp): Promise<void> => {
    await until(() => (typeof wanted === "string" ? text.includes(wanted) : wanted.test(text)), () => `${String(wanted)} at the terminal, which shows ${JSON.stringify(text)}`);
  };
  return {
    pid, cooked, until: shows,
    type: (keys) => void terminal.write(keys),
    resize: (columns, rows) => terminal.resize(columns, rows),
    async becomes(state) {
      await until(() => cooked() === (state === "cooked"), `the terminal to become ${state}`);
    },
    kill: (signal) => void process.kill(pid(), signal),
    async ended() {
      await shows(/<end \d+>/);
      const [, all = "", code] = /^([^]*)<end (\d+)>/.exec(text) ?? [];
      const left = cooked();
      terminal.close();
      await leader.exited;
      return { code: Number(code), text: all, cooked: left };
    },
  };
}
