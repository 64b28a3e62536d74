/**
 * A device policy as an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE (linux/bpf.h): cgroup v2 has no devices controller, but asks such programs.
 * The answer is 1 for allowed. As in the v1 controller, access is allowed only if one exception names all of it, and denied if one names any of it. Pure.
 */
import { ACCESS } from "./device-rules.ts";
import type { DeviceException, DevicePolicy } from "./device-rules.ts";

/** Bytes of one instruction: u8 opcode, u8 registers (source << 4 | target), s16 jump offset, s32 immediate. */
export const INSTRUCTION_SIZE = 8;

/** The few opcodes that are needed (linux/bpf_common.h, linux/bpf.h). */
export const BPF = {
  /** target = *(u32 *)(source + offset) */
  LOAD_WORD: 0x61,
  /** 32-bit arithmetic with an immediate, and a move between registers. */
  AND: 0x54, SHIFT_RIGHT: 0x74, MOVE: 0xb4, MOVE_REGISTER: 0xbc,
  /** if (target OP immediate or source) goto next + offset */
  JUMP_EQUAL: 0x15, JUMP_NOT_EQUAL: 0x55, JUMP_NOT_EQUAL_REGISTER: 0x5d,
  EXIT: 0x95,
} as const;

/** linux/bpf.h, BPF_DEVCG_DEV_*. */
const TYPE = { b: 1, c: 2 } as const;
/** struct bpf_cgroup_dev_ctx: access << 16 | type, major, minor. */
const CONTEXT = { type: 0, major: 4, minor: 8 } as const;
const R = { result: 0, context: 1, type: 2, access: 3, major: 4, minor: 5 } as const;
const ALL = ACCESS.m | ACCESS.r | ACCESS.w;

type Instruction = readonly [opcode: number, target: number, source: number, offset: number, immediate: number];

const answer = (allowed: boolean): Instruction[] => [[BPF.MOVE, R.result, 0, 0, allowed ? 1 : 0], [BPF.EXIT, 0, 0, 0, 0]];

/** The tests of an exception, each of which leads past its answer. The jump of a test counts from the next instruction, so it is filled in from behind. */
function block({ type, major, minor, access }: DeviceException, denies: boolean): Instruction[] {
  const tests: Instruction[] = [[BPF.JUMP_NOT_EQUAL, R.type, 0, 0, TYPE[type]]];
  if (major >= 0) tests.push([BPF.JUMP_NOT_EQUAL, R.major, 0, 0, major]);
  if (minor >= 0) tests.push([BPF.JUMP_NOT_EQUAL, R.minor, 0, 0, minor]);
  if (access !== ALL) {
    tests.push([BPF.MOVE_REGISTER, R.result, R.access, 0, 0], [BPF.AND, R.result, 0, 0, access]);
    tests.push(denies ? [BPF.JUMP_EQUAL, R.result, 0, 0, 0] : [BPF.JUMP_NOT_EQUAL_REGISTER, R.result, R.access, 0, 0]);
  }
  const jumps: readonly number[] = [BPF.JUMP_EQUAL, BPF.JUMP_NOT_EQUAL, BPF.JUMP_NOT_EQUAL_REGISTER];
  const verdict = answer(!denies);
  return [
    ...tests.map((test, i): Instruction => {
      const [opcode, target, source, , immediate] = test;
      return jumps.includes(opcode) ? [opcode, target, source, tests.length - i - 1 + verdict.length, immediate] : test;
    }),
    ...verdict,
  ];
}

/** The program, little endian. */
export function deviceProgram({ allowed, exceptions }: DevicePolicy): Uint8Array {
  const instructions: Instruction[] = [
    [BPF.LOAD_WORD, R.type, R.context, CONTEXT.type, 0], [BPF.MOVE_REGISTER, R.access, R.type, 0, 0],
    [BPF.AND, R.type, 0, 0, 0xffff], [BPF.SHIFT_RIGHT, R.access, 0, 0, 16],
    [BPF.LOAD_WORD, R.major, R.context, CONTEXT.major, 0], [BPF.LOAD_WORD, R.minor, R.context, CONTEXT.minor, 0],
    ...exceptions.flatMap((exception) => block(exception, allowed)), ...answer(allowed),
  ];
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_SIZE);
  const view = new DataView(bytes.buffer);
  instructions.forEach(([opcode, target, source, offset, immediate], i) => {
    const at = i * INSTRUCTION_SIZE;
    view.setUint8(at, opcode);
    view.setUint8(at + 1, (source << 4) | target);
    view.setInt16(at + 2, offset, true);
    view.setInt32(at + 4, immediate, true);
  });
  return bytes;
}
