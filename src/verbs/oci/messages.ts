/**
 * Errors of pidbox in the words that engines look for in a runtime's log. Pure; the one place where they are made.
 *
 * - containerd (pkg/process/utils.go, checkKillError): `container not running`, `no such process`, `does not exist`.
 * - dockerd (daemon/errors.go, translateContainerdStartErr): the command with `executable file not found` or `no such file or directory` is exit code 127,
 *   `permission denied` and `is a directory` are 126.
 * - podman (libpod/oci_util.go, getOCIRuntimeError): `permission denied` or `operation not permitted` anywhere is 126, `executable file not found in` or
 *   `no such file or directory` is 127.
 */
import type { PidboxError } from "../../base/error.ts";
import { printable, quote } from "../../base/text.ts";
import { ERRNO_TEXT } from "../../kernel/abi/errno-table.ts";

/** What Go's syscall.Errno says where the kernel's header has other words. */
const GO_WORDS: Readonly<Record<string, string>> = {
  EIO: "input/output error", EBADF: "bad file descriptor", EAGAIN: "resource temporarily unavailable", ENOMEM: "cannot allocate memory", EXDEV: "invalid cross-device link",
  ENFILE: "too many open files in system", ENOTTY: "inappropriate ioctl for device", ELOOP: "too many levels of symbolic links",
};

/** `no such file or directory` for ENOENT; undefined for what is no errno name. */
export function errnoWords(name: string): string | undefined {
  if (Object.hasOwn(GO_WORDS, name)) return GO_WORDS[name];
  return Object.hasOwn(ERRNO_TEXT, name) ? ERRNO_TEXT[name as keyof typeof ERRNO_TEXT].toLowerCase() : undefined;
}

/** The program of a process could not be executed: what os/exec of Go says, which runc passes on. */
function programMessage(program: string, errno: string): string {
  const why = errnoWords(errno) ?? errno;
  if (errno === "ENOENT" && !program.includes("/")) return `exec: ${quote(program)}: executable file not found in $PATH`;
  return `exec: ${quote(program)}: ${errno === "ENOENT" ? `stat ${printable(program)}: ` : ""}${why}`;
}

/** `error` as one printable line for a runtime's log. */
export function engineMessage(error: PidboxError): string {
  const { code, context, hint } = error;
  if (code === "COMMAND_NOT_FOUND" && context.path !== undefined) return `unable to start container process: ${programMessage(context.path, "ENOENT")}`;
  if (code === "COMMAND_NOT_EXECUTABLE" && context.path !== undefined) {
    return `unable to start container process: ${programMessage(context.path, context.errno ?? "EACCES")}`;
  }
  const words = context.errno === undefined ? undefined : errnoWords(context.errno);
  // dockerd would take our hint on it, "not a directory", for the sign of a mount that cannot be.
  if (context.from === "/process/cwd" && context.path !== undefined && words !== undefined) {
    return `unable to start container process: chdir to cwd (${quote(context.path)}) set in config.json failed: ${words}`;
  }
  let message = error.message;
  if (context.errno !== undefined && words !== undefined && !message.includes(words)) {
    message = message.includes(context.errno) ? message.replace(context.errno, words) : `${message}: ${words}`;
  }
  return printable(hint === undefined ? message : `${message} (${hint})`);
}
