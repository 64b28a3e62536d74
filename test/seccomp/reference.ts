/**
 * What a profile means, computed from its JSON for one call at a time, without the compiler's data structures: the first oracle.
 * Covers the native ABI and i386; the callers give the ABI's table.
 */
import type { LinuxSeccomp, SeccompArg, SeccompSyscall } from "../../src/spec/runtime-config.ts";
import { SECCOMP_RETURN, returnWord, strictness } from "../../src/plan/seccomp-action.ts";

export const ENOSYS = 0x0005_0026;
export const KILL_PROCESS = 0x8000_0000;

const PERMISSIVE = [SECCOMP_RETURN.SCMP_ACT_ALLOW, SECCOMP_RETURN.SCMP_ACT_LOG, SECCOMP_RETURN.SCMP_ACT_TRACE];

export function wordOf(entry: Pick<SeccompSyscall, "action" | "errnoRet">): number {
  return returnWord(entry.action, entry.errnoRet, "");
}

export function holds(arg: SeccompArg, args: readonly bigint[]): boolean {
  const value = BigInt(arg.value);
  const actual = args[arg.index] ?? 0n;
  switch (arg.op) {
    case "SCMP_CMP_EQ": return actual === value;
    case "SCMP_CMP_NE": return actual !== value;
    case "SCMP_CMP_LT": return actual < value;
    case "SCMP_CMP_LE": return actual <= value;
    case "SCMP_CMP_GE": return actual >= value;
    case "SCMP_CMP_GT": return actual > value;
    case "SCMP_CMP_MASKED_EQ": return (actual & value) === (BigInt(arg.valueTwo ?? 0) & value);
  }
}

export function entryHolds(entry: SeccompSyscall, args: readonly bigint[]): boolean {
  const conditions = entry.args ?? [];
  const repeated = conditions.some((a, i) => conditions.some((b, j) => j < i && a.index === b.index));
  return repeated ? conditions.some((arg) => holds(arg, args)) : conditions.every((arg) => holds(arg, args));
}

/** The verdicts of all entries that hold, strictest first; a call is named by its names (one, or also the operation of a multiplexer). */
export function verdicts(profile: LinuxSeccomp, name: string, args: readonly bigint[]): number[] {
  const words = (profile.syscalls ?? []).filter((entry) => entry.names.includes(name) && entryHolds(entry, args)).map(wordOf);
  return words.toSorted((a, b) => strictness(a) - strictness(b));
}

/** The return word for a call of the native ABI. */
export function evaluate(profile: LinuxSeccomp, table: Readonly<Record<string, number>>, nr: number, args: readonly bigint[]): number {
  const fallback = wordOf({ action: profile.defaultAction, ...(profile.defaultErrnoRet === undefined ? {} : { errnoRet: profile.defaultErrnoRet }) });
  const named = new Set((profile.syscalls ?? []).flatMap((entry) => entry.names.map((name) => (Object.hasOwn(table, name) ? (table[name] ?? -1) : -1))));
  const newest = Math.max(...named);
  const name = Object.keys(table).find((key) => table[key] === nr);
  if (name === "clone3" && !named.has(nr)) {
    const inspected = (profile.syscalls ?? []).some((entry) => entry.names.includes("clone") && (entry.args ?? []).length > 0);
    if (inspected) return ENOSYS;
  }
  if (nr > newest && newest >= 0 && !PERMISSIVE.includes((fallback & 0xffff_0000) >>> 0)) return ENOSYS;
  return name === undefined ? fallback : (verdicts(profile, name, args)[0] ?? fallback);
}
