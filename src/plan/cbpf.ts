/**
 * Classic BPF programs as seccomp(2) takes them: struct sock_filter { u16 code; u8 jt; u8 jf; u32 k; }, little endian.
 *
 * Only what seccomp needs: absolute 32-bit loads from struct seccomp_data, AND, conditional jumps, returns.
 * Sources: linux/bpf_common.h, linux/filter.h, kernel/seccomp.c (seccomp_check_filter), net/core/filter.c (bpf_check_classic).
 */
import { PidboxError } from "../base/error.ts";

/** Instruction codes; BPF_K operands throughout. */
export const BPF = { LD_ABS: 0x20, AND: 0x54, JA: 0x05, JEQ: 0x15, JGT: 0x25, JGE: 0x35, JSET: 0x45, RET: 0x06 } as const;

/** Offsets in struct seccomp_data; argument i is at `args + 8 * i`, low word first on little-endian machines. */
export const SECCOMP_DATA = { nr: 0, arch: 4, instructionPointer: 8, args: 16 } as const;

/** BPF_MAXINSNS: the kernel refuses a longer program. */
export const MAX_INSTRUCTIONS = 4096;

export const INSTRUCTION_BYTES = 8;

/** The furthest that a conditional jump reaches (jt and jf are bytes). */
const REACH = 255;

/** A place in a program under construction, as the number of instructions from it to the end. */
export type Label = number;

/**
 * Builds a program from its end to its start, so that every jump target exists before the jump (cBPF has forward jumps only).
 * Labels that are out of a conditional jump's reach get a trampoline: a copy of the return, or an unconditional jump.
 */
export class ProgramBuilder {
  // Parallel arrays in reverse program order.
  readonly #code: number[] = [];
  readonly #jumps: number[] = [];
  readonly #k: number[] = [];
  readonly #returns = new Map<number, Label>();

  /** Label of the instruction that was added last: where the program would begin now. */
  get here(): Label {
    return this.#code.length;
  }

  #add(code: number, k: number, whenTrue = 0, whenFalse = 0): Label {
    if (this.#code.length >= MAX_INSTRUCTIONS) {
      throw new PidboxError("CONFIG_INVALID", `seccomp profile needs more than ${MAX_INSTRUCTIONS} BPF instructions, the kernel's limit`, {
        hint: "name fewer syscalls with argument conditions, or merge the conditions", context: { from: "/linux/seccomp" },
      });
    }
    this.#code.push(code);
    this.#jumps.push(whenTrue | (whenFalse << 8));
    this.#k.push(k >>> 0);
    return this.#code.length;
  }

  /** A label that conditional jumps can reach even after `spare` more instructions. */
  #near(label: Label, spare: number): Label {
    if (this.here - label + spare <= REACH) return label;
    const word = this.#k[label - 1] ?? 0;
    return this.#code[label - 1] === BPF.RET ? this.#addReturn(word) : this.#add(BPF.JA, this.here - label);
  }

  #addReturn(word: number): Label {
    const label = this.#add(BPF.RET, word);
    this.#returns.set(word >>> 0, label);
    return label;
  }

  /** A label that returns `word`; shared with the last such return where that is near. */
  return(word: number): Label {
    const known = this.#returns.get(word >>> 0);
    // A margin, so that a jump which is added soon needs no trampoline.
    return known !== undefined && this.here - known < REACH - 8 ? known : this.#addReturn(word);
  }

  /** Loads 32 bits of struct seccomp_data and goes on to the instruction that was added before. */
  load(offset: number): Label {
    return this.#add(BPF.LD_ABS, offset);
  }

  /** ANDs the accumulator with `mask` and goes on to the instruction that was added before. */
  and(mask: number): Label {
    return this.#add(BPF.AND, mask);
  }

  /** Compares the accumulator with `k` (unsigned) and goes to one of two labels. */
  compare(code: typeof BPF.JEQ | typeof BPF.JGT | typeof BPF.JGE | typeof BPF.JSET, k: number, whenTrue: Label, whenFalse: Label): Label {
    // The second trampoline moves the first label one away: hence one spare.
    const nearTrue = this.#near(whenTrue, 1);
    const nearFalse = whenFalse === whenTrue ? nearTrue : this.#near(whenFalse, 0);
    return this.#add(code, k, this.here - nearTrue, this.here - nearFalse);
  }

  /** Goes to `label`, or adds nothing if the program begins there already. */
  goto(label: Label): Label {
    return label === this.here ? label : this.#add(BPF.JA, this.here - label);
  }

  /** The program that begins at the label added last. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.here * INSTRUCTION_BYTES);
    const view = new DataView(bytes.buffer);
    for (let at = 0, i = this.here - 1; i >= 0; i -= 1, at += INSTRUCTION_BYTES) {
      view.setUint16(at, this.#code[i] ?? 0, true);
      view.setUint16(at + 2, this.#jumps[i] ?? 0, true);
      view.setUint32(at + 4, this.#k[i] ?? 0, true);
    }
    return bytes;
  }
}
