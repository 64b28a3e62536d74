/**
 * Builds the bytes of a plan, op by op, in one pass: `call(...)` and its kin append an op, `into`, `tolerate` and `flags` refine the last one.
 * Pure. Everything is written straight into two growing buffers, because cold JavaScript pays for every object at start.
 */
import { PidboxError } from "../base/error.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { argumentKind, argumentValue, dataAddress, FLAG, OP, PLAN, register } from "./op.ts";

const encoder = new TextEncoder();
const TWO_32 = 2 ** 32;

/** A place that ops jump to; always after them. */
export interface Label {
  op: number;
  readonly uses: number[];
}

export class PlanWriter {
  #ops = new Uint8Array(640 * PLAN.opSize);
  #opView = new DataView(this.#ops.buffer);
  #data = new Uint8Array(64 * 1024);
  #dataView = new DataView(this.#data.buffer);
  #opCount = 0;
  #dataSize = 8;
  #relocations: number[] = [];
  #sources = new Map<string, number>();
  #source = 0;
  #nextRegister = 8;
  #freeRegisters: number[] = [];
  #last = 0;

  /** Index of the next op. */
  get position(): number {
    return this.#opCount;
  }

  /** Names the config field or flag that causes the ops that follow, such as `/mounts/3` or `--memory`. */
  from(text: string): this {
    let at = this.#sources.get(text);
    if (at === undefined) {
      at = argumentValue(this.text(text));
      this.#sources.set(text, at);
    }
    this.#source = at;
    return this;
  }

