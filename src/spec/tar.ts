/**
 * tar archives (POSIX.1-2017, pax Interchange Format; GNU tar's long names): headers to bytes and back. Pure.
 *
 * An attacker controls: every byte of an archive that is read. Sizes are checked before anything of that size is made, and numbers are exact or refused.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";

export type TarType = "file" | "hardlink" | "symlink" | "character" | "block" | "directory" | "fifo";

/** A member of an archive. Names are bytes without NUL; a name does not begin or end with a slash. */
export interface TarEntry {
  readonly type: TarType;
  readonly path: Uint8Array;
  /** Permission bits, those for set-id and sticky included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes that follow; of files alone. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  /** Where a link leads. */
  readonly target?: Uint8Array;
  readonly device?: { readonly major: number; readonly minor: number };
}

export const BLOCK = 512;
/** What ends an archive. */
export const TAR_END = 2 * BLOCK;
const FLAGS: Readonly<Record<TarType, string>> = { file: "0", hardlink: "1", symlink: "2", character: "3", block: "4", directory: "5", fifo: "6" };
/** Longest path that the kernel takes, and more than any pax header of ours needs. */
const MOST_NAME = 4096;
const MOST_HEADER = 1 << 20;
const SLASH = 0x2f;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes from the end of `size` bytes to that of their last block. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

const isPlain = (bytes: Uint8Array): boolean => bytes.every((byte) => byte > 0x1f && byte < 0x7f);

/** `LENGTH KEY=VALUE\n`, the length with its own digits. */
function record(key: string, value: Uint8Array): Uint8Array {
  const rest = key.length + value.length + 3;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  const bytes = new Uint8Array(length);
  bytes.set(encoder.encode(`${length} ${key}=`));
  bytes.set(value, length - value.length - 1);
  bytes[length - 1] = 0x0a;
  return bytes;
}

function octal(header: Uint8Array, at: number, width: number, value: number): void {
  header.set(encoder.encode(value.toString(8).padStart(width - 1, "0")), at);
}

const MOST_OCTAL = { short: 0o7777777, long: 0o77777777777 } as const;

interface Block {
  readonly name: Uint8Array;
  readonly flag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly seconds: number;
  readonly link: Uint8Array;
  readonly device: { readonly major: number; readonly minor: number };
}

function blockOf({ name, flag, mode, uid, gid, size, seconds, link, device }: Block): Uint8Array {
  const header = new Uint8Array(BLOCK);
  header.set(name.subarray(0, 100));
  octal(header, 100, 8, mode);
  octal(header, 108, 8, Math.min(uid, MOST_OCTAL.short));
  octal(header, 116, 8, Math.min(gid, MOST_OCTAL.short));
  octal(header, 124, 12, Math.min(size, MOST_OCTAL.long));
  octal(header, 136, 12, Math.min(Math.max(seconds, 0), MOST_OCTAL.long));
  header.set(encoder.encode(`        ${flag}`), 148);
  header.set(link.subarray(0, 100), 157);
  header.set(encoder.encode("ustar\u000000"), 257);
  octal(header, 329, 8, Math.min(device.major, MOST_OCTAL.short));
  octal(header, 337, 8, Math.min(device.minor, MOST_OCTAL.short));
  octal(header, 148, 7, header.reduce((sum, byte) => sum + byte, 0));
  header[154] = 0;
  return header;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The blocks before the content of an entry. */
export function encodeHeader(entry: TarEntry): Uint8Array {
  const { type, path, mode, uid, gid, size, modified, target = new Uint8Array(0), device = { major: 0, minor: 0 } } = entry;
  const name = type === "directory" ? concat([path, Uint8Array.of(SLASH)]) : path;
  const seconds = Math.floor(modified / 1000);
  const records = [
    ...(name.length > 100 || !isPlain(name) ? [record("path", name)] : []), ...(target.length > 100 || !isPlain(target) ? [record("linkpath", target)] : []),
    ...(size > MOST_OCTAL.long ? [record("size", encoder.encode(String(size)))] : []),
    ...(uid > MOST_OCTAL.short ? [record("uid", encoder.encode(String(uid)))] : []),
    ...(gid > MOST_OCTAL.short ? [record("gid", encoder.encode(String(gid)))] : []),
    ...(modified % 1000 !== 0 || seconds < 0 ? [record("mtime", encoder.encode((modified / 1000).toFixed(3)))] : []),
  ];
  const own = blockOf({ name, flag: FLAGS[type], mode, uid, gid, size, seconds, link: target, device });
  if (records.length === 0) return own;
  const pax = concat(records);
  const nothing = { major: 0, minor: 0 };
  const before = blockOf({
    name: encoder.encode("PaxHeaders/pidbox"), flag: "x", mode: 0o644, uid: 0, gid: 0, size: pax.length, seconds: 0, link: new Uint8Array(0), device: nothing,
  });
  return concat([before, pax, new Uint8Array(padding(pax.length)), own]);
}

function broken(why: string): PidboxError {
  return new PidboxError("PARSE", `Cannot read the archive: ${why}`, { hint: "A tar archive, not compressed" });
}

/** A numeric field: octal text, or GNU's base 256. */
function number(header: Uint8Array, at: number, width: number): number {
  const field = header.subarray(at, at + width);
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) {
    if (first !== 0x80) throw broken("a number is negative or too large");
    let value = 0;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw broken("a number is too large");
    return value;
  }
  const text = decoder.decode(field).replace(/^ +/, "").replace(/[ \0].*$/s, "");
  if (!/^[0-7]*$/.test(text)) throw broken(`${quote(text, 20)} is no number`);
  return text === "" ? 0 : parseInt(text, 8);
}

