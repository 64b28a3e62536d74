/**
 * Argument conditions and rules of a seccomp profile, and the BPF that decides them.
 *
 * Arguments are the 64-bit registers as the caller left them. Many kernel parameters are 32 bits wide and the kernel drops the upper half, so a rule
 * that denies by SCMP_CMP_EQ or NE can be passed by setting upper bits (CVE-2019-10063): deny with SCMP_CMP_MASKED_EQ and mask 0xffffffff instead.
 */
import type { Integer64, SeccompArg } from "../spec/runtime-config.ts";
import { quote } from "../base/text.ts";
import { BPF, SECCOMP_DATA } from "./cbpf.ts";
import type { Label, ProgramBuilder } from "./cbpf.ts";
import { invalid, strictness } from "./seccomp-action.ts";

/** `(argument & mask) kind value`, inverted if `negate`; 64-bit unsigned, as two 32-bit words. The mask is all ones unless the kind is "eq". */
export interface Condition {
  readonly index: number;
  readonly kind: "eq" | "ge" | "gt";
  readonly negate: boolean;
  readonly maskHigh: number;
  readonly maskLow: number;
  readonly high: number;
  readonly low: number;
}

/** If all conditions hold, the verdict is `word`. */
export interface Rule {
  readonly conditions: readonly Condition[];
  readonly word: number;
}

/** What happens to a syscall: the first rule that holds decides, else `otherwise`. `key` is equal for equal decisions. */
export interface Decision {
  readonly rules: readonly Rule[];
  readonly otherwise: number;
  readonly key: string;
}

const KINDS = {
  SCMP_CMP_EQ: ["eq", false], SCMP_CMP_MASKED_EQ: ["eq", false], SCMP_CMP_NE: ["eq", true],
  SCMP_CMP_GE: ["ge", false], SCMP_CMP_LT: ["ge", true], SCMP_CMP_GT: ["gt", false], SCMP_CMP_LE: ["gt", true],
} as const;

const ALL = 0xffff_ffff;

function words(value: Integer64, from: string): readonly [high: number, low: number] {
  if (typeof value === "bigint" ? value < 0n || value >> 64n !== 0n : !Number.isSafeInteger(value) || value < 0) {
    throw invalid(`seccomp argument value ${quote(String(value))} is not an exact integer from 0 to 2^64-1`, from);
  }
  return typeof value === "bigint" ? [Number(value >> 32n), Number(value & 0xffff_ffffn)] : [Math.floor(value / 2 ** 32), value >>> 0];
}

/** The condition of a profile's argument entry; `from` is the entry's JSON pointer. */
export function conditionOf(arg: SeccompArg, from: string): Condition {
  if (!Number.isInteger(arg.index) || arg.index < 0 || arg.index > 5) throw invalid(`seccomp argument index ${String(arg.index)} is not 0 to 5`, `${from}/index`);
  if (!Object.hasOwn(KINDS, arg.op)) throw invalid(`unknown seccomp operator ${quote(String(arg.op))}`, `${from}/op`);
  const [kind, negate] = KINDS[arg.op];
  const [high, low] = words(arg.value, `${from}/value`);
  if (arg.op !== "SCMP_CMP_MASKED_EQ") return { index: arg.index, kind, negate, maskHigh: ALL, maskLow: ALL, high, low };
  const [wantHigh, wantLow] = words(arg.valueTwo ?? 0, `${from}/valueTwo`);
  // Bits of the wanted value outside the mask are ignored, as libseccomp does, so that a sloppy rule still denies.
  return { index: arg.index, kind, negate, maskHigh: high, maskLow: low, high: (wantHigh & high) >>> 0, low: (wantLow & low) >>> 0 };
}

/** The condition that argument `index`, cut to the bits of `mask`, equals `value`. */
export function maskedEqual(index: number, mask: number, value: number): Condition {
  return { index, kind: "eq", negate: false, maskHigh: 0, maskLow: mask, high: 0, low: value };
}

function ruleKey(rule: Rule): string {
  const parts = rule.conditions.map((c) => `${c.index}${c.negate ? "!" : ""}${c.kind}${c.maskHigh},${c.maskLow},${c.high},${c.low}`);
  return `${parts.join("&")}>${rule.word}`;
}

/**
 * The decision for one syscall from all rules that name it. Of the rules that hold, the strictest verdict wins, in the kernel's own order
 * (KILL_PROCESS, KILL_THREAD, TRAP, ERRNO, NOTIFY, TRACE, LOG, ALLOW); of equally strict ones, the first in the profile.
 *
 * libseccomp (and so runc and crun) instead lets the first rule without conditions win over everything else, which makes "allow socket, but not
 * for AF_ALG" allow AF_ALG. Both agree where all rules of a syscall have one verdict; elsewhere this decision is never the wider one.
 */
export function decide(rules: readonly Rule[], otherwise: number): Decision {
  const ordered = rules.length < 2 ? [...rules] : rules.toSorted((a, b) => strictness(a.word) - strictness(b.word));
  let last = otherwise;
  const unconditional = ordered.findIndex((rule) => rule.conditions.length === 0);
  if (unconditional >= 0) {
    last = ordered[unconditional]?.word ?? otherwise;
    ordered.length = unconditional;
  }
  while (ordered.at(-1)?.word === last) ordered.pop();
  return { rules: ordered, otherwise: last, key: ordered.length === 0 ? String(last) : `${ordered.map(ruleKey).join("|")}|${last}` };
}

function emitCondition(program: ProgramBuilder, condition: Condition, holds: Label, fails: Label): Label {
  const { kind, maskHigh, maskLow, high, low } = condition;
  const yes = condition.negate ? fails : holds;
  const no = condition.negate ? holds : fails;
  const offset = SECCOMP_DATA.args + condition.index * 8;
  const compareWord = (
    at: number, mask: number, code: typeof BPF.JEQ | typeof BPF.JGE | typeof BPF.JGT, value: number, whenTrue: Label, whenFalse: Label,
  ): Label => {
    program.compare(code, value, whenTrue, whenFalse);
    if (mask !== ALL) program.and(mask);
    return program.load(at);
  };
  if (kind === "eq") {
    // A word that is masked out entirely is equal and needs no look.
    const lowLabel = maskLow === 0 ? yes : compareWord(offset, maskLow, BPF.JEQ, low, yes, no);
    return maskHigh === 0 ? lowLabel : compareWord(offset + 4, maskHigh, BPF.JEQ, high, lowLabel, no);
  }
  const lowLabel = compareWord(offset, ALL, kind === "ge" ? BPF.JGE : BPF.JGT, low, yes, no);
  // The accumulator still holds the high word: greater decides, equal asks the low word.
  const equal = program.compare(BPF.JEQ, high, lowLabel, no);
  program.compare(BPF.JGT, high, yes, equal);
  return program.load(offset + 4);
}

/** Adds the code of a decision and returns where it begins. */
export function emitDecision(program: ProgramBuilder, decision: Decision): Label {
  let next = program.return(decision.otherwise);
  for (const rule of decision.rules.toReversed()) {
    let holds = program.return(rule.word);
    for (const condition of rule.conditions.toReversed()) holds = emitCondition(program, condition, holds, next);
    next = holds;
  }
  return next;
}
