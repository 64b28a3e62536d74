/** The search for a syscall number's decision: a balanced binary tree over ranges of numbers that share a decision. */
import { BPF } from "./cbpf.ts";
import type { Label, ProgramBuilder } from "./cbpf.ts";
import { emitDecision } from "./seccomp-rule.ts";
import type { Decision } from "./seccomp-rule.ts";

/** Numbers from `start` up to the next range's start. */
export interface DecisionRange {
  readonly start: number;
  readonly decision: Decision;
}

/**
 * All numbers from 0 on as ranges, least first, neighbours different. Numbers without a decision of their own get `rest`;
 * numbers above `newest` get `beyond`.
 */
export function decisionRanges(decisions: ReadonlyMap<number, Decision>, rest: Decision, newest: number, beyond: Decision): DecisionRange[] {
  const ranges: DecisionRange[] = [];
  const add = (start: number, decision: Decision): void => {
    const last = ranges.at(-1);
    if (last?.start === start) ranges.pop();
    if (ranges.at(-1)?.decision.key !== decision.key) ranges.push({ start, decision });
  };
  add(0, rest);
  for (const [number, decision] of [...decisions].toSorted((a, b) => a[0] - b[0])) {
    add(number, decision);
    add(number + 1, rest);
  }
  add(newest + 1, beyond);
  return ranges;
}

/** Adds the tree; the accumulator holds the syscall number where it begins. Decisions that occur twice are emitted once, through `emitted`. */
export function emitTree(program: ProgramBuilder, ranges: readonly DecisionRange[], emitted: Map<string, Label>): Label {
  const leaf = ({ decision }: DecisionRange): Label => {
    if (decision.rules.length === 0) return program.return(decision.otherwise);
    const label = emitted.get(decision.key) ?? emitDecision(program, decision);
    emitted.set(decision.key, label);
    return label;
  };
  const node = (from: number, to: number): Label => {
    const first = ranges[from];
    if (first !== undefined && to - from === 1) return leaf(first);
    const middle = (from + to) >> 1;
    const upper = node(middle, to);
    const lower = node(from, middle);
    return program.compare(BPF.JGE, ranges[middle]?.start ?? 0, upper, lower);
  };
  return node(0, ranges.length);
}
