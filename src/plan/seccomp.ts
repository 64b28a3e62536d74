/**
 * The seccomp compiler: an OCI `linux.seccomp` profile to the BPF program that the kernel runs before each system call.
 *
 * What a profile means here, where the runtime specification is silent:
 * - Entries of one syscall are alternatives; the strictest one that holds wins (see `decide`). Arguments of one entry must all hold, except that an entry
 *   which names one argument twice stands for one entry per argument, as in runc and crun (old docker profiles list personality values so).
 * - Names that the architecture does not have are ignored: profiles are written for many kernels.
 * - A number above the newest that the profile names answers ENOSYS, not the default action, so that a libc falls back (runc since 1.0-rc93); not when
 *   the default action lets calls run.
 * - clone3 passes its flags in memory, where no filter sees them: a profile that looks into the arguments of clone hides clone3 (ENOSYS),
 *   unless it names clone3.
 * - The native ABI is always filtered. i386 is filtered if `architectures` lists SCMP_ARCH_X86; x32 always answers ENOSYS; any other ABI kills the process.
 * - On i386 the calls that socketcall(2) and ipc(2) multiplex are filtered in both forms. The multiplexed form hides the arguments, so it gets the
 *   strictest verdict that the call's entries can give: conditions that deny deny always, conditions that allow do not count.
 */
import { SYSCALLS_ARM64 } from "../kernel/abi/syscalls-arm64.ts";
import { SYSCALLS_I386 } from "../kernel/abi/syscalls-i386.ts";
import { SYSCALLS_X64 } from "../kernel/abi/syscalls-x64.ts";
import type { LinuxSeccomp, SeccompSyscall } from "../spec/runtime-config.ts";
import { BPF, ProgramBuilder, SECCOMP_DATA } from "./cbpf.ts";
import type { Label } from "./cbpf.ts";
import { AUDIT_ARCH, RETURN_ENOSYS, SECCOMP_RETURN, invalid, isPermissive, returnWord, strictness } from "./seccomp-action.ts";
import { multiplexed } from "./seccomp-multiplex.ts";
import { conditionOf, decide, maskedEqual } from "./seccomp-rule.ts";
import type { Decision, Rule } from "./seccomp-rule.ts";
import { decisionRanges, emitTree } from "./seccomp-tree.ts";

export type SeccompArch = "x64" | "arm64";

type Abi = "x64" | "i386" | "arm64";

const TABLES: Readonly<Record<Abi, Readonly<Record<string, number>>>> = { x64: SYSCALLS_X64, i386: SYSCALLS_I386, arm64: SYSCALLS_ARM64 };

/** From here on numbers are of the x32 ABI (__X32_SYSCALL_BIT) or negative. */
const X32_NUMBERS = 0x4000_0000;

/** An entry of the profile, checked: its verdict and the alternatives of conditions under which it holds. */
interface Entry {
  readonly names: readonly string[];
  readonly rules: readonly Rule[];
}

function entryOf(syscall: SeccompSyscall, from: string): Entry {
  const word = returnWord(syscall.action, syscall.errnoRet, `${from}/action`);
  if (syscall.action === "SCMP_ACT_NOTIFY" && syscall.names.includes("write")) {
    // The runtime itself must write between loading the filter and handing its listener over (runc refuses it too).
    throw invalid("seccomp action SCMP_ACT_NOTIFY cannot be used for write", from);
  }
  const conditions = (syscall.args ?? []).map((arg, i) => conditionOf(arg, `${from}/args/${i}`));
  const repeated = new Set(conditions.map((condition) => condition.index)).size < conditions.length;
  return { names: syscall.names, rules: repeated ? conditions.map((condition) => ({ conditions: [condition], word })) : [{ conditions, word }] };
}

/** Rules by key. Lists are shared between the names of an entry until another entry names the same call: most never are. */
class RuleLists<K> {
  readonly lists = new Map<K, readonly Rule[]>();
  readonly #owned = new Map<K, Rule[]>();

  add(key: K, rules: readonly Rule[]): void {
    const owned = this.#owned.get(key);
    if (owned !== undefined) {
      owned.push(...rules);
      return;
    }
    const known = this.lists.get(key);
    if (known === undefined) {
      this.lists.set(key, rules);
      return;
    }
    const copy = [...known, ...rules];
    this.#owned.set(key, copy);
    this.lists.set(key, copy);
  }
}

/** i386 registers have 32 bits: like libseccomp, compare no more, so that -1 may be written with 64. */
function narrow(rule: Rule): Rule {
  return { word: rule.word, conditions: rule.conditions.map((c) => ({ ...c, high: 0, maskHigh: c.kind === "eq" ? 0 : c.maskHigh })) };
}

