/**
 * Hooks that a command of pidbox-oci runs itself, poststart and poststop: the others are ops of the plan (plan/hooks.ts). config.md, "POSIX-platform Hooks".
 *
 * Trusts: the config, which names the programs. They get the environment of the hook alone (CVE-2025-23266), the state on standard input from a file that
 * they need not read, and a file for what they write: nobody waits for a child that a hook leaves behind.
 */
import { MFD } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { canEnter, close, cString, readDescriptor } from "../kernel/file.ts";
import { printable } from "../base/text.ts";
import type { Hook } from "../spec/runtime-config.ts";

const SEEK_SET = 0;
/** Characters of what a hook wrote that an error shows. */
const SPOKEN = 400;

function memoryFile(name: string, text: string): number {
  const fd = syscall(SYSCALLS.memfd_create, address(cString(name)), MFD.CLOEXEC);
  const bytes = new TextEncoder().encode(text);
  if (fd >= 0 && bytes.length > 0) syscall(SYSCALLS.write, fd, address(bytes), bytes.length);
  if (fd >= 0) syscall(SYSCALLS.lseek, fd, 0, SEEK_SET);
  return fd;
}

function environment(hook: Hook): Record<string, string> {
  const pairs = (hook.env ?? []).map((word): [string, string] => {
    const equals = word.indexOf("=");
    return equals < 0 ? [word, ""] : [word.slice(0, equals), word.slice(equals + 1)];
  });
  return Object.fromEntries(pairs);
}

function spoken(output: number): string {
  syscall(SYSCALLS.lseek, output, 0, SEEK_SET);
  const bytes = readDescriptor(output, 1 << 20);
  const text = typeof bytes === "number" ? "" : new TextDecoder().decode(bytes).trim();
  return text === "" ? "" : `, stdout+stderr: ${printable(text.slice(0, SPOKEN))}`;
}

/**
 * Runs one hook with `state` on standard input and `cwd` as working directory (/ if that is gone), and waits for it, as long as its timeout.
 * Returns why it failed, or undefined.
 */
export function runHook(hook: Hook, state: string, cwd: string): string | undefined {
  const [input, output] = [memoryFile("state", state), memoryFile("hook", "")];
  try {
    const args = hook.args ?? [];
    const ended = Bun.spawnSync({
      cmd: [hook.path, ...args.slice(1)], argv0: args[0] ?? hook.path, env: environment(hook), cwd: canEnter(cwd) ? cwd : "/",
      stdin: input, stdout: output, stderr: output, killSignal: "SIGKILL",
      ...(hook.timeout === undefined ? {} : { timeout: hook.timeout * 1000 }),
    });
    if (ended.exitedDueToTimeout === true) return `it took longer than ${hook.timeout} s`;
    if (ended.exitCode === 0) return undefined;
    return `${ended.signalCode === undefined ? `exit status ${ended.exitCode}` : `signal ${ended.signalCode}`}${spoken(output)}`;
  } catch (error) {
    return error instanceof Error ? printable(error.message) : "it could not be started";
  } finally {
    for (const fd of [input, output]) close(fd);
  }
}
