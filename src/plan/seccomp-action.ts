/** Actions, flags and architectures of seccomp(2) under the names that OCI profiles use. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { ERRNO } from "../kernel/abi/errno-table.ts";
import type { SeccompFilter } from "./blueprint.ts";
import type { LinuxSeccomp, SeccompAction, SeccompFlag } from "../spec/runtime-config.ts";

/** Return words without data; SCMP_ACT_KILL is the old name of KILL_THREAD (libseccomp 2.4, seccomp(2)). */
export const SECCOMP_RETURN: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x8000_0000,
  SCMP_ACT_TRAP: 0x0003_0000,
  SCMP_ACT_ERRNO: 0x0005_0000,
  SCMP_ACT_NOTIFY: 0x7fc0_0000,
  SCMP_ACT_TRACE: 0x7ff0_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
  SCMP_ACT_ALLOW: 0x7fff_0000,
};

/** What a call that the filter hides answers: the caller believes that the kernel is too old, and falls back. */
export const RETURN_ENOSYS = (SECCOMP_RETURN.SCMP_ACT_ERRNO | ERRNO.ENOSYS) >>> 0;

/** Bits of the flags argument of seccomp(SECCOMP_SET_MODE_FILTER). */
export const SECCOMP_FILTER_FLAGS: Readonly<Record<SeccompFlag, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
};


/** AUDIT_ARCH_* of linux/audit.h, as struct seccomp_data.arch holds them. */
export const AUDIT_ARCH = { x64: 0xc000_003e, i386: 0x4000_0003, arm64: 0xc000_00b7 } as const;

const RETURN_ACTION = 0xffff_0000;
const MAX_ERRNO = 4095;

/** An error about the value at `from`, a JSON pointer. */
export function invalid(message: string, from: string): PidboxError {
  return new PidboxError("CONFIG_INVALID", message, { context: { from } });
}

/**
 * The return word of an action. `errnoRet` belongs to ERRNO (at most 4095, the kernel would cut it) and TRACE (16 bits) and defaults to EPERM;
 * with another action it is an error (config-linux.md: "the runtime MUST print and error and fail").
 */
export function returnWord(action: SeccompAction, errnoRet: number | undefined, from: string): number {
  if (!Object.hasOwn(SECCOMP_RETURN, action)) throw invalid(`unknown seccomp action ${quote(String(action))}`, from);
  const word = SECCOMP_RETURN[action];
  const takesErrno = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  if (!takesErrno) {
    if (errnoRet === undefined) return word;
    throw invalid(`seccomp action ${action} takes no errno`, from);
  }
  const errno = errnoRet ?? ERRNO.EPERM;
  const most = action === "SCMP_ACT_ERRNO" ? MAX_ERRNO : 0xffff;
  if (!Number.isInteger(errno) || errno < 0 || errno > most) throw invalid(`seccomp errno ${String(errno)} is not a number from 0 to ${most}`, from);
  return (word | errno) >>> 0;
}

/** A sort key: the kernel's own order of actions, in which the least number wins when filters disagree (kernel/seccomp.c, seccomp_run_filters). */
export function strictness(word: number): number {
  return (word & RETURN_ACTION) | 0;
}

/** Whether a call with this verdict runs, perhaps after it was noted or a tracer agreed: ALLOW, LOG and TRACE, as runc sees it. */
export function isPermissive(word: number): boolean {
  return strictness(word) >= strictness(SECCOMP_RETURN.SCMP_ACT_TRACE);
}

/** The flags argument for a profile; nothing is added to what the profile lists (runc adds SPEC_ALLOW to an absent list, which weakens Spectre 4 defence). */
export function filterFlags(profile: LinuxSeccomp): number {
  let flags = 0;
  for (const [i, name] of (profile.flags ?? []).entries()) {
    if (!Object.hasOwn(SECCOMP_FILTER_FLAGS, name)) throw invalid(`unknown seccomp flag ${quote(String(name))}`, `/linux/seccomp/flags/${i}`);
    flags |= SECCOMP_FILTER_FLAGS[name];
  }
  return flags;
}

/** What seccomp(2) gets beside the program of a profile; what is said of a listener that no call goes to is passed over. */
export function loadOptions(profile: LinuxSeccomp): Pick<SeccompFilter, "flags" | "listener"> {
  const { listenerPath, listenerMetadata } = profile;
  const flags = filterFlags(profile);
  const listener = listenerPath === undefined || !usesNotify(profile) ? undefined : {
    path: listenerPath, ...(listenerMetadata === undefined ? {} : { metadata: listenerMetadata }),
  };
  // One thread needs no synchronisation, and the kernel would not give a listener with it.
  const kept = flags & ~SECCOMP_FILTER_FLAGS.SECCOMP_FILTER_FLAG_TSYNC;
  return {
    ...(kept === 0 ? {} : { flags: listener === undefined ? kept & ~SECCOMP_FILTER_FLAGS.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : kept }),
    ...(listener === undefined ? {} : { listener }),
  };
}

/** Whether the profile hands calls to a listener (needs listenerPath and SECCOMP_FILTER_FLAG_NEW_LISTENER). */
export function usesNotify(profile: LinuxSeccomp): boolean {
  return (profile.syscalls ?? []).some((entry) => entry.action === "SCMP_ACT_NOTIFY");
}