function text(header: Uint8Array, at: number, width: number): Uint8Array {
  const field = header.subarray(at, at + width);
  const end = field.indexOf(0);
  return field.slice(0, end < 0 ? width : end);
}

function checkSum(header: Uint8Array): void {
  const wanted = number(header, 148, 8);
  const sum = header.reduce((all, byte, i) => all + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  if (sum !== wanted) throw broken("a header's checksum is wrong");
}

/** Name without slashes at its ends, and without `.` and empty parts. Throws PARSE for one that leads upwards. */
function tidy(name: Uint8Array): Uint8Array {
  if (name.length > MOST_NAME) throw broken("a name is too long");
  if (name.includes(0)) throw broken("a name has a NUL in it");
  const parts: Uint8Array[] = [];
  for (let at = 0; at <= name.length; ) {
    const slash = name.indexOf(SLASH, at);
    const end = slash < 0 ? name.length : slash;
    const part = name.subarray(at, end);
    if (part.length === 2 && part[0] === 0x2e && part[1] === 0x2e) throw broken(`the name ${quote(decoder.decode(name), 80)} leads out of the archive`);
    if (part.length > 0 && !(part.length === 1 && part[0] === 0x2e)) parts.push(...(parts.length > 0 ? [Uint8Array.of(SLASH)] : []), part);
    at = end + 1;
  }
  return concat(parts);
}

/** What headers before the entry's own say of it. */
interface Overrides {
  path?: Uint8Array;
  linkpath?: Uint8Array;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
}

function wholeNumber(value: Uint8Array): number {
  const shown = decoder.decode(value);
  if (!/^\d{1,16}$/.test(shown) || !Number.isSafeInteger(Number(shown))) throw broken(`${quote(shown, 20)} is no number`);
  return Number(shown);
}

function applyRecord(overrides: Overrides, key: string, value: Uint8Array): void {
  if (key === "path" || key === "linkpath") overrides[key] = value.slice();
  else if (key === "size" || key === "uid" || key === "gid") overrides[key] = wholeNumber(value);
  else if (key === "mtime") {
    const shown = decoder.decode(value);
    if (!/^-?\d{1,12}(\.\d*)?$/.test(shown)) throw broken(`${quote(shown, 20)} is no time`);
    overrides.mtime = Math.round(Number(shown) * 1000);
  } else if (key.startsWith("GNU.sparse.")) throw broken("it has sparse files, which are not understood here");
}

function parsePax(bytes: Uint8Array, overrides: Overrides): void {
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 || space - at > 7 ? 0 : wholeNumber(bytes.subarray(at, space));
    const equals = bytes.indexOf(0x3d, space);
    if (length < 5 || at + length > bytes.length || equals < 0 || equals >= at + length || bytes[at + length - 1] !== 0x0a) throw broken("an extended header is malformed");
    applyRecord(overrides, decoder.decode(bytes.subarray(space + 1, equals)), bytes.subarray(equals + 1, at + length - 1));
    at += length;
  }
}