/** The strictest verdict that any argument of a call can meet, or undefined if that is the default action. */
function strictest(rules: readonly Rule[], defaultWord: number): number | undefined {
  const unconditional = rules.filter((rule) => rule.conditions.length === 0).toSorted((a, b) => strictness(a.word) - strictness(b.word))[0];
  return rules.reduce<number | undefined>(
    (word, rule) => (strictness(rule.word) < strictness(word ?? defaultWord) ? rule.word : word), unconditional?.word,
  );
}

/** All rules by syscall number of one ABI, in the profile's order. */
function rulesByNumber(entries: readonly Entry[], abi: Abi, defaultWord: number): Map<number, readonly Rule[]> {
  const table = TABLES[abi];
  const rules = new RuleLists<number>();
  const multiplex = new RuleLists<string>();
  for (const entry of entries) {
    const added = abi === "i386" ? entry.rules.map(narrow) : entry.rules;
    for (const name of entry.names) {
      // Names that every object inherits are not numbers.
      const number: unknown = table[name];
      if (typeof number === "number") rules.add(number, added);
      if (abi === "i386" && multiplexed(name) !== undefined) multiplex.add(name, added);
    }
  }
  for (const [name, named] of multiplex.lists) {
    const call = multiplexed(name);
    const word = call === undefined ? undefined : strictest(named, defaultWord);
    if (call !== undefined && word !== undefined) rules.add(SYSCALLS_I386[call.by], [{ conditions: [maskedEqual(0, call.mask, call.operation)], word }]);
  }
  return rules.lists;
}

/** Adds the filter of one ABI, without the check of the architecture, and returns where it begins. */
function emitAbi(program: ProgramBuilder, entries: readonly Entry[], abi: Abi, defaultWord: number, emitted: Map<string, Label>): Label {
  const rules = rulesByNumber(entries, abi, defaultWord);
  const newest = Math.max(-1, ...rules.keys());
  const beyond = isPermissive(defaultWord) || newest < 0 ? defaultWord : RETURN_ENOSYS;
  const { clone = -1, clone3 = -1 } = TABLES[abi];
  const looksIntoClone = rules.get(clone)?.some((rule) => rule.conditions.length > 0) === true;
  if (looksIntoClone && !rules.has(clone3) && (clone3 <= newest || beyond !== RETURN_ENOSYS)) rules.set(clone3, [{ conditions: [], word: RETURN_ENOSYS }]);
  // Entries with many names share one list, so they share its decision.
  const known = new Map<readonly Rule[], Decision>();
  const otherwise = decide([], defaultWord);
  const decisions = Array.from({ length: Math.max(newest, ...rules.keys()) + 1 }, () => otherwise);
  for (const [number, list] of rules) {
    const decision = known.get(list) ?? decide(list, defaultWord);
    known.set(list, decision);
    decisions[number] = decision;
  }
  const ranges = decisionRanges(decisions, decide([], beyond));
  let start = emitTree(program, ranges, emitted);
  if (abi === "x64") start = program.compare(BPF.JGE, X32_NUMBERS, program.return(RETURN_ENOSYS), start);
  program.goto(start);
  return program.load(SECCOMP_DATA.nr);
}

/**
 * Compiles a profile for the machine `arch`: struct sock_filter[] as bytes, at most 4096 instructions.
 * Throws CONFIG_INVALID, with the JSON pointer of the value, for unknown actions and operators, values out of range, SCMP_ACT_NOTIFY
 * as the default action or for write, and a program over the limit. The same profile gives the same bytes.
 */
export function compileSeccomp(profile: LinuxSeccomp, options: { readonly arch: SeccompArch }): Uint8Array {
  const defaultWord = returnWord(profile.defaultAction, profile.defaultErrnoRet, "/linux/seccomp/defaultAction");
  if (profile.defaultAction === "SCMP_ACT_NOTIFY") throw invalid("seccomp action SCMP_ACT_NOTIFY cannot be the default action", "/linux/seccomp/defaultAction");
  const architectures = profile.architectures ?? [];
  const entries = (profile.syscalls ?? []).map((syscall, i) => entryOf(syscall, `/linux/seccomp/syscalls/${i}`));

  const program = new ProgramBuilder();
  const emitted = new Map<string, Label>();
  const wrongArch = program.return(SECCOMP_RETURN.SCMP_ACT_KILL_PROCESS);
  let other = wrongArch;
  if (options.arch === "x64" && architectures.includes("SCMP_ARCH_X86")) {
    other = program.compare(BPF.JEQ, AUDIT_ARCH.i386, emitAbi(program, entries, "i386", defaultWord, emitted), wrongArch);
  }
  const native = emitAbi(program, entries, options.arch, defaultWord, emitted);
  program.compare(BPF.JEQ, AUDIT_ARCH[options.arch], native, other);
  program.load(SECCOMP_DATA.arch);
  return program.bytes();
}
