/** Runs the few eBPF instructions that device programs are made of, as bpf/standardization/instruction-set.rst defines them, and refuses all others. */
import { BPF, INSTRUCTION_SIZE } from "../src/plan/device-program.ts";

export interface DeviceRequest {
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  /** 1 mknod, 2 read, 4 write. */
  readonly access: number;
}

/** The program's answer to a request. Throws what a verifier would refuse: other instructions, registers without a value, jumps back or out, no end. */
export function runDeviceProgram(program: Uint8Array, { type, major, minor, access }: DeviceRequest): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const context = [(access << 16) | (type === "b" ? 1 : 2), major, minor];
  const registers: (number | "context" | undefined)[] = [undefined, "context"];
  const number = (register: number): number => {
    const value = registers[register];
    if (typeof value !== "number") throw new Error(`register ${register} has no number`);
    return value;
  };
  for (let at = 0; at < program.length; at += INSTRUCTION_SIZE) {
    const [opcode, target, source] = [view.getUint8(at), view.getUint8(at + 1) & 15, view.getUint8(at + 1) >> 4];
    const [offset, immediate] = [view.getInt16(at + 2, true), view.getInt32(at + 4, true)];
    let jump = false;
    if (opcode === BPF.EXIT) return number(0);
    if (opcode === BPF.LOAD_WORD) {
      const value = context[offset / 4];
      if (registers[source] !== "context" || value === undefined) throw new Error("a load from nowhere");
      registers[target] = value >>> 0;
    } else if (opcode === BPF.MOVE) registers[target] = immediate >>> 0;
    else if (opcode === BPF.MOVE_REGISTER) registers[target] = number(source);
    else if (opcode === BPF.AND) registers[target] = (number(target) & immediate) >>> 0;
    else if (opcode === BPF.SHIFT_RIGHT) registers[target] = number(target) >>> immediate;
    else if (opcode === BPF.JUMP_EQUAL) jump = number(target) === immediate;
    else if (opcode === BPF.JUMP_NOT_EQUAL) jump = number(target) !== immediate;
    else if (opcode === BPF.JUMP_NOT_EQUAL_REGISTER) jump = number(target) !== number(source);
    else throw new Error(`no such instruction: ${opcode}`);
    if (offset < 0) throw new Error("a jump back");
    if (jump) at += offset * INSTRUCTION_SIZE;
  }
  throw new Error("the program has no end");
}
