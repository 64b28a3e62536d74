/**
 * A start that was seen before, as a file for launcher/known.h: what is compared first, the questions with their answers, and a plan of few ops that makes the
 * container's directory and starts the launcher. Pure.
 *
 * Nothing is changed before every answer was the same. An op that fails after that takes back what was made and leads to Bun, which starts from the beginning.
 */
import { AT, F, MFD, OPEN } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { askAgain } from "./evidence.ts";
import type { Observation } from "./evidence.ts";
import { argumentValue, FLAG, register } from "./op.ts";
import { RELOCATION_COUNT_AT } from "./program.ts";
import type { ProgramRoom, Spare } from "./program.ts";
import type { Slots } from "./template.ts";
import { PlanWriter } from "./writer.ts";
import type { Label } from "./writer.ts";

/** Bytes in which the names of another container stand. `created` are places of the time in milliseconds, 13 digits. */
export interface Patched {
  readonly bytes: Uint8Array;
  readonly slots: Slots;
  readonly created: readonly number[];
}

export interface KnownStart {
  /** The command line after argv[0], up to the program. */
  readonly words: readonly string[];
  readonly directory: string;
  /** `NAME=value` that was used, or `NAME` that was asked for and not there. */
  readonly environment: readonly string[];
  readonly observations: readonly Observation[];
  /** The launcher's ELF file with the plan, which has room for a program. */
  readonly image: Patched;
  /** Where the plan begins in the image, and where the room is in it. */
  readonly planAt: number;
  readonly room: ProgramRoom;
  readonly spare: Spare;
  /** Bytes for the words of a command as JSON. */
  readonly json: number;
  /** The container's PATH. */
  readonly directories: readonly string[];
  /** state.json up to the words of the command. */
  readonly state: Patched;
  /** The container has a range of ids of its own. */
  readonly ranged: boolean;
  /** The number that the image's descriptor has for the plan. */
  readonly self: number;
  /** How often an earlier file of this command line was of no use. */
  readonly misses: number;
  /** The kernel knows F_SEAL_EXEC and MFD_EXEC. */
  readonly sealExec: boolean;
}

/** struct known_names. */
const NAMES = { id: 0, short: 65, range: 78, created: 89, rangeValue: 104, size: 112 } as const;
/** The directory of all containers: front.c opened it. */
const CONTAINERS = register(4);
/** The first word of the file, another one for each form of it; `misses` is its tenth. */
export const KNOWN_MAGIC = 0x326e776b;
const [HEADER_SIZE, PROGRAM_SIZE] = [40, 48];

/** Writes `patched` to a descriptor, then the names over it; any failure leads to `failed`. */
function write(w: PlanWriter, fd: number, names: number, { bytes, slots, created }: Patched, failed: Label, more?: Block): number {
  const result = w.register();
  const attempt = (nr: number, ...args: number[]): void => {
    w.call(nr, args[0], args[1], args[2], args[3]).flags(FLAG.IGNORE | FLAG.FULL).into(result).jumpError(failed, result);
  };
  const content = w.bytes(bytes);
  attempt(SYSCALLS.write, fd, content, bytes.length);
  if (more !== undefined) {
    const length = w.register();
    w.load(length, more.length, 8);
    attempt(SYSCALLS.write, fd, more.at, length);
    w.release(length);
  }
  const put = (places: readonly number[], from: number, length: number, skip = 0): void => {
    for (const at of places) attempt(SYSCALLS.pwrite64, fd, names + from + skip, length, at + skip);
  };
  put(slots.ids, NAMES.id, 64);
  put(slots.shortIds, NAMES.short, 12);
  put(slots.ranges, NAMES.range, 10);
  put(created, NAMES.created, 13);
  // A sum with the range: its first id is a multiple of 2^16 and less than 2^31, so the upper half alone is the container's own.
  for (const [at] of slots.sums) attempt(SYSCALLS.pwrite64, fd, names + NAMES.rangeValue + 2, 2, at + 2);
  w.release(result);
  return content;
}

/** Bytes that known.h puts there, and their number. */
interface Block {
  readonly at: number;
  readonly length: number;
}

/** The container's directory with its state, and the reservation of its range. Returns what has to be undone, in order of making. */
function makePlace(w: PlanWriter, names: number, known: KnownStart, json: Block, undo: { range: Label; place: Label; nothing: Label }): void {
  const [result, directory, file, ids] = [w.register(), w.register(), w.register(), w.register()];
  const attempt = (target: number, failed: Label): void => void w.flags(FLAG.IGNORE).into(target).jumpError(failed, target);
  w.call(SYSCALLS.openat, CONTAINERS, w.text("../ids"), OPEN.PATH | OPEN.DIRECTORY | OPEN.NOFOLLOW | OPEN.CLOEXEC);
  attempt(ids, undo.nothing);
  w.call(SYSCALLS.mkdirat, CONTAINERS, names + NAMES.id, 0o700);
  attempt(result, undo.nothing);
  if (known.ranged) {
    w.call(SYSCALLS.symlinkat, names + NAMES.id, ids, names + NAMES.range);
    attempt(result, undo.place);
  }
  const failed = known.ranged ? undo.range : undo.place;
  w.call(SYSCALLS.openat, CONTAINERS, names + NAMES.id, OPEN.PATH | OPEN.DIRECTORY | OPEN.NOFOLLOW | OPEN.CLOEXEC);
  attempt(directory, failed);
  w.call(SYSCALLS.openat, directory, w.text("state.json"), OPEN.WRONLY | OPEN.CREAT | OPEN.EXCL | OPEN.NOFOLLOW | OPEN.CLOEXEC, 0o600);
  attempt(file, failed);
  write(w, file, names, known.state, failed, json);
  w.close(file).close(directory).release(result, ids);
}

