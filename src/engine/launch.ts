/**
 * Starts the launcher. The only file that does.
 *
 * Launcher and plan go into one memfd: the plan becomes the ELF segment that launcher.ld reserves for it, so that the kernel maps it at exec and nothing has
 * to be opened, passed or parsed. The memfd is a sealed copy (CVE-2019-5736, CVE-2026-31431): the pidbox binary itself is never visible in a container.
 */
import { LAUNCHER_BASE64 } from "../../build/launcher-image.ts";
import { PidboxError } from "../base/error.ts";
import { AT, F, MFD } from "../kernel/abi/constants.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, cString } from "../kernel/file.ts";

/** Where launcher.ld puts the plan. */
const PLAN_ADDRESS = 0x10000000;
const PT_LOAD = 1;

/** The launcher's ELF file with `plan` as its plan segment. Pure. */
export function launcherImage(plan: Uint8Array): Uint8Array {
  const launcher = Uint8Array.fromBase64(LAUNCHER_BASE64);
  const view = new DataView(launcher.buffer, launcher.byteOffset, launcher.byteLength);
  const headers = Number(view.getBigUint64(32, true));
  for (let i = 0; i < view.getUint16(56, true); i++) {
    // Elf64_Phdr: type, flags, offset, vaddr, paddr, filesz, memsz, align
    const at = headers + 56 * i;
    if (view.getUint32(at, true) !== PT_LOAD || view.getUint32(at + 16, true) !== PLAN_ADDRESS) continue;
    const offset = view.getUint32(at + 8, true);
    const image = new Uint8Array(offset + plan.length);
    image.set(launcher.subarray(0, offset));
    image.set(plan, offset);
    const patched = new DataView(image.buffer);
    for (const field of [32, 40]) patched.setUint32(at + field, plan.length, true);
    // No section table: it would lie in the plan.
    patched.setBigUint64(40, 0n, true);
    patched.setUint16(60, 0, true);
    return image;
  }
  throw new PidboxError("DEFECT", "The launcher has no segment for a plan");
}

/** The plan in an image that launcherImage made. Throws PARSE. Pure. */
export function planInImage(image: Uint8Array): Uint8Array {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const headers = image.length < 64 ? 0 : Number(view.getBigUint64(32, true));
  for (let i = 0; headers + 56 * i + 56 <= image.length && i < 8; i++) {
    const at = headers + 56 * i;
    if (view.getUint32(at, true) === PT_LOAD && view.getUint32(at + 16, true) === PLAN_ADDRESS) return image.subarray(view.getUint32(at + 8, true));
  }
  throw new PidboxError("PARSE", "Cannot find the plan in the launcher's image");
}

/** Starts a process beside this one that runs `plan`, with nothing to read or write. Returns its PID. Throws as createImageFile does. */
export function startBeside(plan: Uint8Array): number {
  const file = createImageFile();
  writeSealed(file, launcherImage(plan));
  const child = Bun.spawn([`/proc/${syscall(SYSCALLS.getpid)}/fd/${file}`], { stdio: ["ignore", "ignore", "ignore"], env: {} });
  syscall(SYSCALLS.close, file);
  return child.pid;
}

/** A memfd to put launcher and plan in. The caller owns it. Throws HOST_UNSUPPORTED. */
export function createImageFile(): number {
  // MFD_EXEC exists since 6.3; before, files of memfd_create are executable and the flag is EINVAL.
  const name = cString("pidbox");
  let fd = syscall(SYSCALLS.memfd_create, address(name), MFD.ALLOW_SEALING | MFD.EXEC);
  if (fd === -22) fd = syscall(SYSCALLS.memfd_create, address(name), MFD.ALLOW_SEALING);
  if (fd >= 0) return fd;
  throw new PidboxError("HOST_UNSUPPORTED", `Cannot make a sealed copy of the launcher: memfd_create: ${errnoName(-fd)}`, {
    hint: "Set vm.memfd_noexec to 0 or 1, and let memfd_create through the seccomp filter that pidbox itself runs under",
    context: { feature: "memfd", errno: errnoName(-fd) },
  });
}

