/** Hooks that a command of pidbox-oci runs itself, poststart and poststop: the others are ops of the plan (plan/hooks.ts). config.md, "POSIX-platform Hooks". */
import { printable } from "../base/text.ts";
import type { Hook } from "../spec/runtime-config.ts";

const SHOWN = 400;

/** `NAME=VALUE` words as an object; words without `=` are no variables. */
function environmentOf(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.flatMap((word) => {
    const at = word.indexOf("=");
    return at < 1 ? [] : [[word.slice(0, at), word.slice(at + 1)]];
  }));
}

/**
 * Runs one hook with nothing but its own environment, `state` on standard input and `directory` as working directory, and waits for it, as long as its
 * timeout. Returns why it failed, or undefined.
 */
export function runHook(hook: Hook, state: string, directory: string): string | undefined {
  const [argv0 = hook.path, ...args] = hook.args ?? [];
  let ended: Bun.SyncSubprocess<"pipe", "pipe">;
  try {
    ended = Bun.spawnSync([hook.path, ...args], {
      argv0, env: environmentOf(hook.env ?? []), cwd: directory, stdin: new TextEncoder().encode(state), stdout: "pipe", stderr: "pipe", killSignal: "SIGKILL",
      ...(hook.timeout === undefined ? {} : { timeout: hook.timeout * 1000 }),
    });
  } catch (error) {
    return error instanceof Error ? printable(error.message).slice(0, SHOWN) : "it could not be started";
  }
  if (ended.success) return undefined;
  if (ended.exitedDueToTimeout === true) return `it took longer than ${hook.timeout} s`;
  const said = printable(`${ended.stdout.toString()}${ended.stderr.toString()}`.trim()).slice(0, SHOWN);
  return `${ended.signalCode === undefined ? `exit status ${ended.exitCode}` : `signal ${ended.signalCode}`}, stdout+stderr: ${said}`;
}
