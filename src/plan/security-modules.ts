/** Stage: the labels that security modules give the container's processes: apparmor(7) "exec" and "changeprofile", setexeccon(3). Pure. */
import { OPEN } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { writeFile, writeText } from "./file.ts";
import type { Compilation } from "./names.ts";

/** What `do` and `run` apply by default; engine/apparmor.ts has its text. The name changes with the text, for one of an older pidbox may be loaded. */
export const DEFAULT_PROFILE = "pidbox-default";

/**
 * Container's ops, while /proc is there (`proc`: register of its root): the next exec of this process or of its child changes the label, and nothing but the
 * program is ever executed. Returns the register of the file through which PID 1 changes its own, if the built-in init is to have a label.
 */
export function labelProgram(c: Compilation, proc: number): number | undefined {
  const { writer: w, blueprint } = c;
  const { apparmorProfile, selinuxLabel } = blueprint.config.process ?? {};
  if (selinuxLabel !== undefined) writeFile(w.from("/process/selinuxLabel"), proc, "self/attr/exec", selinuxLabel);
  if (apparmorProfile === undefined) return undefined;
  const [fd, length] = [w.register(), w.register()];
  w.from("/process/apparmorProfile").call(SYSCALLS.openat, proc, w.text("self/attr/apparmor/exec"), OPEN.RDWR | OPEN.CLOEXEC).into(fd);
  writeText(w, fd, `exec ${apparmorProfile}`);
  // The kernel takes only names of loaded profiles. Its answer ends with the mode: a default profile that was set to (complain) forbids nothing.
  w.call(SYSCALLS.pread64, fd, w.room(4096), 4096).into(length);
  if (apparmorProfile === DEFAULT_PROFILE) w.expect(length, `${DEFAULT_PROFILE} (enforce)\n`.length);
  w.close(fd).release(length);
  if (!blueprint.init) return undefined;
  const own = w.register();
  w.call(SYSCALLS.openat, proc, w.text("self/attr/apparmor/current"), OPEN.WRONLY | OPEN.CLOEXEC).into(own);
  return own;
}

/** The init's ops: PID 1 executes nothing, so it changes its label itself. The descriptor works for the process that opened it and for no other. */
export function labelInit(c: Compilation, own: number | undefined): void {
  const { writer: w, blueprint } = c;
  if (own === undefined) return;
  writeText(w.from("/process/apparmorProfile"), own, `changeprofile ${blueprint.config.process?.apparmorProfile ?? DEFAULT_PROFILE}`);
}