interface StartPlan {
  readonly plan: Uint8Array;
  /** Addresses in its data. */
  readonly names: number;
  readonly image: number;
  readonly json: Block;
}

function startPlan(known: KnownStart): StartPlan {
  const w = new PlanWriter();
  const names = w.room(NAMES.size);
  const json = { at: w.room(known.json), length: w.cells(0) };
  askAgain(w, known.observations);
  w.from("known start");
  const [image, result] = [w.register(), w.register()];
  const undo = { range: w.label(), place: w.label(), nothing: w.label() };
  w.call(SYSCALLS.memfd_create, w.text("pidbox"), MFD.CLOEXEC | MFD.ALLOW_SEALING | (known.sealExec ? MFD.EXEC : 0)).into(image);
  const content = write(w, image, names, known.image, undo.nothing);
  w.call(SYSCALLS.fcntl, image, F.ADD_SEALS, F.SEAL_ALL | (known.sealExec ? F.SEAL_EXEC : 0));
  makePlace(w, names, known, json, undo);
  for (const fd of [0, 1, 2]) w.call(SYSCALLS.fcntl, fd, F.SETFD, 0).flags(FLAG.IGNORE);
  const failed = known.ranged ? undo.range : undo.place;
  w.call(SYSCALLS.dup3, image, known.self, 0).flags(FLAG.IGNORE).into(result).jumpError(failed, result);
  const argv = w.cells(w.text("pidbox"), names + NAMES.short, 0);
  w.call(SYSCALLS.execveat, known.self, w.text(""), argv, w.cells(0), AT.EMPTY_PATH).flags(FLAG.IGNORE);
  w.place(undo.range);
  const remove = (dir: number, name: number, flags: number): void => void w.call(SYSCALLS.unlinkat, dir, name, flags).flags(FLAG.IGNORE);
  const [ids, directory] = [w.register(), w.register()];
  if (known.ranged) {
    w.call(SYSCALLS.openat, CONTAINERS, w.text("../ids"), OPEN.PATH | OPEN.DIRECTORY | OPEN.NOFOLLOW | OPEN.CLOEXEC).flags(FLAG.IGNORE).into(ids);
    remove(ids, names + NAMES.range, 0);
  }
  w.place(undo.place);
  w.call(SYSCALLS.openat, CONTAINERS, names + NAMES.id, OPEN.PATH | OPEN.DIRECTORY | OPEN.NOFOLLOW | OPEN.CLOEXEC).flags(FLAG.IGNORE).into(directory);
  remove(directory, w.text("state.json"), 0);
  remove(CONTAINERS, names + NAMES.id, AT.REMOVEDIR);
  w.place(undo.nothing);
  // Whatever fails leads out of a plan in front of Bun.
  w.expect(0, 1).exit(1);
  return { plan: w.finish(w.position - 1), names, image: content, json };
}

/** struct known_program: offsets in the data of the plan that runs in front, but for the last. */
function programWords(known: KnownStart, { image, json }: StartPlan, directoriesAt: number): number[] {
  const { room, spare, planAt } = known;
  const plan = argumentValue(image) + planAt;
  const [jsonAt, lengthAt] = [argumentValue(json.at), argumentValue(json.length)];
  return [
    plan + room.data, room.paths, room.args, room.text, spare.args, spare.text, plan + room.relocations, plan + RELOCATION_COUNT_AT,
    jsonAt, known.json, lengthAt, directoriesAt,
  ];
}

/** checksum() of known.h. */
export function checksum(bytes: Uint8Array): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  const sum = [1, 2, 3, 4];
  for (let i = 0; i < words.length; i++) sum[i & 3] = Math.imul((sum[i & 3] ?? 0) ^ (words[i] ?? 0), 16777619);
  return ((sum[0] ?? 0) ^ (sum[1] ?? 0) ^ (sum[2] ?? 0) ^ (sum[3] ?? 0)) >>> 0;
}

/** The file. */
export function encodeKnownStart(known: KnownStart): Uint8Array {
  const made = startPlan(known);
  const { plan, names } = made;
  const encoder = new TextEncoder();
  const list = (texts: readonly string[]): Uint8Array => encoder.encode(`${texts.map((text) => `${text}\0`).join("")}\0`);
  const [words, directory, environment] = [list(known.words), encoder.encode(`${known.directory}\0`), list(known.environment)];
  const directories = list(known.directories);
  const programAt = HEADER_SIZE;
  const planAt = programAt + PROGRAM_SIZE;
  const directoriesAt = planAt + plan.length;
  const wordsAt = directoriesAt + directories.length;
  const directoryAt = wordsAt + words.length;
  const environmentAt = directoryAt + directory.length;
  const size = (environmentAt + environment.length + 8 + 7) & ~7;
  const file = new Uint8Array(size);
  file.set(plan, planAt);
  file.set(directories, directoriesAt);
  new Uint32Array(file.buffer, programAt, PROGRAM_SIZE / 4).set(programWords(known, made, directoriesAt));
  file.set(words, wordsAt);
  file.set(directory, directoryAt);
  file.set(environment, environmentAt);
  const sum = checksum(file.subarray(HEADER_SIZE));
  new Uint32Array(file.buffer, 0, 10).set([KNOWN_MAGIC, size, sum, wordsAt, directoryAt, environmentAt, planAt, argumentValue(names), programAt, known.misses]);
  return file;
}
