/**
 * The program at the end of a plan's bytes: paths to try, arguments and environment, behind everything else. Plans that differ in the program alone have one
 * body, which engine/plan-cache.ts keeps. Pure.
 */
import type { Process } from "../spec/runtime-config.ts";
import { PLAN } from "./op.ts";

export interface Program {
  /** Full paths to try. */
  readonly paths: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly string[];
}

/** A plan whose EXECUTE finds no path yet. */
export interface PlanBody {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Index of that op; -1: the plan executes nothing. */
  readonly programOp: number;
}

/** The directories of the container's PATH. */
export function programDirectories(env: readonly string[]): string[] {
  const path = env.find((e) => e.startsWith("PATH="))?.slice(5) ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return path.split(":").map((dir) => (dir === "" ? "." : dir));
}

/** Full paths to try for a program: itself if it has a slash, else each directory of the container's PATH. */
export function programPaths(program: string, env: readonly string[]): string[] {
  return program.includes("/") ? [program] : programDirectories(env).map((dir) => `${dir}/${program}`);
}

export function programOf(process: Process | undefined): Program {
  const [args, env] = [process?.args ?? [], process?.env ?? []];
  return { paths: programPaths(args[0] ?? "", env), args, env };
}

/** Indexes of 32-bit words in the header (struct plan_header). */
const HEADER = { size: 2, relocationOffset: 5, relocationCount: 6, dataOffset: 7, dataSize: 8 } as const;
const encoder = new TextEncoder();

/** More than a program needs: pointers to paths and arguments, and bytes of text. */
export interface Spare {
  readonly paths: number;
  readonly args: number;
  readonly text: number;
}

/** Where room for a program is, in bytes: the arrays and the text in the plan's data, the rest in the plan. */
export interface ProgramRoom {
  readonly paths: number;
  readonly args: number;
  readonly text: number;
  readonly data: number;
  readonly relocations: number;
}

/** Offset of the number of relocations in a plan. */
export const RELOCATION_COUNT_AT = 4 * HEADER.relocationCount;

function lay({ bytes, programOp }: PlanBody, { paths, args, env }: Program, spare: Spare): { plan: Uint8Array<ArrayBuffer>; room: ProgramRoom } {
  const header = new Int32Array(bytes.buffer, bytes.byteOffset, PLAN.headerSize / 4);
  const field = (at: number): number => header[at] ?? 0;
  const relocationOffset = field(HEADER.relocationOffset);
  const relocationCount = field(HEADER.relocationCount);
  const dataSize = field(HEADER.dataSize);
  const lists = [paths, args, env];
  const pointers = paths.length + args.length + env.length;
  const cells = pointers + spare.paths + spare.args;
  const dataOffset = (relocationOffset + 4 * (relocationCount + cells) + 7) & ~7;
  let room = 8 * (cells + lists.length) + spare.text + 16;
  for (const list of lists) for (const text of list) room += 3 * text.length + 1;
  const plan = new Uint8Array(dataOffset + dataSize + room);
  plan.set(bytes.subarray(0, relocationOffset + 4 * relocationCount));
  plan.set(bytes.subarray(field(HEADER.dataOffset), field(HEADER.dataOffset) + dataSize), dataOffset);
  const words = new Int32Array(plan.buffer, 0, (plan.length - (plan.length % 4)) / 4);
  let relocation = relocationOffset / 4 + relocationCount;
  let cell = dataSize;
  let text = dataSize + 8 * (cells + lists.length);
  const starts: number[] = [];
  lists.forEach((list, i) => {
    starts.push(cell);
    // EXECUTE has the three arrays as its first arguments, of two words each, behind four words.
    words[(PLAN.headerSize + programOp * PLAN.opSize) / 4 + 4 + 2 * i] = cell;
    for (const one of list) {
      words[relocation++] = cell;
      words[(dataOffset + cell) / 4] = text;
      text += encoder.encodeInto(one, plan.subarray(dataOffset + text)).written + 1;
      cell += 8;
    }
    cell += 8 * (1 + (i === 0 ? spare.paths : i === 1 ? spare.args : 0));
  });
  // The launcher wants the last cell of the data to be zero.
  const size = ((text + spare.text + 7) & ~7) + 8;
  words[HEADER.size] = dataOffset + size;
  words[HEADER.relocationCount] = relocationCount + pointers;
  words[HEADER.dataOffset] = dataOffset;
  words[HEADER.dataSize] = size;
  const [pathsAt = 0, argsAt = 0] = starts;
  return { plan: plan.subarray(0, dataOffset + size), room: { paths: pathsAt, args: argsAt, text, data: dataOffset, relocations: relocationOffset } };
}

/** The whole plan. */
export function addProgram(body: PlanBody, program: Program): Uint8Array<ArrayBuffer> {
  return body.programOp < 0 ? body.bytes : lay(body, program, { paths: 0, args: 0, text: 0 }).plan;
}

/** The plan with an environment and room for a program, which launcher/known.h puts there; until then it finds none. */
export function addRoom(body: PlanBody, env: readonly string[], spare: Spare): { plan: Uint8Array<ArrayBuffer>; room: ProgramRoom } {
  return lay(body, { paths: [], args: [], env }, spare);
}
