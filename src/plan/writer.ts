/**
 * Builds the bytes of a plan, op by op, in one pass: `call(...)` and its kin append an op, `into`, `tolerate` and `flags` refine the last one.
 * Pure. Everything is written straight into two growing buffers, because cold JavaScript pays for every object at start.
 */
import { PidboxError } from "../base/error.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { addProgram } from "./program.ts";
import type { PlanBody, Program } from "./program.ts";
import { argumentValue, DATA_BASE, FLAG, KIND, OP, PLAN, register, REGISTER_BASE } from "./op.ts";

const encoder = new TextEncoder();
const TWO_32 = 2 ** 32;
/** 32-bit words of an op. */
const WORDS = PLAN.opSize / 4;

/** A place that ops jump to; always after them. */
export interface Label {
  op: number;
  readonly uses: number[];
}

export class PlanWriter {
  // Words of ops as launcher/plan.h has them: code result flags 0 | kinds nr | two errnos | from | six arguments of two words.
  #ops = new Int32Array(1024 * WORDS);
  #data = new Uint8Array(48 * 1024);
  #words = new Int32Array(this.#data.buffer);
  #opCount = 0;
  #dataSize = 8;
  #relocations: number[] = [];
  #texts = new Map<string, number>();
  #source = 0;
  #nextRegister = 8;
  #freeRegisters: number[] = [];
  #last = 0;
  #programOp = -1;
  #program: Program = { paths: [], args: [], env: [] };

  /** Index of the next op. */
  get position(): number {
    return this.#opCount;
  }

  /** Names the config field or flag that causes the ops that follow, such as `/mounts/3` or `--memory`. */
  from(text: string): this {
    this.#source = this.text(text) - DATA_BASE;
    return this;
  }

  /** A register that nothing else uses. */
  register(): number {
    return this.#freeRegisters.pop() ?? this.blankRegister();
  }

