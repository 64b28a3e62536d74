/** The host's procfs, proved to be one: a plan writes id maps, scores and sysctls through it (CVE-2019-16884, CVE-2025-52881). Pure. */
import { AT, OPEN } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { PlanWriter } from "./writer.ts";

const PROC_SUPER_MAGIC = 0x9fa0;

/** Ops that open /proc. Returns the register of its descriptor. */
export function openHostProc(w: PlanWriter): number {
  const [proc, magic, status] = [w.register(), w.register(), w.room(128)];
  w.call(SYSCALLS.openat, AT.FDCWD, w.text("/proc"), OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).into(proc);
  // struct statfs begins with the type.
  w.call(SYSCALLS.fstatfs, proc, status).load(magic, status, 8).expect(magic, PROC_SUPER_MAGIC).release(magic);
  return proc;
}
