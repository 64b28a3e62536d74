/** Argument vectors that hit the conditions of a profile and their edges. */
import type { LinuxSeccomp } from "../../src/spec/runtime-config.ts";

const WORD = (1n << 64n) - 1n;

function edges(value: bigint, mask: bigint): bigint[] {
  return [value, value - 1n, value + 1n, value ^ (1n << 32n), value | (0xffff_ffffn << 32n), value & 0xffff_ffffn, value ^ mask, value | (WORD ^ mask)];
}

/** At most `limit` vectors for calls of `name`: each interesting value of each argument alone, and in pairs of arguments. */
export function samplesFor(profile: LinuxSeccomp, name: string, limit = 400): bigint[][] {
  const values: Set<bigint>[] = Array.from({ length: 6 }, () => new Set([0n, WORD]));
  for (const entry of profile.syscalls ?? []) {
    if (!entry.names.includes(name)) continue;
    for (const arg of entry.args ?? []) {
      const masked = arg.op === "SCMP_CMP_MASKED_EQ";
      for (const value of edges(BigInt(masked ? (arg.valueTwo ?? 0) : arg.value), masked ? BigInt(arg.value) : WORD)) values[arg.index]?.add(value & WORD);
    }
  }
  const used = values.flatMap((set, index) => (set.size > 2 ? [index] : []));
  let vectors: bigint[][] = [[0n, 0n, 0n, 0n, 0n, 0n], [WORD, WORD, WORD, WORD, WORD, WORD]];
  for (const index of used) {
    const next = vectors.flatMap((vector) => [...(values[index] ?? [])].map((value) => vector.with(index, value)));
    // Every value stays present when the product is cut: take a stride that is coprime to most lengths.
    vectors = next.length <= limit ? next : next.filter((_, i) => i % Math.ceil(next.length / limit) === 0);
  }
  return vectors;
}