/** Where an archive comes from: fills `buffer` and returns how much of it, which is less only at the end. */
export interface ByteSource {
  readonly read: (buffer: Uint8Array) => number;
}

/** Reads an archive, member by member. The content of one must be read, or passed over by `next`. */
export class TarReader {
  readonly #source: ByteSource;
  /** Bytes of the current member's content that were not read, and the padding after it. */
  #left = 0;
  #padding = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** More of the current member's content into `buffer`; 0 is its end. */
  content(buffer: Uint8Array): number {
    const part = buffer.subarray(0, Math.min(buffer.length, this.#left));
    if (part.length > 0 && this.#source.read(part) < part.length) throw broken("it ends in the middle of a file");
    this.#left -= part.length;
    return part.length;
  }

  #skip(): void {
    const buffer = new Uint8Array(64 * 1024);
    while (this.content(buffer) > 0);
    if (this.#padding > 0 && this.#source.read(buffer.subarray(0, this.#padding)) < this.#padding) throw broken("it ends in the middle of a block");
    this.#padding = 0;
  }

  #whole(size: number): Uint8Array {
    if (size > MOST_HEADER) throw broken("an extended header is too long");
    const bytes = new Uint8Array(size);
    this.content(bytes);
    return bytes;
  }

  /** Such a name ends at its NUL. */
  #longName(size: number): Uint8Array {
    const bytes = this.#whole(size);
    const end = bytes.indexOf(0);
    return end < 0 ? bytes : bytes.subarray(0, end);
  }

  /** The next member, or undefined at the end. Throws PARSE. */
  next(): TarEntry | undefined {
    const overrides: Overrides = {};
    for (;;) {
      this.#skip();
      const header = new Uint8Array(BLOCK);
      const got = this.#source.read(header);
      // An end without its two empty blocks is one, too.
      if (got === 0 || (got === BLOCK && header.every((byte) => byte === 0))) return undefined;
      if (got < BLOCK) throw broken("it ends in the middle of a header");
      checkSum(header);
      const flag = String.fromCharCode(header[156] ?? 0);
      this.#left = overrides.size !== undefined && !"xgLK".includes(flag) ? overrides.size : number(header, 124, 12);
      this.#padding = padding(this.#left);
      if (flag === "x") parsePax(this.#whole(this.#left), overrides);
      else if (flag === "L") overrides.path = this.#longName(this.#left);
      else if (flag === "K") overrides.linkpath = this.#longName(this.#left);
      else if (flag !== "g") return this.#entry(header, flag, overrides);
    }
  }

  #entry(header: Uint8Array, flag: string, overrides: Overrides): TarEntry {
    const ustar = decoder.decode(header.subarray(257, 262)) === "ustar";
    const prefix = ustar && header[263] === 0x30 ? text(header, 345, 155) : new Uint8Array(0);
    const plain = text(header, 0, 100);
    const name = overrides.path ?? (prefix.length === 0 ? plain : concat([prefix, Uint8Array.of(SLASH), plain]));
    const regular = flag === "0" || flag === "\0" || flag === "7";
    const type = regular ? (name.at(-1) === SLASH ? "directory" : "file") : (Object.keys(FLAGS) as TarType[]).find((one) => FLAGS[one] === flag);
    if (type === undefined) throw broken(`it has a member of the kind ${quote(flag)}, which is not understood here`);
    // What other kinds have behind them is passed over.
    const size = type === "file" ? this.#left : 0;
    const target = overrides.linkpath ?? text(header, 157, 100);
    if (target.length > MOST_NAME || target.includes(0)) throw broken("a link's target is too long, or has a NUL in it");
    return {
      type, path: tidy(name), mode: number(header, 100, 8) & 0o7777, uid: overrides.uid ?? number(header, 108, 8),
      gid: overrides.gid ?? number(header, 116, 8), size,
      modified: overrides.mtime ?? number(header, 136, 12) * 1000,
      ...(type === "symlink" ? { target } : type === "hardlink" ? { target: tidy(target) } : {}),
      ...(type === "character" || type === "block" ? { device: { major: number(header, 329, 8), minor: number(header, 337, 8) } } : {}),
    };
  }
}
