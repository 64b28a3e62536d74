/**
 * An interpreter of classic BPF for seccomp, written from kernel/seccomp.c and net/core/filter.c and not from our compiler:
 * it also refuses what the kernel's checkers refuse, so that a program that runs here is one that loads there. Pure.
 *
 * An attacker controls: the whole program, which a container may have loaded itself. What `refusal` lets through only jumps forward, so it ends.
 */

export interface SeccompData {
  readonly nr: number;
  readonly arch: number;
  readonly args?: readonly bigint[];
  readonly instructionPointer?: bigint;
}

const MAX_INSTRUCTIONS = 4096;
const CODES = new Set([0x20, 0x54, 0x05, 0x15, 0x25, 0x35, 0x45, 0x06, 0x00, 0x02, 0x60, 0x07, 0x87, 0x16, 0x61, 0x01]);

/** The reason why the kernel would refuse `bytes`, or undefined. */
export function refusal(bytes: Uint8Array): string | undefined {
  const length = bytes.length / 8;
  if (!Number.isInteger(length) || length === 0 || length > MAX_INSTRUCTIONS) return `length ${length}`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let pc = 0; pc < length; pc += 1) {
    const code = view.getUint16(pc * 8, true);
    const k = view.getUint32(pc * 8 + 4, true);
    if (!CODES.has(code)) return `code ${code} at ${pc}`;
    if (code === 0x20 && (k & 3 || k >= 64)) return `load of ${k} at ${pc}`;
    if ([0x02, 0x60, 0x61].includes(code) && k >= 16) return `scratch word ${k} at ${pc}`;
    if (code === 0x05 && pc + k + 1 >= length) return `jump out at ${pc}`;
    if ([0x15, 0x25, 0x35, 0x45].includes(code)) {
      const furthest = Math.max(view.getUint8(pc * 8 + 2), view.getUint8(pc * 8 + 3));
      if (pc + furthest + 1 >= length) return `jump out at ${pc}`;
    }
  }
  const last = view.getUint16((length - 1) * 8, true);
  return last === 0x06 || last === 0x16 ? undefined : "does not end in a return";
}

function wordAt(data: SeccompData, offset: number): number {
  if (offset === 0) return data.nr >>> 0;
  if (offset === 4) return data.arch >>> 0;
  const value = offset < 16 ? (data.instructionPointer ?? 0n) : (data.args?.[(offset - 16) >> 3] ?? 0n);
  return Number((offset & 4 ? value >> 32n : value) & 0xffff_ffffn);
}

/** The return word of the program for one call, and how many instructions it took. */
export function run(bytes: Uint8Array, data: SeccompData): { readonly word: number; readonly steps: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const scratch = new Uint32Array(16);
  let accumulator = 0;
  let index = 0;
  for (let pc = 0, steps = 1; ; pc += 1, steps += 1) {
    const code = view.getUint16(pc * 8, true);
    const k = view.getUint32(pc * 8 + 4, true);
    const branch = (taken: boolean): number => view.getUint8(pc * 8 + (taken ? 2 : 3));
    switch (code) {
      case 0x20: accumulator = wordAt(data, k); break;
      case 0x00: accumulator = k; break;
      case 0x01: index = k; break;
      case 0x02: scratch[k] = accumulator; break;
      case 0x60: accumulator = scratch[k] ?? 0; break;
      case 0x61: index = scratch[k] ?? 0; break;
      case 0x07: index = accumulator; break;
      case 0x87: accumulator = index; break;
      case 0x54: accumulator = (accumulator & k) >>> 0; break;
      case 0x05: pc += k; break;
      case 0x15: pc += branch(accumulator === k); break;
      case 0x25: pc += branch(accumulator > k); break;
      case 0x35: pc += branch(accumulator >= k); break;
      case 0x45: pc += branch((accumulator & k) !== 0); break;
      case 0x06: return { word: k, steps };
      case 0x16: return { word: accumulator, steps };
      default: throw new Error(`unknown code ${code} at ${pc}`);
    }
  }
}
