/** What the first process of a container and one of `exec` have in common: environment, capabilities, descriptors. */
import { PidboxError } from "../../base/error.ts";
import { printable } from "../../base/text.ts";
import { effectiveCapabilities } from "../../engine/host.ts";
import { F } from "../../kernel/abi/constants.ts";
import { errnoName } from "../../kernel/abi/errno.ts";
import { SYSCALLS } from "../../kernel/abi/host.ts";
import { syscall } from "../../kernel/ffi.ts";
import { readTextInRoot } from "../../kernel/inroot.ts";
import type { Stdio } from "../../plan/blueprint.ts";
import type { HostFacts } from "../../plan/host-facts.ts";
import type { Config, Process } from "../../spec/runtime-config.ts";
import { grantCapabilities } from "./capabilities.ts";
import type { OciArguments, OciContext } from "./verb.ts";

/** HOME of a user that the environment does not give one: from the container's own passwd, else "/". */
function homeOf(rootfs: string, uid: number): string {
  const text = readTextInRoot(rootfs, "etc/passwd", 4 << 20);
  const line = typeof text === "string" ? text.split("\n").map((one) => one.split(":")).find((fields) => fields[2] === String(uid)) : undefined;
  return line?.[5] ?? "/";
}

/** Environment with HOME, and with what systemd's socket activation says of the descriptors that are passed on (sd_listen_fds(3)). */
export function environmentOf(process: Process, rootfs: string, context: OciContext, listening: number): string[] {
  const env = [...process.env ?? []];
  if (!env.some((word) => word.startsWith("HOME="))) env.push(`HOME=${homeOf(rootfs, process.user?.uid ?? 0)}`);
  if (listening === 0) return env;
  const names = context.environment["LISTEN_FDNAMES"];
  return [...env, `LISTEN_FDS=${listening}`, "LISTEN_PID=1", ...(names === undefined ? [] : [`LISTEN_FDNAMES=${names}`])];
}

/** The process with the capabilities that can be granted; a warning names the others. `owned` as for grantCapabilities. */
export function grantedProcess(process: Process, owned: number, context: OciContext): Process {
  if (process.capabilities === undefined) return process;
  const { sets, refused } = grantCapabilities(process.capabilities, owned);
  if (refused.length > 0) context.warn(`these capabilities cannot be granted here: ${refused.map(printable).join(", ")}`);
  return { ...process, capabilities: sets };
}

/** Capabilities that a process of the container can have: in a user namespace of its own all that there are. */
export function ownedCapabilities(config: Config, facts: HostFacts): number {
  return config.linux?.namespaces?.some(({ type }) => type === "user") === true ? 2 ** (facts.lastCapability + 1) - 1 : effectiveCapabilities();
}

/** Descriptors after 2 that the caller passes on: socket activation's and `--preserve-fds`. They are kept over exec from here on. Throws USAGE. */
export function preserveDescriptors(args: OciArguments, context: OciContext): { readonly all: number; readonly listening: number } {
  const said = Number(context.environment["LISTEN_FDS"] ?? "0");
  const listening = Number.isInteger(said) && said > 0 ? said : 0;
  const all = listening + Number(args.value("preserve-fds") ?? "0");
  for (let fd = 3; fd < 3 + all; fd++) {
    // Bun sets close-on-exec on what it inherits.
    const result = syscall(SYSCALLS.fcntl, fd, F.SETFD, 0);
    if (result < 0) throw new PidboxError("USAGE", `please check that preserved-fd ${fd} (of ${all}) is present: ${errnoName(result)}`, { context: { from: "--preserve-fds" } });
  }
  return { all, listening };
}

/** Where the program's standard descriptors lead. Throws USAGE for a terminal that nobody would hold, or a socket that nothing is sent to. */
export function stdioOf(terminal: boolean, consoleSocket: string | undefined, leaves: boolean): Stdio {
  if (terminal && consoleSocket === undefined && leaves) {
    throw new PidboxError("USAGE", "cannot allocate tty if pidbox-oci will detach without setting console socket", { context: { from: "--console-socket" } });
  }
  if (consoleSocket !== undefined && !(terminal && leaves)) {
    throw new PidboxError("USAGE", "cannot use console socket if pidbox-oci will not detach or allocate tty", { context: { from: "--console-socket" } });
  }
  return terminal ? { kind: "terminal", input: true } : { kind: "inherit" };
}

/** A descriptor where plans expect it: above all that the program gets, and kept over exec. Throws IO. */
export function raiseDescriptor(fd: number, preserved: number): number {
  const raised = syscall(SYSCALLS.fcntl, fd, F.DUPFD, 32 + preserved);
  if (raised < 0) throw new PidboxError("IO", `Cannot keep a descriptor for the launcher: ${errnoName(raised)}`);
  return raised;
}
