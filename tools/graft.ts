/**
 * Gives an ELF executable a new beginning: code that runs before the program's own entry point and then jumps there.
 *
 * The code is appended to the file, and the program header of the notes, which nothing reads at run time, becomes that of its segment. The program's own
 * segments, sections and data stay where they are. Pure.
 */
const PT_LOAD = 1;
const PT_NOTE = 4;
const PF_R_X = 5;
const PAGE = 4096n;
const HEADER = 56;
/** Where the code wants to be: launcher/front.ld. Its room ends where its variables begin. */
export const FRONT_ADDRESS = 0x100000n;
const FRONT_ROOM = 0x40000n;
/** What the code has in place of the address of the program's own entry point. */
const PLACEHOLDER = 0x1122334455667788n;

function indexOfPlaceholder(code: Uint8Array): number {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const found: number[] = [];
  for (let at = 0; at + 8 <= code.length; at++) if (view.getBigUint64(at, true) === PLACEHOLDER) found.push(at);
  if (found.length !== 1) throw new Error(`graft: the code has ${found.length} places for the entry point instead of one`);
  return found[0] ?? 0;
}

/** `program` (ELF64, x86-64, ET_EXEC, with a PT_NOTE) with `code` in front. Throws Error for any other file: a build must not guess. */
export function graft(program: Uint8Array, code: Uint8Array): Uint8Array {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const [ET_EXEC, EM_X86_64] = [2, 62];
  const known = program.length > 64 && view.getUint32(0, false) === 0x7f454c46 && view.getUint8(4) === 2 && view.getUint8(5) === 1;
  if (!known || view.getUint16(16, true) !== ET_EXEC || view.getUint16(18, true) !== EM_X86_64) throw new Error("graft: not a 64-bit x86 executable of fixed address");
  const [table, count] = [Number(view.getBigUint64(32, true)), view.getUint16(56, true)];
  const headers = Array.from({ length: count }, (_, i) => program.slice(table + HEADER * i, table + HEADER * (i + 1)));
  const of = (header: Uint8Array): DataView => new DataView(header.buffer, header.byteOffset, header.byteLength);
  const note = headers.findIndex((header) => of(header).getUint32(0, true) === PT_NOTE);
  const first = headers.findIndex((header) => of(header).getUint32(0, true) === PT_LOAD);
  if (note < first || first < 0) throw new Error("graft: no program header to spare");
  if (of(headers[first] ?? program).getBigUint64(16, true) < FRONT_ADDRESS + FRONT_ROOM || BigInt(code.length) > FRONT_ROOM) throw new Error("graft: the code has no room in memory");
  const offset = (BigInt(program.length) + PAGE - 1n) / PAGE * PAGE;
  const grafted = new Uint8Array(Number(offset) + code.length);
  grafted.set(program);
  grafted.set(code, Number(offset));
  const result = new DataView(grafted.buffer);
  // Elf64_Phdr: type, flags, offset, vaddr, paddr, filesz, memsz, align. The notes come after the segments, and there it stays: kernels before 5.18 take the
  // first PT_LOAD for the one that the file begins with (0da1d5002745 "fs/binfmt_elf: Fix AT_PHDR for unusual ELF files").
  const own = table + HEADER * note;
  [PT_LOAD, PF_R_X].forEach((word, i) => result.setUint32(own + 4 * i, word, true));
  [offset, FRONT_ADDRESS, FRONT_ADDRESS, BigInt(code.length), BigInt(code.length), PAGE].forEach((word, i) => result.setBigUint64(own + 8 + 8 * i, word, true));
  result.setBigUint64(Number(offset) + indexOfPlaceholder(code), view.getBigUint64(24, true), true);
  result.setBigUint64(24, FRONT_ADDRESS, true);
  return grafted;
}
