/** Decoder of `linux.seccomp` (config-linux.md#seccomp). */
import { absolutePath, also, type Decoder, duplicates, list, object, optionalText, type Report, step, text, uint64, whole, word } from "./decode.ts";
import type { LinuxSeccomp, SeccompAction, SeccompArchitecture, SeccompArg, SeccompFlag, SeccompOperator, SeccompSyscall } from "./runtime-config.ts";

const SECCOMP = "config-linux.md#seccomp";

/** Also what `features` reports. */
export const SECCOMP_ACTIONS: readonly SeccompAction[] = [
  "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY",
];
export const SECCOMP_OPERATORS: readonly SeccompOperator[] = [
  "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
];
export const SECCOMP_FLAGS: readonly SeccompFlag[] = [
  "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];
export const SECCOMP_ARCHITECTURES: readonly SeccompArchitecture[] = [
  "SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",
  "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
  "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB",
  "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",
];

const action = word(SECCOMP_ACTIONS, SECCOMP);
// SECCOMP_RET_DATA is 16 bits; the kernel cuts errnos at MAX_ERRNO, 4095.
const errnoRet = whole(0, 0xffff);

function checkErrno(act: SeccompAction, value: number | undefined, pointer: string, report: Report): void {
  if (value === undefined) return;
  if (act !== "SCMP_ACT_ERRNO" && act !== "SCMP_ACT_TRACE") report.must("conflict", pointer, SECCOMP, `${act} takes no errno`);
  else if (act === "SCMP_ACT_ERRNO" && value > 4095) report.must("range", pointer, SECCOMP, `The errno ${value} is above 4095`);
}

const argument = object<SeccompArg>(
  SECCOMP, { index: whole(0, 5), value: uint64, valueTwo: uint64, op: word(SECCOMP_OPERATORS, SECCOMP) }, ["index", "value", "op"],
);

const syscall = also(
  object<SeccompSyscall>(SECCOMP, {
    names: also(list(text), (names, pointer, report) => {
      if (names.length === 0) report.must("empty", pointer, SECCOMP, "At least one name is required");
      const blank = names.indexOf("");
      if (blank >= 0) report.must("value", step(pointer, blank), SECCOMP, "The name is empty");
    }),
    action, errnoRet, args: list(argument),
  }, ["names", "action"]),
  (value, pointer, report) => checkErrno(value.action, value.errnoRet, step(pointer, "errnoRet"), report),
);

export const seccomp: Decoder<LinuxSeccomp> = also(
  object<LinuxSeccomp>(SECCOMP, {
    defaultAction: action, defaultErrnoRet: errnoRet,
    architectures: also(list(word(SECCOMP_ARCHITECTURES, SECCOMP)), (found, pointer, report) => {
      duplicates(found, (a) => a, (i, name) => report.should("duplicate", step(pointer, i), SECCOMP, `${name} occurs more than once`));
    }),
    flags: list(word(SECCOMP_FLAGS, SECCOMP)),
    listenerPath: also(optionalText, absolutePath(SECCOMP)), listenerMetadata: optionalText,
    syscalls: list(syscall),
  }, ["defaultAction"]),
  (value, pointer, report) => {
    checkErrno(value.defaultAction, value.defaultErrnoRet, step(pointer, "defaultErrnoRet"), report);
    if (value.listenerMetadata !== undefined && value.listenerPath === undefined) {
      report.must("conflict", step(pointer, "listenerMetadata"), SECCOMP, "listenerMetadata must not be set without listenerPath");
    }
    if (value.defaultAction === "SCMP_ACT_NOTIFY") {
      report.must("conflict", step(pointer, "defaultAction"), SECCOMP, "With SCMP_ACT_NOTIFY as default the listener could never be handed over");
    }
    (value.syscalls ?? []).forEach((rule, i) => {
      if (rule.action !== "SCMP_ACT_NOTIFY") return;
      if (value.listenerPath === undefined) report.must("required", step(pointer, "listenerPath"), SECCOMP, `syscalls/${i} has SCMP_ACT_NOTIFY, which needs listenerPath`);
      // The listener's descriptor and its reports travel by these calls of the thread that loaded the filter.
      if (rule.names.includes("write")) report.must("conflict", `${pointer}/syscalls/${i}/names`, SECCOMP, "SCMP_ACT_NOTIFY cannot be used for write");
    });
  },
);
