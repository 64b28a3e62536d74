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

/** All numbers from 0 on as ranges, least first, neighbours different: those of `decisions` by index, then `beyond`. */
export function decisionRanges(decisions: readonly Decision[], beyond: Decision): DecisionRange[] {
  const ranges: DecisionRange[] = [];
  let last: Decision | undefined;
  for (let start = 0; start <= decisions.length; start += 1) {
    const decision = decisions[start] ?? beyond;
    if (decision !== last && decision.key !== last?.key) ranges.push({ start, decision });
    last = decision;
  }
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
