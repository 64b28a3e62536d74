/**
 * What an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE answers to a request, by running it here (bpf/standardization/instruction-set.rst). Pure.
 *
 * Arithmetic, jumps, the request and the stack are understood; calls, maps and other memory are not, and then there is no answer. An attacker may
 * have written the program: it ends after a number of steps, and touches nothing but its own registers and stack.
 */
import { INSTRUCTION_SIZE } from "./device-program.ts";

export interface DeviceRequest {
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  /** Bits of ACCESS (device-rules.ts). */
  readonly access: number;
}

const MOST_STEPS = 20_000;
const STACK = 512;
const FRAME = 10;
const CLASS = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, JMP32: 6, ALU64: 7 } as const;
const LOAD_IMMEDIATE = 0x18;
/** BPF_ST | BPF_NOSPEC, which the verifier puts in against speculation. */
const NO_SPECULATION = 0xc2;
const SIZES = new Map([[0x00, 4], [0x08, 2], [0x10, 1], [0x18, 8]]);
const MEMORY = 0x60;
const SOURCE_REGISTER = 8;
const OP = { JA: 0x00, CALL: 0x80, EXIT: 0x90, ADD: 0x00, NEG: 0x80, MOV: 0xb0, END: 0xd0 } as const;

/** Into the request (`context`, read only) or into the stack. */
interface Pointer {
  readonly into: "context" | "stack";
  readonly at: number;
}
type Register = bigint | Pointer | undefined;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** An operation of two numbers of `bits`; undefined: none of this number. Division by zero gives 0, as in the kernel. */
function calculate(op: number, a: bigint, b: bigint, bits: 32 | 64): bigint | undefined {
  const shift = b & BigInt(bits - 1);
  switch (op) {
    case 0x00: return a + b;
    case 0x10: return a - b;
    case 0x20: return a * b;
    case 0x30: return b === 0n ? 0n : a / b;
    case 0x40: return a | b;
    case 0x50: return a & b;
    case 0x60: return a << shift;
    case 0x70: return a >> shift;
    case 0x90: return b === 0n ? a : a % b;
    case 0xa0: return a ^ b;
    case 0xb0: return b;
    case 0xc0: return BigInt.asIntN(bits, a) >> shift;
    default: return undefined;
  }
}

function compare(op: number, a: bigint, b: bigint, bits: 32 | 64): boolean | undefined {
  const [x, y] = [BigInt.asIntN(bits, a), BigInt.asIntN(bits, b)];
  switch (op) {
    case 0x10: return a === b;
    case 0x20: return a > b;
    case 0x30: return a >= b;
    case 0x40: return (a & b) !== 0n;
    case 0x50: return a !== b;
    case 0x60: return x > y;
    case 0x70: return x >= y;
    case 0xa0: return a < b;
    case 0xb0: return a <= b;
    case 0xc0: return x < y;
    case 0xd0: return x <= y;
    default: return undefined;
  }
}

class Machine {
  readonly #code: DataView;
  readonly #context = new DataView(new ArrayBuffer(12));
  readonly #stack = new DataView(new ArrayBuffer(STACK));
  readonly #registers: Register[] = [];
  #at = 0;

  constructor(program: Uint8Array, { type, major, minor, access }: DeviceRequest) {
    this.#code = new DataView(program.buffer, program.byteOffset, program.byteLength);
    this.#context.setUint32(0, (access << 16) | (type === "b" ? 1 : 2), true);
    this.#context.setUint32(4, major, true);
    this.#context.setUint32(8, minor, true);
    this.#registers[1] = { into: "context", at: 0 };
    this.#registers[FRAME] = { into: "stack", at: STACK };
  }

