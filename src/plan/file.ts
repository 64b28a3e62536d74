/** Ops that write texts to files, whole or not at all. Pure. */
import { OPEN } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { FLAG } from "./op.ts";
import type { PlanWriter } from "./writer.ts";

const encoder = new TextEncoder();

/** Writes `value` to the descriptor of a register. */
export function writeText(w: PlanWriter, fd: number, value: string): PlanWriter {
  return w.call(SYSCALLS.write, fd, w.text(value), encoder.encode(value).length).flags(FLAG.FULL);
}

/** Writes `value` to the file at `path`, which is there, below the directory of a register. */
export function writeFile(w: PlanWriter, directory: number, path: string, value: string): void {
  const fd = w.register();
  w.call(SYSCALLS.openat, directory, w.text(path), OPEN.WRONLY | OPEN.CLOEXEC).into(fd);
  writeText(w, fd, value).close(fd);
}
