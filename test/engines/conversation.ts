/** A command at a terminal, and somebody who types. */
import type { Ended } from "./outcome.ts";
import { patience } from "./world.ts";

/** What must be shown since the last answer, and what is typed then. */
export type Step = readonly [wait: RegExp, type: string];

/** Milliseconds until an answer that does not come is missed. */
const PATIENCE = patience(30_000);

/** Runs a command on a pty of 91 columns and 33 rows to its end, with the steps in order. All that was shown is `out`. */
export async function converse(command: readonly string[], env: Readonly<Record<string, string>>, steps: readonly Step[]): Promise<Ended> {
  let text = "";
  let at = 0;
  let left = steps;
  const decoder = new TextDecoder();
  const answer = (pty: Bun.Terminal): void => {
    for (;;) {
      const [step] = left;
      const found = step?.[0].exec(text.slice(at)) ?? null;
      if (step === undefined || found === null) return;
      at += found.index + found[0].length;
      pty.write(step[1]);
      left = left.slice(1);
    }
  };
  const terminal = new Bun.Terminal({
    cols: 91, rows: 33,
    data(pty, bytes) {
      text += decoder.decode(bytes, { stream: true });
      answer(pty);
    },
  });
  const child = Bun.spawn(
    [...command],
    { terminal, cwd: "/", env: { PATH: process.env["PATH"] ?? "", TERM: "dumb", ...env }, timeout: PATIENCE, killSignal: "SIGKILL" },
  );
  answer(terminal);
  const code = await child.exited;
  terminal.close();
  if (left[0] !== undefined) throw new Error(`${command.join(" ")}: never showed ${String(left[0][0])} after ${JSON.stringify(text.slice(0, at))}, but ${JSON.stringify(text.slice(at))}`);
  return { code, out: text.replaceAll("\r\n", "\n"), err: "" };
}