  /** A register that nothing else uses. */
  register(): number {
    const free = this.#freeRegisters.pop();
    if (free !== undefined) return free;
    if (this.#nextRegister > 255) throw new PidboxError("CONFIG_INVALID", "Cannot compile the plan: it needs more than 255 values at once");
    return register(this.#nextRegister++);
  }

  /** Closes the descriptors in these registers; nothing reads the registers afterwards, so others may have them. */
  close(...registers: number[]): this {
    for (const one of registers) this.call(SYSCALLS.close, one);
    return this.release(...registers);
  }

  /** Nothing reads these registers any more. */
  release(...registers: number[]): this {
    this.#freeRegisters.push(...registers);
    return this;
  }

  #append(code: number, nr: number, a: number, b: number, c: number, d: number, e: number, f: number): this {
    if (this.#opCount >= PLAN.maxOps) throw new PidboxError("CONFIG_INVALID", `Cannot compile the plan: it needs more than ${PLAN.maxOps} ops`);
    const at = this.#opCount * PLAN.opSize;
    if (at + PLAN.opSize > this.#ops.length) {
      const larger = new Uint8Array(this.#ops.length * 2);
      larger.set(this.#ops);
      this.#ops = larger;
      this.#opView = new DataView(larger.buffer);
    }
    const view = this.#opView;
    let kinds = 0;
    kinds |= this.#argument(at + 16, a);
    kinds |= this.#argument(at + 24, b) << 2;
    kinds |= this.#argument(at + 32, c) << 4;
    kinds |= this.#argument(at + 40, d) << 6;
    kinds |= this.#argument(at + 48, e) << 8;
    kinds |= this.#argument(at + 56, f) << 10;
    view.setUint8(at, code);
    view.setUint16(at + 4, kinds, true);
    view.setUint16(at + 6, nr, true);
    view.setUint32(at + 12, this.#source, true);
    this.#last = at;
    this.#opCount += 1;
    return this;
  }

  #argument(at: number, value: number): number {
    if (value === 0) return 0;
    const plain = argumentValue(value);
    this.#opView.setInt32(at, plain | 0, true);
    this.#opView.setInt32(at + 4, Math.floor(plain / TWO_32), true);
    return argumentKind(value);
  }

  /** A system call. The op fails on any error that is not tolerated. */
  call(nr: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): this {
    return this.#append(OP.SYSCALL, nr, a, b, c, d, e, f);
  }

  /** The last op's result goes to `target` (a register). */
  into(target: number): this {
    this.#ops[this.#last + 1] = argumentValue(target);
    return this;
  }

  /** Errnos (positive, two at most) that are an answer of the last op and not a failure. */
  tolerate(first: number, second = 0): this {
    this.#opView.setUint16(this.#last + 8, first, true);
    this.#opView.setUint16(this.#last + 10, second, true);
    return this;
  }

  /** FLAG bits of the last op. */
  flags(bits: number): this {
    this.#ops[this.#last + 2] = (this.#ops[this.#last + 2] ?? 0) | bits;
    return this;
  }

  label(): Label {
    return { op: -1, uses: [] };
  }

  /** Puts `label` here. */
  place(label: Label): this {
    label.op = this.#opCount;
    for (const at of label.uses) this.#opView.setUint32(at, label.op, true);
    return this;
  }

  #target(label: Label, argument: number): void {
    if (label.op >= 0) throw new PidboxError("DEFECT", "A plan jumps backwards");
    label.uses.push(this.#last + 16 + 8 * argument);
  }

  jump(to: Label): this {
    this.#append(OP.JUMP, 0, 0, 0, 0, 0, 0, 0);
    this.#target(to, 0);
    return this;
  }

  /** Jumps if `value` is a -errno. */
  jumpError(to: Label, value: number): this {
    this.#append(OP.JUMP_ERROR, 0, 0, value, 0, 0, 0, 0);
    this.#target(to, 0);
    return this;
  }

  jumpSet(to: Label, value: number): this {
    this.#append(OP.JUMP_SET, 0, 0, value, 0, 0, 0, 0);
    this.#target(to, 0);
    return this;
  }

  /** clone3(2) with the clone_args at `args`; the child goes on at `child` and reports on fd `report`, which the parent reads as `reading`. */
  clone(args: number, size: number, child: Label, report: number, reading: number): this {
    this.#append(OP.CLONE, 0, args, size, 0, report, reading, 0);
    this.#target(child, 2);
    return this;
  }

  /** Fails unless (value & mask) equals `wanted`; `differs` turns it round. */
  expect(value: number, wanted: number, options: { mask?: number; differs?: boolean } = {}): this {
    this.#append(OP.EXPECT, 0, value, options.mask ?? -1, wanted, 0, 0, 0);
    return options.differs === true ? this.flags(FLAG.NOT) : this;
  }

  load(target: number, from: number, size: 1 | 2 | 4 | 8): this {
    return this.#append(OP.LOAD, 0, from, size, 0, 0, 0, 0).into(target);
  }

  store(to: number, value: number, size: 1 | 2 | 4 | 8): this {
    return this.#append(OP.STORE, 0, to, value, size, 0, 0, 0);
  }

  /** Decimal text of `value` with a NUL at `to` (24 bytes of room). */
  decimal(to: number, value: number): this {
    return this.#append(OP.DECIMAL, 0, to, value, 0, 0, 0, 0);
  }

  /** For each bit n of the 64-bit mask at register or immediate `mask`: nr(first, n, a, b, c); with FLAG.FIRST nr(n, first, a, b, c). */
  bits(nr: number, mask: number, first: number, a = 0, b = 0, c = 0): this {
    return this.#append(OP.BITS, nr, mask, first, a, b, c, 0);
  }

  execute(paths: number, argv: number, envp: number): this {
    return this.#append(OP.EXECUTE, 0, paths, argv, envp, 0, 0, 0);
  }

  supervise(pid: number, pidfd: number, report: number, signals: number, page: number, watch: number): this {
    return this.#append(OP.SUPERVISE, 0, pid, pidfd, report, signals, page, watch);
  }

  init(main: number, page: number): this {
    return this.#append(OP.INIT, 0, main, page, 0, 0, 0, 0);
  }

  exit(code: number): this {
    return this.#append(OP.EXIT, 0, code, 0, 0, 0, 0, 0);
  }

  /** `size` zero bytes of data, aligned to 8; returns their address. */
  room(size: number): number {
    const at = this.#dataSize + 7 - ((this.#dataSize + 7) % 8);
    const end = at + size;
    if (end + 16 > this.#data.length) {
      let length = this.#data.length * 2;
      while (length < end + 16) length *= 2;
      const larger = new Uint8Array(length);
      larger.set(this.#data.subarray(0, this.#dataSize));
      this.#data = larger;
      this.#dataView = new DataView(larger.buffer);
    }
    this.#dataSize = end;
    return dataAddress(at);
  }

  /** NUL-terminated text. */
  text(value: string): number {
    const room = this.room(value.length * 3 + 1);
    const at = argumentValue(room);
    const { written } = encoder.encodeInto(value, this.#data.subarray(at));
    this.#data[at + written] = 0;
    this.#dataSize = at + written + 1;
    return room;
  }

  bytes(value: Uint8Array): number {
    const room = this.room(value.length);
    this.#data.set(value, argumentValue(room));
    return room;
  }

  /** 32-bit words. */
  words(...values: number[]): number {
    const room = this.room(values.length * 4);
    const at = argumentValue(room);
    values.forEach((value, i) => this.#dataView.setInt32(at + 4 * i, value | 0, true));
    return room;
  }

  /** 64-bit cells; an address of data becomes a pointer when the launcher loads the plan. */
  cells(...values: number[]): number {
    const room = this.room(values.length * 8);
    values.forEach((value, i) => this.cell(room, i, value));
    return room;
  }

  /** Sets cell `index` of a block made by `cells` or `room`. */
  cell(room: number, index: number, value: number): void {
    const at = argumentValue(room) + 8 * index;
    const plain = argumentValue(value);
    this.#dataView.setInt32(at, plain | 0, true);
    this.#dataView.setInt32(at + 4, Math.floor(plain / TWO_32), true);
    if (argumentKind(value) === 2) this.#relocations.push(at);
  }

  /** A NULL-terminated array of pointers to texts, as execve(2) takes. */
  texts(values: readonly string[]): number {
    return this.cells(...values.map((value) => this.text(value)), 0);
  }

  /**
   * The finished plan. `onFailure` is the op where the supervisor goes on after a failure; `fault` an op that is to fail on purpose.
   * The last op must be an EXIT.
   */
  finish(onFailure: number, fault: number = PLAN.noOp): Uint8Array {
    const dataSize = argumentValue(this.room(8)) + 8;
    const relocationOffset = PLAN.headerSize + this.#opCount * PLAN.opSize;
    const dataOffset = (relocationOffset + this.#relocations.length * 4 + 7) & ~7;
    const plan = new Uint8Array(dataOffset + dataSize);
    const view = new DataView(plan.buffer);
    [
      PLAN.magic, PLAN.version, plan.length, PLAN.headerSize, this.#opCount, relocationOffset, this.#relocations.length,
      dataOffset, dataSize, onFailure, fault,
    ].forEach((value, i) => view.setUint32(4 * i, value, true));
    plan.set(this.#ops.subarray(0, this.#opCount * PLAN.opSize), PLAN.headerSize);
    this.#relocations.forEach((at, i) => view.setUint32(relocationOffset + 4 * i, at, true));
    plan.set(this.#data.subarray(0, dataSize), dataOffset);
    return plan;
  }
}