  /** A register that no op has used: it is 0 until an op gives it a value, so that ops after a failure can tell whether that one has run. */
  blankRegister(): number {
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
    for (const one of registers) {
      // Two stages would be given the same register.
      if (this.#freeRegisters.includes(one)) throw new PidboxError("DEFECT", "A plan releases a register twice");
      this.#freeRegisters.push(one);
    }
    return this;
  }

  #append(code: number, nr: number, a: number, b: number, c: number, d: number, e: number, f: number): this {
    const at = this.#opCount * WORDS;
    if (at === this.#ops.length) {
      if (this.#opCount >= PLAN.maxOps) throw new PidboxError("CONFIG_INVALID", `Cannot compile the plan: it needs more than ${PLAN.maxOps} ops`);
      const larger = new Int32Array(at * 2);
      larger.set(this.#ops);
      this.#ops = larger;
    }
    const ops = this.#ops;
    let kinds = 0;
    if (a !== 0) kinds |= this.#argument(at + 4, a);
    if (b !== 0) kinds |= this.#argument(at + 6, b) << 2;
    if (c !== 0) kinds |= this.#argument(at + 8, c) << 4;
    if (d !== 0) kinds |= this.#argument(at + 10, d) << 6;
    if (e !== 0) kinds |= this.#argument(at + 12, e) << 8;
    if (f !== 0) kinds |= this.#argument(at + 14, f) << 10;
    ops[at] = code;
    ops[at + 1] = kinds | (nr << 16);
    ops[at + 3] = this.#source;
    this.#last = at;
    this.#opCount += 1;
    return this;
  }

  #argument(at: number, value: number): number {
    const ops = this.#ops;
    if (value >= DATA_BASE) {
      ops[at] = value - DATA_BASE;
      return KIND.DATA;
    }
    if (value >= REGISTER_BASE) {
      ops[at] = value - REGISTER_BASE;
      return KIND.REGISTER;
    }
    ops[at] = value;
    if (value < 0 || value > 0x7fffffff) ops[at + 1] = Math.floor(value / TWO_32);
    return KIND.IMMEDIATE;
  }

  /** A system call. The op fails on any error that is not tolerated. */
  call(nr: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): this {
    return this.#append(OP.SYSCALL, nr, a, b, c, d, e, f);
  }

  /** The last op's result goes to `target` (a register). */
  into(target: number): this {
    this.#ops[this.#last] = (this.#ops[this.#last] ?? 0) | (argumentValue(target) << 8);
    return this;
  }

  /** Errnos (positive, two at most) that are an answer of the last op and not a failure. */
  tolerate(first: number, second = 0): this {
    this.#ops[this.#last + 2] = first | (second << 16);
    return this;
  }

  /** FLAG bits of the last op. */
  flags(bits: number): this {
    this.#ops[this.#last] = (this.#ops[this.#last] ?? 0) | (bits << 16);
    return this;
  }

  label(): Label {
    return { op: -1, uses: [] };
  }

  /** Puts `label` here. */
  place(label: Label): this {
    label.op = this.#opCount;
    for (const at of label.uses) this.#ops[at] = label.op;
    return this;
  }

  #target(label: Label, argument: number): void {
    if (label.op >= 0) throw new PidboxError("DEFECT", "A plan jumps backwards");
    label.uses.push(this.#last + 4 + 2 * argument);
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

  /** Fails unless the `size` bytes at the two addresses of data are the same. */
  same(a: number, b: number, size: number): this {
    return this.#append(OP.SAME, 0, a, b, size, 0, 0, 0);
  }

  load(target: number, from: number, size: 1 | 2 | 4 | 8): this {
    return this.#append(OP.LOAD, 0, from, size, 0, 0, 0, 0).into(target);
  }

  store(to: number, value: number, size: 1 | 2 | 4 | 8): this {
    return this.#append(OP.STORE, 0, to, value, size, 0, 0, 0);
  }

  /** Appends a line to the file `path`, at one of the moments of TELL: the launcher fills in the digits of `head` (spec/event.ts). */
  tell(path: string, head: string, tail: string, when: number): this {
    const size = (text: string): number => encoder.encode(text).length;
    return this.#append(OP.TELL, 0, this.text(path), this.bytes(encoder.encode(head)), size(head), when, this.text(tail), size(tail));
  }

  /** Decimal text of `value` at `to` (24 bytes of room), with a NUL, or by FLAG.FULL with spaces up to 20 characters; the result is the number of digits. */
  decimal(to: number, value: number): this {
    return this.#append(OP.DECIMAL, 0, to, value, 0, 0, 0, 0);
  }

  /** For each bit n of the 64-bit mask at register or immediate `mask`: nr(first, n, a, b, c); with FLAG.FIRST nr(n, first, a, b, c). */
  bits(nr: number, mask: number, first: number, a = 0, b = 0, c = 0): this {
    return this.#append(OP.BITS, nr, mask, first, a, b, c, 0);
  }

  /** Runs `body` once for each pointer: its ops find the pointer in the register that it is given. Loops do not nest. */
  each(pointers: readonly number[], body: (pointer: number) => void): this {
    const pointer = this.register();
    const end = this.label();
    this.#append(OP.EACH, 0, this.cells(...pointers), pointers.length, 0, 0, 0, 0).into(pointer);
    this.#target(end, 2);
    body(pointer);
    return this.place(end).release(pointer);
  }

  /** Copies what is in one directory into another, which is empty. Both registers hold descriptors open for reading. */
  copy(from: number, to: number): this {
    return this.#append(OP.COPY, 0, from, to, 0, 0, 0, 0);
  }

  execute(paths: number, argv: number, envp: number): this {
    return this.#append(OP.EXECUTE, 0, paths, argv, envp, 0, 0, 0);
  }

  /** EXECUTE of a program that is put behind everything else; once at most. */
  program(program: Program): this {
    this.#programOp = this.#opCount;
    this.#program = program;
    return this.execute(DATA_BASE, DATA_BASE, DATA_BASE);
  }

  supervise(pid: number, pidfd: number, report: number, signals: number, page: number, watch: number): this {
    return this.#append(OP.SUPERVISE, 0, pid, pidfd, report, signals, page, watch);
  }

  /** As supervise, for a container that nobody waits for: `keep` is a struct plan_keep, `names` the log's files, first the one that is written. */
  keep(pidfd: number, signals: number, page: number, keep: number, names: readonly string[]): this {
    return this.#append(OP.KEEP, 0, this.texts(names), pidfd, names.length, signals, page, keep);
  }

  /** A client of a container that nobody waits for: `client` is a struct plan_client. */
  client(signals: number, client: number): this {
    return this.#append(OP.CLIENT, 0, 0, 0, 0, signals, 0, client);
  }

  /** Connections to the descriptors from `first` on go to these ports of this network namespace, until the process of `pidfd` ends. */
  forward(ports: readonly number[], first: number, pidfd: number): this {
    return this.#append(OP.FORWARD, 0, this.words(...ports), ports.length, first, pidfd, 0, 0);
  }

  /** The supervisor's child is the process of register `pid` from here on. */
  adopt(pid: number): this {
    return this.#append(OP.ADOPT, 0, pid, 0, 0, 0, 0, 0);
  }

  init(main: number, page: number): this {
    return this.#append(OP.INIT, 0, main, page, 0, 0, 0, 0);
  }

  exit(code: number): this {
    return this.#append(OP.EXIT, 0, code, 0, 0, 0, 0, 0);
  }

  /** `size` zero bytes of data, aligned to 8; returns their address. */
  room(size: number): number {
    const at = (this.#dataSize + 7) & ~7;
    const end = at + size;
    if (end + 16 > this.#data.length) {
      let length = this.#data.length * 2;
      while (length < end + 16) length *= 2;
      const larger = new Uint8Array(length);
      larger.set(this.#data.subarray(0, this.#dataSize));
      this.#data = larger;
      this.#words = new Int32Array(larger.buffer);
    }
    this.#dataSize = end;
    return DATA_BASE + at;
  }

  /** NUL-terminated text; the same text has one place. No op writes to it. */
  text(value: string): number {
    const known = this.#texts.get(value);
    if (known !== undefined) return known;
    const room = this.room(value.length * 3 + 1);
    const at = room - DATA_BASE;
    const { written } = encoder.encodeInto(value, this.#data.subarray(at));
    this.#dataSize = at + written + 1;
    this.#texts.set(value, room);
    return room;
  }

  /** Writes `value` over data that `room` gave. */
  fill(at: number, value: Uint8Array): this {
    this.#data.set(value, at - DATA_BASE);
    return this;
  }

  bytes(value: Uint8Array): number {
    const room = this.room(value.length);
    this.#data.set(value, room - DATA_BASE);
    return room;
  }

  /** 32-bit words. */
  words(...values: number[]): number {
    const room = this.room(values.length * 4);
    const at = (room - DATA_BASE) / 4;
    for (let i = 0; i < values.length; i++) this.#words[at + i] = values[i] ?? 0;
    return room;
  }

  /** 64-bit cells; an address of data becomes a pointer when the launcher loads the plan. */
  cells(...values: number[]): number {
    const room = this.room(values.length * 8);
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? 0;
      if (value !== 0) this.cell(room, i, value);
    }
    return room;
  }

  /** Sets cell `index` of a block made by `cells` or `room`. */
  cell(room: number, index: number, value: number): void {
    const at = room - DATA_BASE + 8 * index;
    const plain = argumentValue(value);
    this.#words[at / 4] = plain;
    this.#words[at / 4 + 1] = Math.floor(plain / TWO_32);
    if (value >= DATA_BASE) this.#relocations.push(at);
  }

  /** A NULL-terminated array of pointers to texts, as execve(2) takes. */
  texts(values: readonly string[]): number {
    return this.cells(...values.map((value) => this.text(value)), 0);
  }

  /**
   * The finished plan. `onFailure` is the op where the supervisor goes on after a failure; `fault` an op that is to fail on purpose.
   * The last op must be an EXIT.
   */
  finish(onFailure: number, fault: number = PLAN.noOp): Uint8Array<ArrayBuffer> {
    return addProgram(this.finishBody(onFailure, fault), this.#program);
  }

  /** The same without the program. */
  finishBody(onFailure: number, fault: number = PLAN.noOp): PlanBody {
    const dataSize = this.room(8) - DATA_BASE + 8;
    const relocationOffset = PLAN.headerSize + this.#opCount * PLAN.opSize;
    const dataOffset = (relocationOffset + this.#relocations.length * 4 + 7) & ~7;
    const plan = new Uint8Array(dataOffset + dataSize);
    const words = new Int32Array(plan.buffer);
    words.set([
      PLAN.magic, PLAN.version, plan.length, PLAN.headerSize, this.#opCount, relocationOffset, this.#relocations.length,
      dataOffset, dataSize, onFailure, fault,
    ]);
    words.set(this.#ops.subarray(0, this.#opCount * WORDS), PLAN.headerSize / 4);
    words.set(this.#relocations, relocationOffset / 4);
    plan.set(this.#data.subarray(0, dataSize), dataOffset);
    return { bytes: plan, programOp: this.#programOp };
  }
}
