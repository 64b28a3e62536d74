/** Plan bytes back to data: for `--explain`, for the message of a failed op, and for tests. Total: other bytes are a PARSE error. Pure. */
import { PidboxError } from "../base/error.ts";
import { KIND, OP, PLAN } from "./op.ts";

export type OpName = keyof typeof OP;

/** An argument: a number, a register, or an offset into the plan's data. */
export type Argument = { readonly kind: "immediate" | "register" | "data"; readonly value: number };

export interface DecodedOp {
  readonly index: number;
  readonly code: OpName;
  readonly nr: number;
  readonly args: readonly Argument[];
  readonly result: number;
  readonly flags: number;
  readonly tolerated: readonly number[];
  /** The config field or flag that caused it. */
  readonly from: string;
}

export interface DecodedPlan {
  readonly ops: readonly DecodedOp[];
  readonly data: Uint8Array;
  readonly onFailure: number;
}

const NAMES = Object.fromEntries(Object.entries(OP).map(([name, code]) => [code, name as OpName])) as Readonly<Record<number, OpName>>;
const decoder = new TextDecoder();

/** Text at `offset` of the plan's data, up to its NUL or `limit`; empty outside of it. */
export function textAt(plan: Pick<DecodedPlan, "data">, offset: number, limit = 4096): string {
  if (!(offset >= 0 && offset < plan.data.length)) return "";
  const end = plan.data.indexOf(0, offset);
  return decoder.decode(plan.data.subarray(offset, Math.min(end < 0 ? plan.data.length : end, offset + limit)));
}

/** 64-bit cell at `offset` of the plan's data, as a number; 0 outside of it. */
export function cellAt(plan: Pick<DecodedPlan, "data">, offset: number): number {
  if (!(Number.isInteger(offset) && offset >= 0 && offset + 8 <= plan.data.length)) return 0;
  return Number(new DataView(plan.data.buffer, plan.data.byteOffset, plan.data.byteLength).getBigInt64(offset, true));
}

/** 32-bit words at `offset` of the plan's data, as many as a table of ports has at most. */
export function wordsAt(plan: Pick<DecodedPlan, "data">, offset: number, count: number): number[] {
  return Array.from({ length: Math.min(count, PLAN.maxPorts) }, (_, i) => cellAt(plan, offset + 4 * i) % 2 ** 32);
}

function bad(why: string): PidboxError {
  return new PidboxError("PARSE", `Cannot read the plan: ${why}`);
}

/** Decodes a plan. Throws PARSE. */
export function decodePlan(bytes: Uint8Array): DecodedPlan {
  if (bytes.length < PLAN.headerSize) throw bad("it is shorter than its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (i: number): number => view.getUint32(4 * i, true);
  const [magic, version, size, opOffset, opCount] = [word(0), word(1), word(2), word(3), word(4)];
  const [dataOffset, dataSize, onFailure] = [word(7), word(8), word(9)];
  if (magic !== PLAN.magic || version !== PLAN.version) throw bad("it has another magic or version");
  if (size > bytes.length || opCount > PLAN.maxOps || opOffset + opCount * PLAN.opSize > size || dataOffset + dataSize > size) throw bad("an offset lies outside");
  const data = bytes.subarray(dataOffset, dataOffset + dataSize);
  const ops: DecodedOp[] = [];
  for (let index = 0; index < opCount; index++) ops.push(decodeOp(view, opOffset + index * PLAN.opSize, index, data));
  return { ops, data, onFailure };
}

function decodeOp(view: DataView, at: number, index: number, data: Uint8Array): DecodedOp {
  const code = NAMES[view.getUint8(at)];
  if (code === undefined) throw bad(`op ${index} has an unknown code`);
  const kinds = view.getUint16(at + 4, true);
  const args: Argument[] = [];
  for (let i = 0; i < 6; i++) {
    const kind = (kinds >> (2 * i)) & 3;
    const value = Number(view.getBigInt64(at + 16 + 8 * i, true));
    args.push({ kind: kind === KIND.DATA ? "data" : kind === KIND.REGISTER ? "register" : "immediate", value });
  }
  const tolerated = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)].filter((n) => n !== 0);
  return {
    index, code, args, tolerated, result: view.getUint8(at + 1), flags: view.getUint8(at + 2), nr: view.getUint16(at + 6, true),
    from: textAt({ data }, view.getUint32(at + 12, true), 256),
  };
}