  /** The memory that `size` bytes at a pointer are in, or undefined where they are not all there. */
  #memory(pointer: Register, offset: number, size: number): { readonly view: DataView; readonly at: number } | undefined {
    if (typeof pointer !== "object") return undefined;
    const view = pointer.into === "context" ? this.#context : this.#stack;
    const at = pointer.at + offset;
    return at < 0 || at + size > view.byteLength ? undefined : { view, at };
  }

  #load(pointer: Register, offset: number, size: number): bigint | undefined {
    const memory = this.#memory(pointer, offset, size);
    if (memory === undefined) return undefined;
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(memory.view.getUint8(memory.at + i));
    return value;
  }

  #store(pointer: Register, offset: number, size: number, value: Register): boolean {
    const memory = this.#memory(pointer, offset, size);
    if (memory === undefined || typeof value !== "bigint" || memory.view === this.#context) return false;
    for (let i = 0; i < size; i++) memory.view.setUint8(memory.at + i, Number((value >> BigInt(8 * i)) & 0xffn));
    return true;
  }

  #arithmetic(opcode: number, target: number, operand: Register): boolean {
    const bits = (opcode & 7) === CLASS.ALU64 ? 64 : 32;
    const op = opcode & 0xf0;
    const own = this.#registers[target];
    if (bits === 64 && op === OP.MOV) {
      this.#registers[target] = operand;
      return operand !== undefined;
    }
    if (bits === 64 && op === OP.ADD && typeof own === "object" && typeof operand === "bigint") {
      this.#registers[target] = { into: own.into, at: own.at + Number(BigInt.asIntN(32, operand)) };
      return true;
    }
    if (op === OP.NEG && typeof own === "bigint") {
      this.#registers[target] = BigInt.asUintN(bits, -own);
      return true;
    }
    if (op === OP.END || typeof operand !== "bigint" || (op !== OP.MOV && typeof own !== "bigint")) return false;
    const a = typeof own === "bigint" ? BigInt.asUintN(bits, own) : 0n;
    const result = calculate(op, a, BigInt.asUintN(bits, operand), bits);
    if (result === undefined) return false;
    this.#registers[target] = BigInt.asUintN(bits, result);
    return true;
  }

  /** Whether to jump; undefined: no answer. */
  #decides(opcode: number, target: number, operand: Register): boolean | undefined {
    const bits = (opcode & 7) === CLASS.JMP ? 64 : 32;
    if ((opcode & 0xf0) === OP.JA) return true;
    const own = this.#registers[target];
    if (typeof own !== "bigint" || typeof operand !== "bigint") return undefined;
    return compare(opcode & 0xf0, BigInt.asUintN(bits, own), BigInt.asUintN(bits, operand), bits);
  }

  /** One instruction. Returns the answer at the end, false where there can be none, true to go on. */
  #step(): number | boolean {
    const [opcode, registers] = [this.#code.getUint8(this.#at), this.#code.getUint8(this.#at + 1)];
    const [target, source] = [registers & 15, registers >> 4];
    const [offset, immediate] = [this.#code.getInt16(this.#at + 2, true), this.#code.getInt32(this.#at + 4, true)];
    this.#at += INSTRUCTION_SIZE;
    const kind = opcode & 7;
    const operand = (opcode & SOURCE_REGISTER) === 0 ? u64(BigInt(immediate)) : this.#registers[source];
    const size = SIZES.get(opcode & 0x18) ?? 0;
    const writes = kind === CLASS.LD || kind === CLASS.LDX || kind === CLASS.ALU || kind === CLASS.ALU64;
    if (target > FRAME || source > FRAME || (target === FRAME && writes)) return false;
    if (opcode === NO_SPECULATION) return true;
    if (kind === CLASS.ALU || kind === CLASS.ALU64) return offset === 0 && this.#arithmetic(opcode, target, operand);
    if (kind === CLASS.JMP || kind === CLASS.JMP32) {
      if (opcode === (OP.EXIT | CLASS.JMP)) return typeof this.#registers[0] === "bigint" && Number(this.#registers[0] & 0xffffffffn);
      if ((opcode & 0xf0) === OP.CALL) return false;
      const jump = this.#decides(opcode, target, operand);
      if (jump === true) this.#at += (kind === CLASS.JMP32 && (opcode & 0xf0) === OP.JA ? immediate : offset) * INSTRUCTION_SIZE;
      return jump !== undefined;
    }
    if (opcode === LOAD_IMMEDIATE) {
      if (source !== 0 || this.#at + INSTRUCTION_SIZE > this.#code.byteLength) return false;
      this.#registers[target] = u64((BigInt(this.#code.getInt32(this.#at + 4, true)) << 32n) | BigInt(immediate >>> 0));
      this.#at += INSTRUCTION_SIZE;
      return true;
    }
    if ((opcode & 0xe0) !== MEMORY || kind === CLASS.LD) return false;
    if (kind === CLASS.LDX) {
      this.#registers[target] = this.#load(this.#registers[source], offset, size);
      return this.#registers[target] !== undefined;
    }
    return this.#store(this.#registers[target], offset, size, kind === CLASS.ST ? u64(BigInt(immediate)) : this.#registers[source]);
  }

  run(): number | undefined {
    for (let steps = 0; steps < MOST_STEPS && this.#at >= 0 && this.#at + INSTRUCTION_SIZE <= this.#code.byteLength; steps++) {
      const result = this.#step();
      if (typeof result === "number") return result;
      if (!result) return undefined;
    }
    return undefined;
  }
}

/** The program's answer: 0 denies, anything else allows; undefined where it does what is not understood here, or does not end. */
export function runDeviceProgram(program: Uint8Array, request: DeviceRequest): number | undefined {
  return new Machine(program, request).run();
}
