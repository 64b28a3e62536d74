/**
 * Bodies of plans, kept between starts, so that a start whose blueprint is known compiles nothing. The compiler is a pure function: the same blueprint on a
 * host with the same facts gives the same body but for the container's own names, which are filled in. Facts and blueprint are read and made anew each time,
 * and compared whole; nothing is believed because of a file's age or name.
 *
 * Who can write here can run anything as the caller: the directory is the owner's alone, and lies where no container is let in without --unsafe=mount.
 */
import { FILE_TYPE } from "../kernel/abi/constants.ts";
import { close, listDirectory, O, open, readDescriptor, replaceFile, stat } from "../kernel/file.ts";
import type { Blueprint } from "../plan/blueprint.ts";
import type { compileBody as CompileBody, CompiledBody, CompileOptions } from "../plan/compile.ts";
import type { HostFacts } from "../plan/host-facts.ts";
import { addProgram, programOf } from "../plan/program.ts";
import { fillSlots, findSlots, otherNames, withNames, withoutNames } from "../plan/template.ts";
import type { Names, Slots } from "../plan/template.ts";
import { makeDirectory } from "./own-directory.ts";

/** Set by tools/build.ts to a hash of all sources: another build is another compiler. A run from source has none and keeps nothing. */
declare const PIDBOX_BUILD: string | undefined;

/** Files, each for all blueprints whose hash falls on it: the last one stays. */
const PLACES = 32;
const MOST_BYTES = 512 << 10;
const FOLDER = "plans";
const HEADER_SIZE = 32;
const ENOENT = -2;
const [KNOWN, SEEN] = [0x706c_616e, 0x7365_656e];

export interface PlanRequest {
  readonly blueprint: Blueprint;
  readonly facts: HostFacts;
  readonly options: CompileOptions;
  readonly names: Names;
}

export interface ReadyPlan {
  readonly plan: Uint8Array;
  /** The directories that the plan makes in the cgroup hierarchies. */
  readonly cgroups: readonly string[];
}

/** What is kept of a body beside its bytes. `cgroups` are without names. */
interface Note {
  readonly cgroups: string;
  readonly programOp: number;
  readonly slots: Slots;
}

export interface Entry extends Note {
  readonly body: Uint8Array<ArrayBuffer>;
}

/** All that the body depends on, and the build that makes it, as text without the container's names. Pure. */
export function keyOf({ blueprint, facts, options, names }: PlanRequest, build: string): string {
  const { seccomp, config } = blueprint;
  const filter = seccomp === undefined ? {} : { seccomp: { name: seccomp.name, filter: seccomp.filter.toBase64() } };
  const process = config.process === undefined ? {} : { process: { ...config.process, args: undefined, env: undefined } };
  const bare = { ...blueprint, ...filter, config: { ...config, ...process } };
  return withoutNames(JSON.stringify([build, options, facts, bare]), names);
}

/** The request that `key` was made from, but with other names and without a program. */
function requestOf(key: string, names: Names): PlanRequest {
  type Kept = Omit<Blueprint, "seccomp"> & { seccomp?: { name: string; filter: string } };
  const [, options, facts, kept] = JSON.parse(withNames(key, names)) as [string, CompileOptions, HostFacts, Kept];
  const { seccomp, ...rest } = kept;
  const filter = seccomp === undefined ? {} : { seccomp: { name: seccomp.name, filter: Uint8Array.fromBase64(seccomp.filter) } };
  return { options, facts, names, blueprint: { ...rest, ...filter } };
}

/** The file of an entry: four 32-bit words, KNOWN and the sizes of key, note and body; a 64-bit hash of these three; 8 bytes of zero; then the three. Pure. */
export function encodeEntry(key: string, { body, ...note }: Entry): Uint8Array<ArrayBuffer> {
  const [keyBytes, noteBytes] = [key, JSON.stringify(note)].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array];
  const bytes = new Uint8Array(HEADER_SIZE + keyBytes.length + noteBytes.length + body.length);
  bytes.set(keyBytes, HEADER_SIZE);
  bytes.set(noteBytes, HEADER_SIZE + keyBytes.length);
  bytes.set(body, HEADER_SIZE + keyBytes.length + noteBytes.length);
  new Uint32Array(bytes.buffer, 0, 4).set([KNOWN, keyBytes.length, noteBytes.length, body.length]);
  new BigUint64Array(bytes.buffer, 16, 1)[0] = hashOf(bytes.subarray(HEADER_SIZE));
  return bytes;
}