function writeSealed(fd: number, image: Uint8Array): void {
  for (let done = 0; done < image.length; ) {
    const n = syscall(SYSCALLS.write, fd, address(image.subarray(done)), image.length - done);
    if (n <= 0) throw new PidboxError("IO", `Cannot write the plan: memfd: ${errnoName(-n)}`);
    done += n;
  }
  // F_SEAL_EXEC, which fixes the mode, exists since 6.3.
  let sealed = syscall(SYSCALLS.fcntl, fd, F.ADD_SEALS, F.SEAL_ALL | F.SEAL_EXEC);
  if (sealed === -22) sealed = syscall(SYSCALLS.fcntl, fd, F.ADD_SEALS, F.SEAL_ALL);
  if (sealed < 0) throw new PidboxError("HOST_UNSUPPORTED", `Cannot seal the launcher: ${errnoName(-sealed)}`, { context: { feature: "memfd" } });
}

/** NULL-terminated array of pointers, for argv. `keep` holds what the pointers lead to. */
function pointers(texts: readonly string[], keep: Uint8Array[]): Uint8Array {
  const array = new Uint8Array(8 * (texts.length + 1));
  const view = new DataView(array.buffer);
  texts.forEach((text, i) => {
    const bytes = cString(text);
    keep.push(bytes);
    view.setBigUint64(8 * i, BigInt(address(bytes)), true);
  });
  return array;
}

/** Descriptors that a spawned launcher gets, where its plan keeps them (plan/names.ts), and the numbers that they have here. */
export interface Handed {
  readonly charge: number;
  readonly client?: number;
}

/** Numbers that the launcher finds them by. */
interface Found {
  readonly self: number;
  readonly charge: number;
  readonly client?: number;
}

const AT_SPAWN = { self: 4, extra: 5, charge: 6, client: 7 } as const;

/** A launcher whose error can be read. */
export type Gated = Bun.Subprocess<"ignore", "ignore", "pipe">;

/** Starts the launcher beside this process with the gate `inside`, which the caller closes, and nothing else of it. Throws as createImageFile does. */
export function spawnGated(makePlan: (found: { self: number; gate: number }) => Uint8Array, title: string, inside: number): Gated {
  const file = createImageFile();
  writeSealed(file, launcherImage(makePlan({ self: AT_SPAWN.self, gate: AT_SPAWN.extra })));
  const child = Bun.spawn([`/proc/${syscall(SYSCALLS.getpid)}/fd/${file}`, title], {
    argv0: "pidbox", stdio: ["ignore", "ignore", "pipe", "ignore", file, inside], env: {}, cwd: "/",
  });
  close(file);
  return child;
}

/** Starts the launcher beside this process and waits for its exit code. `makePlan` makes it for the numbers that its descriptors will have. */
export async function spawnLauncher(makePlan: (found: Found) => Promise<Uint8Array>, title: string, { charge, client }: Handed): Promise<number> {
  const file = createImageFile();
  const { self, charge: chargeAt, client: clientAt } = AT_SPAWN;
  writeSealed(file, launcherImage(await makePlan({ self, charge: chargeAt, ...(client === undefined ? {} : { client: clientAt }) })));
  const handed = [file, "ignore", charge, ...(client === undefined ? [] : [client])] as const;
  const child = Bun.spawn([`/proc/${syscall(SYSCALLS.getpid)}/fd/${file}`, title], {
    argv0: "pidbox", stdio: ["ignore", "inherit", "inherit", "ignore", ...handed], env: {}, cwd: "/",
  });
  const code = await child.exited;
  close(file);
  return code;
}

/**
 * Puts the launcher in the place of this process: on success it does not return. `file` is from createImageFile, `title` names the container in ps(1).
 * The environment is empty: it would be readable as /proc/1/environ inside.
 */
export function replaceProcess(file: number, plan: Uint8Array, title: string): never {
  writeSealed(file, launcherImage(plan));
  const keep: Uint8Array[] = [];
  const argv = pointers(["pidbox", title], keep);
  const envp = new Uint8Array(8);
  const empty = cString("");
  // Where the caller left one of these closed, Bun has opened /dev/null there; without this it would be closed again, and the next file be taken for it.
  for (const fd of [0, 1, 2]) syscall(SYSCALLS.fcntl, fd, F.SETFD, 0);
  const error = syscall(SYSCALLS.execveat, file, address(empty), address(argv), address(envp), AT.EMPTY_PATH);
  throw new PidboxError("HOST_UNSUPPORTED", `Cannot execute the launcher: execveat: ${errnoName(-error)} (${keep.length} arguments)`, {
    hint: "vm.memfd_noexec=2 forbids it; see pidbox doctor", context: { feature: "memfd", errno: errnoName(-error) },
  });
}
