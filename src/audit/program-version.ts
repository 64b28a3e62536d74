/**
 * The version of a program from its own bytes: what the Go linker wrote down of how it was built. Nothing is executed.
 *
 * An attacker controls: nothing where the program is the host's; sizes are bounded all the same, and what is not in the expected form is no version.
 */
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close, O, open } from "../kernel/file.ts";

const ELF_HEADER = 64;
const SECTION_HEADER = 64;
const MOST_SECTIONS = 200;
const LARGEST = 1 << 20;
const BUILD_INFO = ".go.buildinfo";
/** "\xff Go buildinf:", debug/buildinfo of Go. */
const MAGIC = [0xff, 0x20, 0x47, 0x6f, 0x20, 0x62, 0x75, 0x69, 0x6c, 0x64, 0x69, 0x6e, 0x66, 0x3a];
const INLINE_STRINGS = 2;
const HEADER = 32;
/** runtime/debug wraps the module's text into 16 bytes on either side. */
const SENTINEL = 16;

function readAt(fd: number, offset: number, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  return syscall(SYSCALLS.pread64, fd, address(bytes), length, offset) === length ? bytes : undefined;
}

interface Section {
  readonly name: number;
  readonly offset: number;
  readonly size: number;
}

/** Where the table of sections of a 64-bit little-endian ELF is. Pure. */
export function sectionTable(header: Uint8Array): { readonly offset: number; readonly count: number; readonly names: number } | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (header.length < ELF_HEADER || view.getUint32(0) !== 0x7f454c46 || view.getUint8(4) !== 2 || view.getUint8(5) !== 1) return undefined;
  const [offset, size, count, names] = [Number(view.getBigUint64(40, true)), view.getUint16(58, true), view.getUint16(60, true), view.getUint16(62, true)];
  return size === SECTION_HEADER && count > 0 && count <= MOST_SECTIONS && names < count && Number.isSafeInteger(offset) ? { offset, count, names } : undefined;
}

function sections(table: Uint8Array): Section[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  return Array.from({ length: Math.floor(table.length / SECTION_HEADER) }, (_, i) => {
    const at = i * SECTION_HEADER;
    return { name: view.getUint32(at, true), offset: Number(view.getBigUint64(at + 24, true)), size: Number(view.getBigUint64(at + 32, true)) };
  });
}

function readSection(fd: number, wanted: string): Uint8Array | undefined {
  const header = readAt(fd, 0, ELF_HEADER);
  const place = header === undefined ? undefined : sectionTable(header);
  const table = place === undefined ? undefined : readAt(fd, place.offset, place.count * SECTION_HEADER);
  if (place === undefined || table === undefined) return undefined;
  const all = sections(table);
  const within = (section: Section | undefined): section is Section => section !== undefined && section.size <= LARGEST && Number.isSafeInteger(section.offset);
  const strings = all[place.names];
  const names = within(strings) ? readAt(fd, strings.offset, strings.size) : undefined;
  if (names === undefined) return undefined;
  const text = new TextDecoder("latin1").decode(names);
  const section = all.find(({ name }) => text.slice(name, name + wanted.length + 1) === `${wanted}\0`);
  return within(section) ? readAt(fd, section.offset, section.size) : undefined;
}

/** A string with its length before it (unsigned varint) and where the next one begins. */
function inlineString(bytes: Uint8Array, from: number): { readonly bytes: Uint8Array; readonly end: number } | undefined {
  let length = 0;
  for (let at = from, shift = 0; at < bytes.length && shift < 28; at++, shift += 7) {
    const byte = bytes[at] ?? 0;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return at + 1 + length > bytes.length ? undefined : { bytes: bytes.subarray(at + 1, at + 1 + length), end: at + 1 + length };
  }
  return undefined;
}

/** The module text of Go's build information (Go 1.18 and newer); undefined for another form. Pure. */
export function parseBuildInfo(bytes: Uint8Array): string | undefined {
  if (MAGIC.some((byte, i) => bytes[i] !== byte) || ((bytes[15] ?? 0) & INLINE_STRINGS) === 0) return undefined;
  const compiler = inlineString(bytes, HEADER);
  const module = compiler === undefined ? undefined : inlineString(bytes, compiler.end);
  if (module === undefined || module.bytes.length < 2 * SENTINEL) return undefined;
  return new TextDecoder().decode(module.bytes.subarray(SENTINEL, module.bytes.length - SENTINEL));
}

/** The version in a module's text: what the linker was told to write into a variable, else the version of the main module. Pure. */
export function versionIn(text: string): string | undefined {
  const flag = /-X[= ]'?[A-Za-z0-9./_-]*?(?:\.|\/)(?:[vV]ersion|VERSION|gitVersion|buildVersion)=v?([0-9]+\.[0-9]+[A-Za-z0-9.+~-]{0,60})/.exec(text)?.[1];
  return flag ?? /^mod\t[^\t\n]+\tv([0-9]+\.[0-9]+[A-Za-z0-9.+~-]{0,60})/m.exec(text)?.[1];
}

/** The version of the program at `path`, which may be /proc/PID/exe; undefined where it does not say. */
export function readProgramVersion(path: string): string | undefined {
  const fd = open(path, O.RDONLY | O.NONBLOCK);
  if (fd < 0) return undefined;
  const section = readSection(fd, BUILD_INFO);
  close(fd);
  const text = section === undefined ? undefined : parseBuildInfo(section);
  return text === undefined ? undefined : versionIn(text);
}
