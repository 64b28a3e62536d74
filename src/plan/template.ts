/**
 * A plan's body with the places where the container's own names stand: the body of any container whose blueprint differs in these names alone is a copy with
 * other names in the same places. The compiler knows nothing of this: the places are found by comparing two compilations. Pure.
 */
import type { IdMapping } from "../spec/runtime-config.ts";
import type { Blueprint } from "./blueprint.ts";
import { PLAN } from "./op.ts";
import type { PlanBody } from "./program.ts";

/** What differs between two starts of the same command line. All have a fixed length in every text. */
export interface Names {
  /** 64 hexadecimal digits; its first 12 are a name too. */
  readonly id: string;
  /** First host id of the container's range, with ten digits; absent without a range. */
  readonly range?: number;
}

/** Where which text stands, as offsets into the body. `sums` are arguments of ops: the range's first id and what is added to it. */
export interface Slots {
  readonly ids: readonly number[];
  readonly shortIds: readonly number[];
  readonly ranges: readonly number[];
  readonly sums: readonly (readonly [at: number, plus: number])[];
}

const SHORT = 12;
/** Control characters, which JSON escapes: no text of a blueprint has one. */
const MARK = { id: "\u0001", short: "\u0002", range: "\u0003" } as const;

/** JSON text with marks in place of the names: equal for blueprints that differ in them alone. */
export function withoutNames(json: string, { id, range }: Names): string {
  const text = json.replaceAll(id, MARK.id).replaceAll(id.slice(0, SHORT), MARK.short);
  return range === undefined ? text : text.replaceAll(String(range), MARK.range);
}

/** The inverse of withoutNames, for any names. */
export function withNames(text: string, { id, range }: Names): string {
  const named = text.replaceAll(MARK.id, id).replaceAll(MARK.short, id.slice(0, SHORT));
  return range === undefined ? named : named.replaceAll(MARK.range, String(range));
}

/** Another number with as many digits, none of which is the same if the first is no 3; with ten of them less than 2^32. */
export function otherNumber(value: number): number {
  return Number(String(value).replace(/./g, (digit, at: number) => (at === 0 ? "3" : String((Number(digit) + 1) % 10))));
}

/** Other names, which differ from `names` in every digit. */
export function otherNames({ id, range }: Names): Names {
  const other = id.replace(/./g, (digit) => ((Number.parseInt(digit, 16) + 1) % 16).toString(16));
  return range === undefined ? { id: other } : { id: other, range: otherNumber(range) };
}

/** Links that reserve a range: those of `from` become those of `to`. */
export function renamedLinks(links: readonly string[], from: Names, to: Names): string[] {
  return links.map((link) => {
    const at = link.lastIndexOf("/") + 1;
    const renamed = withNames(withoutNames(link.slice(0, at), { id: from.id }), { id: to.id });
    return renamed + (link.slice(at) === String(from.range) ? String(to.range) : link.slice(at));
  });
}

type Renamable = Pick<Blueprint, "config" | "mapping"> & Partial<Pick<Blueprint, "state">> & { readonly seccomp?: unknown };
type Maps = Readonly<Partial<Record<"uidMappings" | "gidMappings", readonly IdMapping[]>>>;

/**
 * The blueprint of a container that has other names. Its id is any text that is like it, for it is random; its range is what stands where a range belongs.
 * So a number that is like the range by accident, such as a limit, stays as it is, and findSlots() sees it.
 */
export function renamed<T extends Renamable>(blueprint: T, from: Names, to: Names): T {
  const { seccomp, state } = blueprint;
  // A filter is bytes, which JSON has none of, and has no names in it.
  const text = JSON.stringify(seccomp === undefined ? blueprint : { ...blueprint, seccomp: null });
  const copy = JSON.parse(withNames(withoutNames(text, { id: from.id }), { id: to.id })) as T;
  const moved = (map: readonly IdMapping[]): IdMapping[] => map.map((one) => (one.hostID === from.range ? { ...one, hostID: to.range ?? one.hostID } : one));
  const { mapping, config } = copy;
  const maps: Maps = config.linux ?? {};
  const own = {
    ...(maps.uidMappings === undefined ? {} : { uidMappings: moved(maps.uidMappings) }),
    ...(maps.gidMappings === undefined ? {} : { gidMappings: moved(maps.gidMappings) }),
  };
  return {
    ...copy, ...(seccomp === undefined ? {} : { seccomp }),
    ...(mapping === undefined ? {} : { mapping: { ...mapping, uid: moved(mapping.uid), gid: moved(mapping.gid) } }),
    config: config.linux === undefined ? config : { ...config, linux: { ...config.linux, ...own } },
    ...(copy.state === undefined || state === undefined ? {} : { state: { ...copy.state, reservations: renamedLinks(state.reservations, from, to) } }),
  };
}

/** Offsets of `text` from `from` on. */
function offsets(latin: string, text: string, from: number): number[] {
  const found: number[] = [];
  for (let at = latin.indexOf(text, from); at >= 0; at = latin.indexOf(text, at + text.length)) found.push(at);
  return found;
}

/** Where the names stand in a text, or in bytes from `from` on. */
export function textSlots(bytes: Uint8Array, { id, range }: Names, from = 0): Slots {
  const latin = new TextDecoder("latin1").decode(bytes);
  const ids = offsets(latin, id, from);
  return {
    ids, shortIds: offsets(latin, id.slice(0, SHORT), from).filter((at) => !ids.includes(at)),
    ranges: range === undefined ? [] : offsets(latin, String(range), from), sums: [],
  };
}

const opsEnd = (view: DataView): number => view.getUint32(12, true) + view.getUint32(16, true) * PLAN.opSize;
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Arguments of ops that differ, if all of them are sums with the range. */
function sumsOf(one: DataView, other: DataView, names: Names): (readonly [number, number])[] {
  const sums: (readonly [number, number])[] = [];
  for (let op = PLAN.headerSize; op < opsEnd(one); op += PLAN.opSize) {
    for (let at = op + 16; at < op + PLAN.opSize; at += 8) {
      if (one.getBigUint64(at, true) !== other.getBigUint64(at, true)) sums.push([at, Number(one.getBigUint64(at, true)) - (names.range ?? 0)]);
    }
  }
  return sums;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/**
 * The places of `names` in `body`, given what the compiler makes of the same blueprint with `otherNames(names)`.
 * Undefined unless putting those in gives just that: then the names have an effect that this cannot follow.
 */
export function findSlots(body: PlanBody, names: Names, other: PlanBody): Slots | undefined {
  if (body.bytes.length !== other.bytes.length || body.programOp !== other.programOp) return undefined;
  const data = viewOf(body.bytes).getUint32(28, true);
  const slots: Slots = { ...textSlots(body.bytes, names, data), sums: sumsOf(viewOf(body.bytes), viewOf(other.bytes), names) };
  const copy = body.bytes.slice();
  fillSlots(copy, slots, otherNames(names));
  return sameBytes(copy, other.bytes) ? slots : undefined;
}

/** Puts `names` in their places, which must lie in `body`. */
export function fillSlots(body: Uint8Array, slots: Slots, names: Names): void {
  const put = (places: readonly number[], text: string): void => {
    const bytes = new TextEncoder().encode(text);
    for (const at of places) body.set(bytes, at);
  };
  put(slots.ids, names.id);
  put(slots.shortIds, names.id.slice(0, SHORT));
  if (names.range === undefined) return;
  put(slots.ranges, String(names.range));
  const view = viewOf(body);
  for (const [at, plus] of slots.sums) view.setBigUint64(at, BigInt(names.range + plus), true);
}