/** The entry in a file if it is that of `key`, whole and undamaged. Pure. */
export function decodeEntry(bytes: Uint8Array, key: string): Entry | undefined {
  if (bytes.length < HEADER_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [kind, keySize, noteSize, bodySize] = [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as [number, number, number, number];
  if (kind !== KNOWN || HEADER_SIZE + keySize + noteSize + bodySize !== bytes.length) return undefined;
  if (view.getBigUint64(16, true) !== hashOf(bytes.subarray(HEADER_SIZE))) return undefined;
  const decoder = new TextDecoder();
  if (decoder.decode(bytes.subarray(HEADER_SIZE, HEADER_SIZE + keySize)) !== key) return undefined;
  const note = JSON.parse(decoder.decode(bytes.subarray(HEADER_SIZE + keySize, HEADER_SIZE + keySize + noteSize))) as Note;
  // A copy of its own: it is written to, and read as words.
  return { ...note, body: bytes.slice(HEADER_SIZE + keySize + noteSize) };
}

function hashOf(data: string | Uint8Array): bigint {
  return BigInt(Bun.hash(data));
}

/** The sign that `key` was asked for once: an entry is made at the second time, for making one costs a second compilation. Pure. */
function signOf(hash: bigint): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, SEEN, true);
  view.setBigUint64(8, hash, true);
  return bytes;
}

function isSign(bytes: Uint8Array, hash: bigint): boolean {
  const sign = signOf(hash);
  return bytes.length === sign.length && sign.every((byte, i) => bytes[i] === byte);
}

/** The bytes of a file that only `uid` could have written; empty if there is none. */
function readOwn(path: string, uid: number): Uint8Array {
  const fd = open(path, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
  if (fd < 0) return new Uint8Array(0);
  const status = stat("", { dirfd: fd });
  const own = typeof status !== "number" && (status.mode & (FILE_TYPE.MASK | 0o077)) === FILE_TYPE.REGULAR && status.uid === uid;
  const bytes = own ? readDescriptor(fd, MOST_BYTES) : 0;
  close(fd);
  return typeof bytes === "number" ? new Uint8Array(0) : bytes;
}

/** Replaces the file at once, or leaves it: a start does not fail for want of room here. */
function replaceEntry(root: string, place: string, bytes: Uint8Array, id: string): void {
  const [path, fresh] = [`${root}/${FOLDER}/${place}`, `${root}/${FOLDER}/.${id}`];
  if (replaceFile(path, bytes, 0o600, fresh) === ENOENT && makeDirectory(`${root}/${FOLDER}`, 0o700) === 0) replaceFile(path, bytes, 0o600, fresh);
}

/** The entry for a body, unless names have an effect that cannot be followed. */
function entryOf(key: string, names: Names, body: CompiledBody, compileBody: typeof CompileBody): Entry | undefined {
  const other = requestOf(key, otherNames(names));
  const slots = findSlots(body, names, compileBody(other.blueprint, other.facts, other.options));
  if (slots === undefined) return undefined;
  return { cgroups: withoutNames(JSON.stringify(body.cgroups), names), programOp: body.programOp, slots, body: body.bytes };
}

/** The plan for a request, with what is kept for this build below the state root. Throws as compile() does. */
export async function keptPlan(root: string, request: PlanRequest, build: string): Promise<ReadyPlan> {
  const { blueprint, facts, options, names } = request;
  const program = programOf(blueprint.config.process);
  const key = keyOf(request, build);
  const hash = hashOf(key);
  const place = String(hash % BigInt(PLACES));
  const kept = readOwn(`${root}/${FOLDER}/${place}`, facts.uid);
  const entry = decodeEntry(kept, key);
  if (entry !== undefined) {
    fillSlots(entry.body, entry.slots, names);
    return { plan: addProgram({ bytes: entry.body, programOp: entry.programOp }, program), cgroups: JSON.parse(withNames(entry.cgroups, names)) as string[] };
  }
  const { compileBody } = await import("../plan/compile.ts");
  const body = compileBody(blueprint, facts, options);
  const fresh = isSign(kept, hash) ? entryOf(key, names, body, compileBody) : undefined;
  replaceEntry(root, place, fresh === undefined ? signOf(hash) : encodeEntry(key, fresh), names.id);
  return { plan: addProgram(body, program), cgroups: body.cgroups };
}

/** The plan for a request, from the cache where that is safe. Throws as compile() does. */
export async function planFor(root: string, request: PlanRequest): Promise<ReadyPlan> {
  const { blueprint, facts, options } = request;
  // Outside of /run a container may have been let in: -v /tmp:/tmp is not refused.
  const safe = root.startsWith("/run/") && options.fault === undefined && options.gate === undefined;
  if (typeof PIDBOX_BUILD === "string" && safe) return keptPlan(root, request, PIDBOX_BUILD);
  const body = (await import("../plan/compile.ts")).compileBody(blueprint, facts, options);
  return { plan: addProgram(body, programOf(blueprint.config.process)), cgroups: body.cgroups };
}

/** Paths of what is kept below the state root. */
export function keptPlans(root: string): string[] {
  const entries = listDirectory(`${root}/${FOLDER}`, 2 * PLACES);
  return typeof entries === "number" ? [] : entries.map(({ name }) => `${root}/${FOLDER}/${name}`);
}
